/**
 * The paper's Bi-LSTM density baseline. A stack of bidirectional LSTMs is no bijection; what is "arithmetically
 * invertible, transformation only through non-singular matrix weights" (paper, section 4.1) and still reads the text in
 * both directions is this: every layer shifts a linear image of each position by what an LSTM made of the positions
 * before it, then once more from the other end.
 */
import { UsageError } from "../base/errors.ts";
import { type InitContext, LSTM, type LstmState, type NetworkSettings } from "../nn/index.ts";
import { cat, noGrad, scope, stack, type Tensor, zeros } from "../torch/index.ts";
import { ActNorm } from "./actNorm.ts";
import { Bijection, type Decoded, type Encoded, perPosition } from "./bijection.ts";
import { Chain, type Link } from "./chain.ts";
import type { FlowConfig } from "./config.ts";
import type { FlowContext } from "./context.ts";
import { PermutedLu } from "./triangular.ts";

function refuseMasks(context: FlowContext): void {
  if (!context.full) {
    throw new UsageError(
      `the Bi-LSTM density sees no masks: expected rows that all fill ${context.positions} positions, got lengths ${context.lengths.slice(0, 8).join(", ")}`,
    );
  }
}

/**
 * One direction of a layer: in the order of reading, y_t = W x_t + b + V h_{t-1} with h the states of an LSTM over x and
 * h before the first position 0; (B, T, C) to (B, T, C). W = P L U is non-singular by construction and V starts at 0.
 * The Jacobian is block triangular with W on its diagonal: ln|det| = T * sum w.
 */
export class LstmShift extends Bijection {
  readonly #map: PermutedLu;
  readonly #bias: Tensor;
  readonly #carry: Tensor;
  readonly #lstm: LSTM;
  readonly #settings: NetworkSettings;
  readonly #hidden: number;
  readonly #backwards: boolean;

  /** @param hidden units of the LSTM; @param backwards read from the last position to the first */
  constructor(init: InitContext, channels: number, hidden: number, backwards: boolean) {
    super();
    this.#hidden = hidden;
    this.#settings = init.networks;
    this.#backwards = backwards;
    this.#map = this.child("map", new PermutedLu(init, channels));
    this.#bias = this.parameter("bias", init.zeros([channels]));
    this.#carry = this.parameter("carry", init.zeros([channels, hidden]));
    this.#lstm = this.child("lstm", new LSTM(init, channels, hidden));
  }

  #ordered(x: Tensor): Tensor {
    return this.#backwards ? x.flip(1) : x;
  }

  /** The states before each position, (B, T, H), of x in the order of reading. */
  #before(x: Tensor): Tensor {
    const [rows, positions] = x.shape;
    const first = zeros([rows, 1, this.#hidden], { dtype: x.dtype, device: x.device });
    if (positions === 1) return first;
    const { output } = this.#settings.run(() => this.#lstm.forward(x.slice(1, 0, positions - 1)));
    return cat([first, output], 1);
  }

  encode(x: Tensor, context: FlowContext): Encoded {
    refuseMasks(context);
    const ordered = this.#ordered(x);
    const y = ordered
      .matmul(this.#map.matrix().transpose())
      .add(this.#bias)
      .add(this.#before(ordered).matmul(this.#carry.transpose()));
    return { y: this.#ordered(y), logDet: perPosition(this.#map.logDiagonal, context) };
  }

  /** x_t = W^-1 (y_t - b - V h_{t-1}), position by position; records no graph. */
  decode(y: Tensor, context: FlowContext): Decoded {
    refuseMasks(context);
    const x = noGrad(() =>
      scope(() => {
        const inverse = this.#map.inverse().transpose();
        const carry = this.#carry.transpose();
        const linear = this.#ordered(y).sub(this.#bias).unbind(1);
        let state: LstmState | undefined;
        const found = linear.map((value) => {
          const shifted = state ? value.sub(state.hidden.squeeze(0).matmul(carry)) : value;
          const at = shifted.matmul(inverse);
          state = this.#lstm.forward(at.unsqueeze(1), { state }).state;
          return at;
        });
        return this.#ordered(stack(found, 1)).contiguous();
      }),
    );
    return { x, logDet: perPosition(this.#map.logDiagonal, context).neg() };
  }
}

/**
 * ActNorm, then K layers of a forward and a backward `LstmShift`, onto N(0, I). At 300 channels and units and K = 3:
 * 5.96 M parameters, 0.993 M a direction. Only matrices scale volume.
 */
export class BilstmDensity extends Bijection {
  readonly #chain: Chain;

  constructor(init: InitContext, channels: number, config: FlowConfig) {
    super();
    const hidden = config.hidden ?? channels;
    const layers = Array.from({ length: config.steps }, (_, index): Link[] =>
      [false, true].map((backwards) => ({
        name: `layer ${index + 1} / ${backwards ? "backward" : "forward"}`,
        bijection: new LstmShift(init, channels, hidden, backwards),
      })),
    );
    this.#chain = this.child(
      "chain",
      new Chain([{ name: "actnorm", bijection: new ActNorm(init, channels, { raw: true }) }, ...layers.flat()]),
    );
  }

  encode(x: Tensor, context: FlowContext): Encoded {
    const encoded = this.#chain.encode(x, context);
    context.settings.trace?.("latent", encoded.y, context);
    return encoded;
  }

  decode(y: Tensor, context: FlowContext): Decoded {
    return this.#chain.decode(y, context);
  }
}
