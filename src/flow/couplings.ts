/** Affine couplings (part 3 of a flow step): one half of the input decides how the other half is scaled and shifted. */
import type { InitContext } from "../nn/index.ts";
import { cat, stack, type Tensor } from "../torch/index.ts";
import { affineForward, affineInverse, logScale } from "./affine.ts";
import { Bijection, type Decoded, type Encoded, perRow } from "./bijection.ts";
import type { FlowConfig } from "./config.ts";
import type { FlowContext } from "./context.ts";
import { type CouplingNetwork, couplingNetwork } from "./network.ts";

/** Two parts of an input, each with its own context: the one that is seen and the one that is changed. */
interface Parts {
  readonly seen: Tensor;
  readonly changed: Tensor;
  readonly seenContext: FlowContext;
  readonly changedContext: FlowContext;
}

/** s (x_B + t) with (l, t) = NN(x_A); ln|det| = sum of ln s over the real elements of B. Paper, equations 8 to 10. */
abstract class AffineCoupling extends Bijection {
  protected readonly config: FlowConfig;
  readonly #network: CouplingNetwork;

  protected constructor(network: CouplingNetwork, config: FlowConfig) {
    super();
    this.config = config;
    this.#network = this.child("network", network);
  }

  protected abstract split(x: Tensor, context: FlowContext): Parts;
  protected abstract join(seen: Tensor, changed: Tensor): Tensor;

  #scale({ seen, seenContext, changedContext }: Parts): { logS: Tensor; shift: Tensor; scale: Tensor } {
    const { scale, shift } = this.#network.forward(seen, seenContext);
    return { logS: changedContext.masked(logScale(scale, this.config)), shift, scale };
  }

  encode(x: Tensor, context: FlowContext): Encoded {
    const parts = this.split(x, context);
    const { logS, ...affine } = this.#scale(parts);
    const changed = parts.changedContext.masked(affineForward(parts.changed, logS, affine));
    return { y: this.join(parts.seen, changed), logDet: perRow(logS) };
  }

  decode(y: Tensor, context: FlowContext): Decoded {
    const parts = this.split(y, context);
    const { logS, ...affine } = this.#scale(parts);
    const changed = parts.changedContext.masked(affineInverse(parts.changed, logS, affine));
    return { x: this.join(parts.seen, changed), logDet: perRow(logS).neg() };
  }
}

/** The paper's time coupling: the first half of the positions is seen, the second is changed. */
export class HalfTimeCoupling extends AffineCoupling {
  constructor(init: InitContext, positions: number, channels: number, config: FlowConfig) {
    const shape = { input: channels, output: channels, positions: positions / 2 };
    super(couplingNetwork(init, shape, config), config);
  }

  protected split(x: Tensor, context: FlowContext): Parts {
    const [seen, changed] = x.chunk(2, 1);
    const [seenContext, changedContext] = context.halves();
    return { seen, changed, seenContext, changedContext };
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

  protected split(x: Tensor, context: FlowContext): Parts {
    const [batch, positions, channels] = x.shape;
    const [even, odd] = x.reshape(batch, positions / 2, 2, channels).unbind(2);
    const [evenContext, oddContext] = context.parities();
    return this.#seesOdd
      ? { seen: odd, changed: even, seenContext: oddContext, changedContext: evenContext }
      : { seen: even, changed: odd, seenContext: evenContext, changedContext: oddContext };
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

  protected split(x: Tensor, context: FlowContext): Parts {
    const [first, second] = x.chunk(2, 2);
    const [seen, changed] = this.#seesSecond ? [second, first] : [first, second];
    return { seen, changed, seenContext: context, changedContext: context };
  }

  protected join(seen: Tensor, changed: Tensor): Tensor {
    return cat(this.#seesSecond ? [changed, seen] : [seen, changed], 2);
  }
}
