/**
 * Learned priors of the multi-scale flow, written as bijections onto N(0, I): scoring z under N(m, e^2s) is the same as
 * whitening it and scoring the result under N(0, I). The whole flow then maps a text to one standard normal tensor of
 * the input's own shape, with nothing counted twice and nothing left out of the inverse.
 */
import { type InitContext, ZeroLinear } from "../nn/index.ts";
import { cat, type Tensor } from "../torch/index.ts";
import { Bijection, type Decoded, type Encoded, perPosition, perRow } from "./bijection.ts";
import type { FlowContext } from "./context.ts";

/**
 * The split of a block: the first half of the channels goes on, the second is z ~ N(m(h), e^{2 s(h)}) given the first;
 * y = [h, (z - m) / e^s], ln|det| = -sum s. (m, s) = ZeroLinear(h), so at the start z ~ N(0, 1).
 */
export class SplitPrior extends Bijection {
  readonly #name: string;
  readonly #prior: ZeroLinear;

  /** @param name how a trace names the whitened half, as in "latent 1" */
  constructor(init: InitContext, channels: number, name: string) {
    super();
    this.#name = name;
    this.#prior = this.child("prior", new ZeroLinear(init, channels / 2, channels));
  }

  #moments(kept: Tensor, context: FlowContext): { mean: Tensor; logSd: Tensor } {
    const [mean, logSd] = this.#prior.forward(kept).chunk(2, 2);
    return { mean: context.masked(mean), logSd: context.masked(logSd) };
  }

  encode(x: Tensor, context: FlowContext): Encoded {
    const [kept, z] = x.chunk(2, 2);
    const { mean, logSd } = this.#moments(kept, context);
    const white = z.sub(mean).mul(logSd.neg().exp());
    context.settings.trace?.(this.#name, white, context);
    return { y: cat([kept, white], 2), logDet: perRow(logSd).neg() };
  }

  decode(y: Tensor, context: FlowContext): Decoded {
    const [kept, white] = y.chunk(2, 2);
    const { mean, logSd } = this.#moments(kept, context);
    return { x: cat([kept, white.mul(logSd.exp()).add(mean)], 2), logDet: perRow(logSd) };
  }
}

/** The prior of the last block, N(m, e^2s) with one m and s a channel: y = (z - m) / e^s, ln|det| = -n * sum s. */
export class FinalPrior extends Bijection {
  readonly #name: string;
  readonly #bias: Tensor;
  readonly #gain: Tensor;

  constructor(init: InitContext, channels: number, name: string) {
    super();
    this.#name = name;
    // ZeroLinear at input 0: its matrix plays no part, so only b exp(3 g) is kept.
    this.#bias = this.parameter("bias", init.zeros([2 * channels]));
    this.#gain = this.parameter("gain", init.zeros([2 * channels]));
  }

  #moments(): { mean: Tensor; logSd: Tensor } {
    const [mean, logSd] = this.#bias.mul(this.#gain.mul(3).exp()).chunk(2, 0);
    return { mean, logSd };
  }

  encode(x: Tensor, context: FlowContext): Encoded {
    const { mean, logSd } = this.#moments();
    const y = context.masked(x.sub(mean).mul(logSd.neg().exp()));
    context.settings.trace?.(this.#name, y, context);
    return { y, logDet: perPosition(logSd, context).neg() };
  }

  decode(y: Tensor, context: FlowContext): Decoded {
    const { mean, logSd } = this.#moments();
    return { x: context.masked(y.mul(logSd.exp()).add(mean)), logDet: perPosition(logSd, context) };
  }
}

/** Applies a bijection to the first half of the channels and leaves the second as it is. */
export class OnFirstHalf extends Bijection {
  readonly #inner: Bijection;

  constructor(inner: Bijection) {
    super();
    this.#inner = this.child("inner", inner);
  }

  encode(x: Tensor, context: FlowContext): Encoded {
    const [first, second] = x.chunk(2, 2);
    const { y, logDet } = this.#inner.encode(first, context);
    return { y: cat([y, second], 2), logDet };
  }

  decode(y: Tensor, context: FlowContext): Decoded {
    const [first, second] = y.chunk(2, 2);
    const { x, logDet } = this.#inner.decode(first, context);
    return { x: cat([x, second], 2), logDet };
  }
}
