/** Learned linear maps over time and over channels (part 2 of a flow step). */
import type { InitContext } from "../nn/index.ts";
import { isFusable, scalesLogDet, type Tensor, timeMap } from "../torch/index.ts";
import { Bijection, type Decoded, type Encoded, perPosition } from "./bijection.ts";
import type { FlowContext } from "./context.ts";
import { invertTriangular, PermutedLu, PrefixLu } from "./triangular.ts";

/** y_t = W x_t for every position: (B, T, C) times (C, C) transposed. */
function overChannels(matrix: Tensor, x: Tensor): Tensor {
  return x.matmul(matrix.transpose());
}

/** A map over time y = m W (m x), m the mask: its matrix and its log-determinant. */
export abstract class TimeMap extends Bijection {
  /** W, (T, T). */
  abstract matrix(context: FlowContext): Tensor;

  /** ln|det| of encoding `channels` channels, (B) in float64. */
  abstract logDet(channels: number, context: FlowContext): Tensor;
}

/** y = W x over time, W = P L U (T x T); ln|det| = C * sum w. Every row must fill all T positions. Paper, section 2.2. */
export class TimePermutation extends TimeMap {
  readonly #map: PermutedLu;

  constructor(init: InitContext, positions: number) {
    super();
    this.#map = this.child("map", new PermutedLu(init, positions));
  }

  matrix(): Tensor {
    return this.#map.matrix();
  }

  logDet(channels: number, context: FlowContext): Tensor {
    const { logDiagonal } = this.#map;
    const rows = context.lengths.length;
    if (isFusable(logDiagonal)) return scalesLogDet(logDiagonal, new Array<number>(rows).fill(channels), true);
    return logDiagonal.to("float64").sum().mul(channels).unsqueeze(0).expand(rows);
  }

  encode(x: Tensor, context: FlowContext): Encoded {
    return { y: timeMap(this.matrix(), x), logDet: this.logDet(x.size(2), context) };
  }

  decode(y: Tensor, context: FlowContext): Decoded {
    return { x: timeMap(this.#map.inverse(), y), logDet: this.logDet(y.size(2), context).neg() };
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
export class TimeLinear extends TimeMap {
  readonly #map: PrefixLu;

  constructor(init: InitContext, positions: number) {
    super();
    this.#map = this.child("map", new PrefixLu(init, positions));
  }

  matrix(context: FlowContext): Tensor {
    return this.#map.product(context.positions);
  }

  logDet(channels: number, context: FlowContext): Tensor {
    const logDiagonal = this.#map.logDiagonal(context.positions).to("float64");
    const perRow = context.full
      ? logDiagonal.sum().unsqueeze(0).expand(context.lengths.length)
      : context.mask.squeeze(2).to("float64").matmul(logDiagonal);
    return perRow.mul(channels);
  }

  encode(x: Tensor, context: FlowContext): Encoded {
    // U x is zero at the pads where x is, because its rows look only ahead; L needs its pads cut off.
    return { y: context.masked(timeMap(this.matrix(context), x)), logDet: this.logDet(x.size(2), context) };
  }

  decode(y: Tensor, context: FlowContext): Decoded {
    const { lower, upper } = this.#map.factors(context.positions);
    const inner = context.masked(timeMap(invertTriangular(lower, false, true), y));
    return { x: timeMap(invertTriangular(upper, true), inner), logDet: this.logDet(y.size(2), context).neg() };
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
    const logDet = perPosition(this.#map.logDiagonal(this.#channels), context);
    return { y: overChannels(this.#map.product(this.#channels), x), logDet };
  }

  decode(y: Tensor, context: FlowContext): Decoded {
    const { lower, upper } = this.#map.factors(this.#channels);
    const inverse = invertTriangular(upper, true).matmul(invertTriangular(lower, false, true));
    const logDet = perPosition(this.#map.logDiagonal(this.#channels), context).neg();
    return { x: overChannels(inverse, y), logDet };
  }
}
