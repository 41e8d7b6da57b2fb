/** Floor 2: modules, optimisers, schedules. */
export { type AttentionOptions, MultiHeadAttention, type ProjectedMemory } from "./attention.ts";
export { MovingAverage } from "./average.ts";
export { dropout } from "./dropout.ts";
export { Embedding, FrozenEmbedding } from "./embedding.ts";
export { clipGradientNorm, GradientSum, gradientNorm } from "./gradients.ts";
export { InitContext } from "./initContext.ts";
export { KeyValueCache } from "./keyValueCache.ts";
export { LayerNorm, UnbiasedLayerNorm } from "./layerNorm.ts";
export { Linear, ZeroLinear } from "./linear.ts";
export { LSTM, type LstmOptions, type LstmPass, type LstmResult, type LstmState } from "./lstm.ts";
export { type LoadOptions, Module } from "./module.ts";
export { NetworkSettings } from "./networkSettings.ts";
export {
  Adam,
  type AdamOptions,
  AdamW,
  decayGroups,
  Optimiser,
  type ParameterGroup,
  SGD,
  type SgdOptions,
  type Trained,
} from "./optimiser.ts";
export { type PositionOptions, sinusoidalPositions } from "./positions.ts";
export {
  inNetworkPrecision,
  isLowered,
  lowered,
  type NetworkPrecision,
  networkPrecision,
  numbersOf,
  type Precision,
  precisions,
  product,
} from "./precision.ts";
export { linearAnneal, type ScheduleConfig, scheduleFactor } from "./schedule.ts";
export { type Activation, type BlockOptions, type BlockPass, FeedForward, TransformerBlock } from "./transformer.ts";
