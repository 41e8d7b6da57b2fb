/** Floor 4: from latents to words. */
export { type BeamOptions, type BeamResult, beamDecode, decodesByWord, defaultBeam } from "./beam.ts";
export { type Denoised, DenoisedTally, type DenoisedTotals, denoiseTexts } from "./denoise.ts";
export { faultOfLatent } from "./fault.ts";
export { type InterpolateOptions, type Interpolation, interpolateTexts } from "./interpolate.ts";
export { type DecodeOptions, decodeLatents, encodeTexts, type GeneratedText, type Latent } from "./latents.ts";
export { marksOf } from "./marks.ts";
export { type PerturbOptions, perturbTexts, type Rewrite } from "./perturb.ts";
export {
  type Reconstruction,
  ReconstructionTally,
  type ReconstructionTotals,
  reconstructTexts,
  totalsOf,
} from "./reconstruct.ts";
export { drawsWords, type Sample, type SampleOptions, sampleTexts } from "./sample.ts";
export { type ScoreOptions, scoreTexts } from "./score.ts";
export { type TokenRule, textOf, tokensOf, wordsOf } from "./tokens.ts";
