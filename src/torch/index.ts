/** Floor 1: tensors, scopes, autograd and random generators on libtorch. */
export { backward, type GradOptions, grad, noGrad } from "./autograd.ts";
export { drawIndices, type GaussianComponents, mixtureDecode, mixtureEncode, transformerStep } from "./causal.ts";
export {
  arange,
  eye,
  full,
  linspace,
  ones,
  rand,
  randint,
  randn,
  randperm,
  type TensorOptions,
  tensor,
  tensorFromBytes,
  zeros,
} from "./creation.ts";
export { GradientReducer, hasCollectives, type Membership, PeerError, ProcessGroup } from "./distributed.ts";
export { type DType, isFloating } from "./dtype.ts";
export {
  affineCoupling,
  biasGelu,
  biasResidual,
  type CouplingOutput,
  type CouplingParts,
  type CouplingPlace,
  type CouplingScale,
  couplingSplit,
  hasBf16Products,
  isFusable,
  luFactors,
  luProduct,
  scaleShift,
  scalesLogDet,
  timeMap,
  timeMapParts,
  transformerBlock,
} from "./fused.ts";
export { Generator } from "./generator.ts";
export { cudaDevices, engineBuild, getThreads, memory, resolveDevice, setThreads, trimMemory } from "./runtime.ts";
export { scope } from "./scope.ts";
export { cat, type Operand, stack, Tensor, type TensorData, where } from "./tensor.ts";
