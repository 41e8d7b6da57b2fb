/** Floor 4: learning a flow from text. */
export { BatchSequence, epochBatches } from "./batches.ts";
export { type MetricsRow, readMetrics } from "./metricsLog.ts";
export { prepareModel } from "./prepare.ts";
export { type TrainOptions, type TrainResult, train } from "./train.ts";
export { type Validation, validate } from "./validation.ts";
