/** Learned linear maps over time and over channels (part 2 of a flow step). */
import type { InitContext } from "../nn/index.ts";
import { type Tensor, timeMap } from "../torch/index.ts";
import { Bijection, type Decoded, type Encoded, perPosition } from "./bijection.ts";
import type { FlowContext } from "./context.ts";
import { invertTriangular, PermutedLu, PrefixLu } from "./triangular.ts";

/** y_t = W x_t for every position: (B, T, C) times (C, C) transposed. */
function overChannels(matrix: Tensor, x: Tensor): Tensor {
  return x.matmul(matrix.transpose());
}

/** y = W x over time, W = P L U (T x T); ln|det| = C * sum w. Every row must fill all T positions. Paper, section 2.2. */
export class TimePermutation extends Bijection {
  readonly #map: PermutedLu;

  constructor(init: InitContext, positions: number) {
    super();
    this.#map = this.child("map", new PermutedLu(init, positions));
  }

  #logDet(x: Tensor, context: FlowContext): Tensor {
    const one = this.#map.logDiagonal.to("float64").sum().mul(x.size(2));
    return one.unsqueeze(0).expand(context.lengths.length);
  }

  encode(x: Tensor, context: FlowContext): Encoded {
    return { y: timeMap(this.#map.matrix(), x), logDet: this.#logDet(x, context) };
  }

  decode(y: Tensor, context: FlowContext): Decoded {
    return { x: timeMap(this.#map.inverse(), y), logDet: this.#logDet(y, context).neg() };
  }
}

/** y_t = W x_t over channels, W = P L U (C x C); ln|det| = n * sum w. The paper's channel ablation. */
export class ChannelPermutation extends Bijection {
  readonly #map: PermutedLu;

  constructor(init: InitContext, channels: number) {
    super();
    this.#map = this.child("map", new PermutedLu(init, channels));
  }

  encode(x: Tensor, context: FlowContext): Encoded {
    return { y: overChannels(this.#map.matrix(), x), logDet: perPosition(this.#map.logDiagonal, context) };
  }

  decode(y: Tensor, context: FlowContext): Decoded {
    return { x: overChannels(this.#map.inverse(), y), logDet: perPosition(this.#map.logDiagonal, context).neg() };
  }
}

/**
 * y = m * (L (U (m * x))) over time with m the mask of a prefix: for a row of n positions this is the leading block
 * L_n U_n, exactly invertible for every n, ln|det| = C * sum_{t <= n} ln u_tt; pads stay zero. x = U^-1 (m * L^-1 y).
 */
export class TimeLinear extends Bijection {
  readonly #map: PrefixLu;

  constructor(init: InitContext, positions: number) {
    super();
    this.#map = this.child("map", new PrefixLu(init, positions));
  }

  #logDet(x: Tensor, context: FlowContext): Tensor {
    const logDiagonal = this.#map.logDiagonal(context.positions).to("float64");
    const perRow = context.full
      ? logDiagonal.sum().unsqueeze(0).expand(context.lengths.length)
      : context.mask.squeeze(2).to("float64").matmul(logDiagonal);
    return perRow.mul(x.size(2));
  }

  encode(x: Tensor, context: FlowContext): Encoded {
    const { lower, upper } = this.#map.factors(context.positions);
    // U x is zero at the pads where x is, because its rows look only ahead; L needs its pads cut off.
    return { y: context.masked(timeMap(lower.matmul(upper), x)), logDet: this.#logDet(x, context) };
  }

  decode(y: Tensor, context: FlowContext): Decoded {
    const { lower, upper } = this.#map.factors(context.positions);
    const inner = context.masked(timeMap(invertTriangular(lower, false, true), y));
    return { x: timeMap(invertTriangular(upper, true), inner), logDet: this.#logDet(y, context).neg() };
  }
}

/** y_t = L U x_t over channels, the identity at the start; ln|det| = n * sum ln u_cc. */
export class ChannelLinear extends Bijection {
  readonly #map: PrefixLu;
  readonly #channels: number;

  constructor(init: InitContext, channels: number) {
    super();
    this.#channels = channels;
    this.#map = this.child("map", new PrefixLu(init, channels));
  }

  encode(x: Tensor, context: FlowContext): Encoded {
    const { lower, upper } = this.#map.factors(this.#channels);
    const logDet = perPosition(this.#map.logDiagonal(this.#channels), context);
    return { y: overChannels(lower.matmul(upper), x), logDet };
  }

  decode(y: Tensor, context: FlowContext): Decoded {
    const { lower, upper } = this.#map.factors(this.#channels);
    const inverse = invertTriangular(upper, true).matmul(invertTriangular(lower, false, true));
    const logDet = perPosition(this.#map.logDiagonal(this.#channels), context).neg();
    return { x: overChannels(inverse, y), logDet };
  }
}
