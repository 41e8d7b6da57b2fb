/** Floor 3: bijections, priors, the whole flows, their presets. */
export { ActNorm } from "./actNorm.ts";
export { ArFlow, CausalBijection, encodeByLoops, encodeByWavefront, type IncrementalDecoder } from "./ar/index.ts";
export { AttentionDecoder, type AttentionMemory, AttentionReader, spokenIds } from "./attentionDecoder.ts";
export { Bijection, type Decoded, type Encoded } from "./bijection.ts";
export { BilstmDensity, LstmShift } from "./bilstmDensity.ts";
export * from "./causal/index.ts";
export { Chain, type Link } from "./chain.ts";
export {
  type AttentionDecoderConfig,
  type Config,
  configSchema,
  type DataConfig,
  type FlowConfig,
  missingKeys,
  parseConfig,
  type TrainConfig,
} from "./config.ts";
export { FlowContext, type FlowTrace, type PassSettings } from "./context.ts";
export { ChannelCoupling, HalfTimeCoupling, ParityTimeCoupling } from "./couplings.ts";
export { noiseLogDensity, standardNormalLogDensity } from "./gaussian.ts";
export { drawLength, lengthLogProbabilities, lengthNats } from "./lengthModel.ts";
export { ChannelLinear, ChannelPermutation, TimeLinear, TimePermutation } from "./linearMaps.ts";
export { loadModel, modelFiles, saveModel } from "./modelFolder.ts";
export { multiScaleFlow } from "./multiScale.ts";
export { aboutPreset, presetConfig, presetNames } from "./presets.ts";
export { FinalPrior, OnFirstHalf, SplitPrior } from "./priors.ts";
export { Squeezed, squeeze, unsqueeze } from "./squeeze.ts";
export { type BuildOptions, type Likelihood, type PreparedText, type TextBatch, TextFlow } from "./textFlow.ts";
export { noiseFloor, scoresOf, type TextScore } from "./units.ts";
