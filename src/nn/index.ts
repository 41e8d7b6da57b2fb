/** Floor 2: modules, optimisers, schedules. */
export { type AttentionOptions, KeyValueCache, MultiHeadAttention } from "./attention.ts";
export { MovingAverage } from "./average.ts";
export { dropout } from "./dropout.ts";
export { Embedding } from "./embedding.ts";
export { clipGradientNorm } from "./gradients.ts";
export { InitContext } from "./initContext.ts";
export { LayerNorm, UnbiasedLayerNorm } from "./layerNorm.ts";
export { Linear, ZeroLinear } from "./linear.ts";
export { LSTM, type LstmState } from "./lstm.ts";
export { Module } from "./module.ts";
export { Adam, type AdamOptions, Optimiser, SGD } from "./optimiser.ts";
export { sinusoidalPositions } from "./positions.ts";
export { type ScheduleConfig, scheduleFactor } from "./schedule.ts";
export { type BlockOptions, FeedForward, TransformerBlock } from "./transformer.ts";
