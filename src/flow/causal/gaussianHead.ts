/** The affine head: one Gaussian a channel. */
import { type InitContext, type NetworkSettings, ZeroLinear } from "../../nn/index.ts";
import type { Tensor } from "../../torch/index.ts";
import { softClip } from "../softClip.ts";
import { CausalHead, type HeadInverse } from "./head.ts";

/**
 * y = (x - mu) e^{-a}, (a, mu) = ZeroLinear(h), a = c tanh(. / c); ln|det| = -sum a. The identity at the start. This is
 * one block of TarFlow (arXiv:2412.06329, section 2) and all that affine causal steps of one direction can reach.
 */
export class GaussianHead extends CausalHead {
  readonly #parameters: ZeroLinear;
  readonly #bound: number;
  readonly #settings: NetworkSettings;

  constructor(init: InitContext, channels: number, width: number, bound: number) {
    super();
    this.#parameters = this.child("parameters", new ZeroLinear(init, width, 2 * channels));
    this.#bound = bound;
    this.#settings = init.networks;
  }

  #moments(hidden: Tensor): { mean: Tensor; logSd: Tensor } {
    const [scale, mean] = this.#parameters.forward(hidden).chunk(2, 1);
    return { mean, logSd: softClip(scale, this.#bound) };
  }

  encode(x: Tensor, hidden: Tensor): { y: Tensor; logDet: Tensor } {
    const { mean, logSd } = this.#settings.run(() => this.#moments(hidden));
    return { y: x.sub(mean).mul(logSd.neg().exp()), logDet: logSd.sum(1).to("float64").neg() };
  }

  inverter(): HeadInverse {
    return (y, hidden) => {
      const { mean, logSd } = this.#moments(hidden);
      return { x: y.mul(logSd.exp()).add(mean), logDet: logSd.sum(1).to("float64") };
    };
  }
}
