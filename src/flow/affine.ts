/** The one-dimensional affine map of a coupling and its two scale maps. Pure functions, tested without a model. */
import type { CouplingScale, Tensor } from "../torch/index.ts";
import { softClip } from "./softClip.ts";

/**
 * ln s of a coupling: ln sigmoid(l + alpha) for the paper's family, which can only contract; c tanh(l / c) for ours,
 * the identity at l = 0.
 */
export function logScale(l: Tensor, { map, bound }: CouplingScale): Tensor {
  return map === "sigmoid" ? l.add(bound).logSigmoid() : softClip(l, bound);
}

/** y = s (x + t), with ln s element by element. */
export function affineForward(x: Tensor, logS: Tensor, shift: Tensor): Tensor {
  return x.add(shift).mul(logS.exp());
}

/** x = y / s - t. */
export function affineInverse(y: Tensor, logS: Tensor, shift: Tensor): Tensor {
  return y.mul(logS.neg().exp()).sub(shift);
}
