/** Flows that run left to right with any density a step: causal transformers, mixture heads, alternating orders. */
export { type CausalInput, causalFlow, tarFlow } from "./build.ts";
export { CausalDecoder } from "./causalDecoder.ts";
export { CausalFlow, type CausalFlowShape, type WordScores } from "./causalFlow.ts";
export { type CodebookMixture, type CodebookScores, codebookLogDensity } from "./codebookDensity.ts";
export { type Codebook as WordPoints, CodebookHead } from "./codebookHead.ts";
export { CausalCoupling, type CouplingShape } from "./coupling.ts";
export { denoise } from "./denoise.ts";
export { GaussianHead } from "./gaussianHead.ts";
export {
  annealedStrength,
  dropCondition,
  extrapolated,
  type Gaussians,
  guidedGaussians,
  guidedLogProbabilities,
} from "./guidance.ts";
export { CausalHead, type HeadInverse } from "./head.ts";
export { LogisticHead, type LogisticShape } from "./logisticHead.ts";
export { type LogisticMixture, logisticMixtureLogDensity } from "./logisticMixture.ts";
export {
  CausalNetwork,
  type CausalPass,
  CausalReader,
  type CausalShape,
  type CausalSize,
  type Condition,
} from "./network.ts";
export { Reversed } from "./reversed.ts";
export { sampleWords, type WordSampling } from "./sampler.ts";
export { TarFlow } from "./tarFlow.ts";
export { type Truncation, truncationNames, truncationRules, truncationText } from "./truncation.ts";
