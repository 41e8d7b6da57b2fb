/**
 * The three kinds of failure that riverrun tells apart. The command line maps each to an exit code, so that a
 * script can tell "your input is wrong" from "the run failed".
 */

/** Something failed while running; exit code 1. */
export class RiverrunError extends Error {
  override name = "RiverrunError";
  /** Exit code of the command line for this kind of failure. */
  readonly exitCode: number = 1;
}

/** Wrong usage or configuration: an option, a config key, a malformed input file; exit code 2. */
export class UsageError extends RiverrunError {
  override name = "UsageError";
  override readonly exitCode = 2;
}

/** A file or data set that is needed is not there; exit code 3. */
export class DataMissingError extends RiverrunError {
  override name = "DataMissingError";
  override readonly exitCode = 3;
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
