/** Affine couplings (part 3 of a flow step): one half of the input decides how the other half is scaled and shifted. */
import type { InitContext } from "../nn/index.ts";
import {
  affineCoupling,
  type CouplingParts,
  type CouplingPlace,
  type CouplingScale,
  cat,
  couplingSplit,
  isFusable,
  stack,
  type Tensor,
} from "../torch/index.ts";
import { affineForward, affineInverse, logScale } from "./affine.ts";
import { Bijection, type Decoded, type Encoded, perRow } from "./bijection.ts";
import type { FlowConfig } from "./config.ts";
import type { FlowContext } from "./context.ts";
import { type CouplingNetwork, couplingNetwork } from "./network.ts";

/** The contexts of the two parts, and where the changed one stands in the input. */
export interface Layout {
  readonly seenContext: FlowContext;
  readonly changedContext: FlowContext;
  readonly place: CouplingPlace;
}

/** s (x_B + t) with (l, t) = NN(x_A); ln|det| = sum of ln s over the real elements of B. Paper, equations 8 to 10. */
export abstract class AffineCoupling extends Bijection {
  readonly #scale: CouplingScale;
  readonly #network: CouplingNetwork;

  protected constructor(network: CouplingNetwork, config: FlowConfig) {
    super();
    this.#scale =
      config.family === "paper" ? { map: "sigmoid", bound: config.alpha } : { map: "softClip", bound: config.softClip };
    this.#network = this.child("network", network);
  }

  protected abstract split(x: Tensor): CouplingParts;
  protected abstract join(seen: Tensor, changed: Tensor): Tensor;
  abstract layout(context: FlowContext, channels: number): Layout;

  #fused(parts: CouplingParts, shape: readonly number[], layout: Layout, inverse: boolean): [Tensor, Tensor] {
    const { seenContext, changedContext, place } = layout;
    const output = this.#network.forward(parts.seen, seenContext);
    return affineCoupling(parts, output, shape, changedContext.lengths, place, this.#scale, inverse);
  }

  #apply(x: Tensor, context: FlowContext, inverse: boolean): [Tensor, Tensor] {
    const layout = this.layout(context, x.size(2));
    if (isFusable(x)) return this.#fused(couplingSplit(x, layout.place), x.shape, layout, inverse);
    const { seenContext, changedContext } = layout;
    const { seen, changed } = this.split(x);
    const output = this.#network.forward(seen, seenContext);
    const [scale, shift] = output.product.add(output.bias).mul(output.gain.mul(3).exp()).chunk(2, 2);
    const logS = changedContext.masked(logScale(scale, this.#scale));
    const moved = inverse ? affineInverse(changed, logS, shift) : affineForward(changed, logS, shift);
    const logDet = perRow(logS);
    return [this.join(seen, changedContext.masked(moved)), inverse ? logDet.neg() : logDet];
  }

  encode(x: Tensor, context: FlowContext): Encoded {
    const [y, logDet] = this.#apply(x, context, false);
    return { y, logDet };
  }

  /** `encode` of an input of `shape` that is in its two parts already, for what `isFusable`. */
  encodeParts(parts: CouplingParts, shape: readonly number[], layout: Layout): Encoded {
    const [y, logDet] = this.#fused(parts, shape, layout, false);
    return { y, logDet };
  }

  decode(y: Tensor, context: FlowContext): Decoded {
    const [x, logDet] = this.#apply(y, context, true);
    return { x, logDet };
  }
}

/** The paper's time coupling: the first half of the positions is seen, the second is changed. */
export class HalfTimeCoupling extends AffineCoupling {
  constructor(init: InitContext, positions: number, channels: number, config: FlowConfig) {
    const shape = { input: channels, output: channels, positions: positions / 2 };
    super(couplingNetwork(init, shape, config), config);
  }

  layout(context: FlowContext, channels: number): Layout {
    const [seenContext, changedContext] = context.halves();
    const half = context.positions / 2;
    const place = { start: half, stride: 1, channel: 0, changed: half, width: channels };
    return { seenContext, changedContext, place };
  }

  protected split(x: Tensor): CouplingParts {
    const [seen, changed] = x.chunk(2, 1);
    return { seen, changed };
  }

  protected join(seen: Tensor, changed: Tensor): Tensor {
    return cat([seen, changed], 1);
  }
}

/** Our time coupling: positions of one parity are seen, the other ones changed, so texts of every length are halved. */
export class ParityTimeCoupling extends AffineCoupling {
  readonly #seesOdd: boolean;

  constructor(init: InitContext, positions: number, channels: number, config: FlowConfig, seesOdd: boolean) {
    const shape = { input: channels, output: channels, positions: positions / 2 };
    super(couplingNetwork(init, shape, config), config);
    this.#seesOdd = seesOdd;
  }

  layout(context: FlowContext, channels: number): Layout {
    const [even, odd] = context.parities();
    const place = { stride: 2, channel: 0, changed: context.positions / 2, width: channels };
    return this.#seesOdd
      ? { seenContext: odd, changedContext: even, place: { ...place, start: 0 } }
      : { seenContext: even, changedContext: odd, place: { ...place, start: 1 } };
  }

  protected split(x: Tensor): CouplingParts {
    const [batch, positions, channels] = x.shape;
    const [even, odd] = x.reshape(batch, positions / 2, 2, channels).unbind(2);
    return this.#seesOdd ? { seen: odd, changed: even } : { seen: even, changed: odd };
  }

  protected join(seen: Tensor, changed: Tensor): Tensor {
    const pairs = stack(this.#seesOdd ? [changed, seen] : [seen, changed], 2);
    const [batch, half, , channels] = pairs.shape;
    return pairs.reshape(batch, 2 * half, channels);
  }
}

/** The channel coupling: one half of the channels of every position is seen, the other changed. */
export class ChannelCoupling extends AffineCoupling {
  readonly #seesSecond: boolean;

  constructor(init: InitContext, positions: number, channels: number, config: FlowConfig, seesSecond = false) {
    super(couplingNetwork(init, { input: channels / 2, output: channels / 2, positions }, config), config);
    this.#seesSecond = seesSecond;
  }

  layout(context: FlowContext, channels: number): Layout {
    const width = channels / 2;
    const channel = this.#seesSecond ? 0 : width;
    const place = { start: 0, stride: 1, channel, changed: context.positions, width };
    return { seenContext: context, changedContext: context, place };
  }

  protected split(x: Tensor): CouplingParts {
    const [first, second] = x.chunk(2, 2);
    return this.#seesSecond ? { seen: second, changed: first } : { seen: first, changed: second };
  }

  protected join(seen: Tensor, changed: Tensor): Tensor {
    return cat(this.#seesSecond ? [changed, seen] : [seen, changed], 2);
  }
}
