/** Being asked to stop in the middle of an experiment. */
import { RiverrunError } from "../base/errors.ts";
import { type StopSignal, signalExitCodes } from "../train/signals.ts";

/** An experiment was asked to stop; what was finished stays, and the same command goes on from there. */
export class StoppedError extends RiverrunError {
  override name = "StoppedError";
  override readonly exitCode: number;

  constructor(signal: string, where: string) {
    super(`stopped by ${signal} in ${where}: everything up to here is kept; the same command goes on from there`);
    this.exitCode = signalExitCodes[signal as StopSignal] ?? 1;
  }
}
