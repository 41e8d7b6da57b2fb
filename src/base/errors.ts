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

/** The same kind of failure over here, where another process ended with this exit code. */
export function errorOfExitCode(message: string, exitCode: number): RiverrunError {
  if (exitCode === 2) return new UsageError(message);
  return exitCode === 3 ? new DataMissingError(message) : new RiverrunError(message);
}

/** A longer message holds a piece of somebody's file, which nobody reads. */
const longestMessage = 1500;

/**
 * The message of anything that was thrown, on one line: what files and libraries put into it may hold line ends, control
 * characters (also those that move a terminal's cursor) and megabytes.
 */
export function messageOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const half = longestMessage / 2;
  const short = message.length > longestMessage ? `${message.slice(0, half)} [...] ${message.slice(-half)}` : message;
  // \p{Cs}: half of a pair that was cut in two.
  return short.replace(/[\p{Cc}\p{Cs}\u2028\u2029\u202a-\u202e\u2066-\u2069\s]+/gu, " ").trim();
}
