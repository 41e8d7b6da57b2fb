/** Activation normalisation: a scale and a bias for each channel, set from the first batch. */
import { RiverrunError } from "../base/errors.ts";
import type { InitContext } from "../nn/index.ts";
import { isFusable, noGrad, scaleShift, scope, type Tensor } from "../torch/index.ts";
import { Bijection, type Decoded, type Encoded, perPosition } from "./bijection.ts";
import type { FlowContext } from "./context.ts";

/** Below this a channel is constant: 1 / std would blow its rounding errors up. */
const leastDeviation = 1e-6;

/**
 * y = s * (x + b) at every position; ln|det| = n * sum_c ln|s_c| (Glow; the paper's flow step, part 1).
 *
 * The parameter is ln s, or with `raw` s itself as in the paper's code, whose sign may then change while learning.
 * The first batch sets b = -mean and s = 1 / std (unbiased) over the real positions.
 */
export class ActNorm extends Bijection {
  readonly #raw: boolean;
  readonly #scale: Tensor;
  readonly #bias: Tensor;

  constructor(init: InitContext, channels: number, options: { readonly raw?: boolean } = {}) {
    super();
    this.#raw = options.raw ?? false;
    this.#scale = this.parameter(
      this.#raw ? "scale" : "logScale",
      this.#raw ? init.ones([channels]) : init.zeros([channels]),
    );
    this.#bias = this.parameter("bias", init.zeros([channels]));
  }

  #initialise(x: Tensor, context: FlowContext): void {
    noGrad(() =>
      scope(() => {
        const count = context.lengths.reduce((sum, length) => sum + length, 0);
        if (count < 2) throw new RiverrunError("ActNorm needs at least two real positions in the first batch");
        const mean = context.masked(x).sum([0, 1]).div(count);
        const deviation = context
          .masked(x.sub(mean))
          .square()
          .sum([0, 1])
          .div(count - 1)
          .sqrt();
        const std = deviation.clamp(leastDeviation);
        this.#scale.copy_(this.#raw ? std.reciprocal() : std.log().neg());
        this.#bias.copy_(mean.neg());
      }),
    );
  }

  /** s and b, (C). */
  get affine(): { readonly scale: Tensor; readonly bias: Tensor } {
    return { scale: this.#raw ? this.#scale : this.#scale.exp(), bias: this.#bias };
  }

  /** ln|det| of encoding, (B) in float64. */
  logDet(context: FlowContext): Tensor {
    return perPosition(this.#scale, context, this.#raw ? "scales" : "logarithms");
  }

  encode(x: Tensor, context: FlowContext): Encoded {
    if (context.settings.initialising) this.#initialise(x, context);
    const { scale, bias } = this.affine;
    const y = isFusable(x)
      ? scaleShift(x, scale, scale.mul(bias), context.lengths)
      : context.masked(x.add(bias).mul(scale));
    return { y, logDet: this.logDet(context) };
  }

  decode(y: Tensor, context: FlowContext): Decoded {
    const { scale, bias } = this.affine;
    const x = isFusable(y)
      ? scaleShift(y, scale.reciprocal(), bias.neg(), context.lengths)
      : context.masked(y.div(scale).sub(bias));
    return { x, logDet: this.logDet(context).neg() };
  }
}
