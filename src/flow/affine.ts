/** The one-dimensional affine map of a coupling and its two scale maps. Pure functions, tested without a model. */
import type { Tensor } from "../torch/index.ts";
import type { FlowConfig } from "./config.ts";
import type { ScaleAndShift } from "./network.ts";
import { softClip } from "./softClip.ts";

/**
 * ln s of a coupling: ln sigmoid(l + alpha) for the paper's family, which can only contract; c tanh(l / c) for ours,
 * the identity at l = 0.
 */
export function logScale(l: Tensor, config: Pick<FlowConfig, "family" | "alpha" | "softClip">): Tensor {
  return config.family === "paper" ? l.add(config.alpha).logSigmoid() : softClip(l, config.softClip);
}

/** y = s (x + t), with ln s element by element. */
export function affineForward(x: Tensor, logS: Tensor, { shift }: ScaleAndShift): Tensor {
  return x.add(shift).mul(logS.exp());
}

/** x = y / s - t. */
export function affineInverse(y: Tensor, logS: Tensor, { shift }: ScaleAndShift): Tensor {
  return y.mul(logS.neg().exp()).sub(shift);
}
