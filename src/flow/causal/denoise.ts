/** One-step denoising. */
import { grad, scope, type Tensor } from "../../torch/index.ts";
import type { Bijection } from "../bijection.ts";
import type { FlowContext } from "../context.ts";

/**
 * x + sigma^2 d ln p(x) / dx, (B, T, C): where p is the density of data plus noise N(0, sigma^2 I), the expectation of
 * the data given x (Tweedie's formula). Needs a flow that `logDensity` can be differentiated through.
 */
export function denoise(flow: Bijection, x: Tensor, sigma: number, context: FlowContext): Tensor {
  return scope(() => {
    const point = x.detach().clone().setRequiresGrad();
    const [slope] = grad([flow.logDensity(point, context).sum()], [point]);
    return context.masked(x.detach().add(slope, sigma * sigma));
  });
}
