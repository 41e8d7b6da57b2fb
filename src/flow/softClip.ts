/** Smooth bounds for log-scales, so that no product of scales can explode or vanish. */
import type { Tensor } from "../torch/index.ts";

/** c * tanh(a / c): the identity near 0, never beyond +-c. */
export function softClip(a: Tensor, bound: number): Tensor {
  return a.div(bound).tanh().mul(bound);
}
