/** Learning-rate schedules as pure functions of the step. */

/** A schedule as a configuration states it. */
export interface ScheduleConfig {
  readonly kind: "constant" | "cosine" | "linear";
  /** Steps of linear rise from 0. */
  readonly warmupSteps: number;
  readonly totalSteps: number;
  /** Factor at the end. */
  readonly finalFactor: number;
}

/** The factor of the learning rate at step 1, 2, ...: a linear rise, then constant, half a cosine, or a straight line. */
export function scheduleFactor(config: ScheduleConfig, step: number): number {
  const { kind, warmupSteps, totalSteps, finalFactor } = config;
  if (step <= warmupSteps) return step / warmupSteps;
  if (kind === "constant") return 1;
  const progress = Math.min(1, (step - warmupSteps) / Math.max(1, totalSteps - warmupSteps));
  const fall = kind === "cosine" ? (1 + Math.cos(Math.PI * progress)) / 2 : 1 - progress;
  return finalFactor + (1 - finalFactor) * fall;
}
