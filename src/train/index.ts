/** Floor 4: learning a flow from text. */
export { BatchSequence, epochBatches } from "./batches.ts";
export { findCheckpoint, type TrainingState } from "./checkpoint.ts";
export type { StepFigures } from "./gradients.ts";
export type { StepReport, ValidationReport } from "./loop.ts";
export { type MetricsRow, readMetrics } from "./metricsLog.ts";
export { NonFiniteError } from "./nanGuard.ts";
export { InterruptedError, type TrainOptions, type TrainResult } from "./options.ts";
export { type PreparedModel, type PrepareOptions, prepareModel, type VectorProgress } from "./prepare.ts";
export { launchEnd } from "./processes.ts";
export { train } from "./train.ts";
export { chooseHeldOut, type Validation, validate } from "./validation.ts";
