/** Learning-rate schedules as pure functions of the step, described by plain JSON. */
import { UsageError } from "../base/errors.ts";

/** A schedule as a configuration or a checkpoint states it. */
export interface ScheduleConfig {
  /**
   * After the warm-up: `constant` stays at 1; `cosine`, `linear` and `exponential` go to `finalFactor` at `totalSteps`
   * along half a cosine, a straight line and a geometric sequence; `inverseSquareRoot` falls as
   * sqrt(warmupSteps / step).
   */
  readonly kind: "constant" | "cosine" | "linear" | "exponential" | "inverseSquareRoot";
  /** Steps of linear rise from 0 to 1. */
  readonly warmupSteps: number;
  readonly totalSteps: number;
  /** Factor at the end. */
  readonly finalFactor: number;
}

/**
 * The factor of the learning rate at step 1, 2, ...
 *
 * @throws UsageError for an unknown kind, and for `exponential` to a factor that is not above 0.
 */
export function scheduleFactor(config: ScheduleConfig, step: number): number {
  const { kind, warmupSteps, totalSteps, finalFactor } = config;
  if (step <= warmupSteps) return step / warmupSteps;
  const progress = Math.min(1, (step - warmupSteps) / Math.max(1, totalSteps - warmupSteps));
  switch (kind) {
    case "constant":
      return 1;
    case "cosine":
      return finalFactor + (1 - finalFactor) * ((1 + Math.cos(Math.PI * progress)) / 2);
    case "linear":
      return finalFactor + (1 - finalFactor) * (1 - progress);
    case "exponential":
      if (!(finalFactor > 0)) throw new UsageError(`an exponential schedule cannot end at the factor ${finalFactor}`);
      return finalFactor ** progress;
    case "inverseSquareRoot":
      return Math.sqrt(Math.max(1, warmupSteps) / step);
    default:
      throw new UsageError(`unknown schedule "${String(kind)}"`);
  }
}

/** from, then a straight line to `to` at step `steps`, then `to`: the weight of an annealed loss. */
export function linearAnneal(from: number, to: number, steps: number, step: number): number {
  return steps <= 0 ? to : from + (to - from) * Math.min(1, Math.max(0, step / steps));
}
