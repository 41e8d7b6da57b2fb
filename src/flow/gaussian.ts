/** Log-densities of isotropic Gaussians over the real positions of a batch, in nats. */
import type { Tensor } from "../torch/index.ts";
import { perRow } from "./bijection.ts";
import type { FlowContext } from "./context.ts";

const halfLogTwoPi = 0.5 * Math.log(2 * Math.PI);

/** log N(y; 0, I) of each row, (B), float64: -sum (y^2 / 2 + ln(2 pi) / 2). Pads of `y` must be zero. */
export function standardNormalLogDensity(y: Tensor, context: FlowContext): Tensor {
  return perRow(y.square())
    .mul(-0.5)
    .sub(context.counts.mul(y.size(2) * halfLogTwoPi));
}

/** log N(noise; 0, sigma^2 I) of each row, (B), float64, of noise that is zero at the pads. */
export function noiseLogDensity(noise: Tensor, sigma: number, context: FlowContext): Tensor {
  const squares = noise.to("float64").square().sum([1, 2]);
  const constant = noise.size(2) * (halfLogTwoPi + Math.log(sigma));
  return squares.div(-2 * sigma * sigma).sub(context.counts.mul(constant));
}
