/** The networks inside couplings: from the half that is seen to a log-scale and a shift for the half that is changed. */
import {
  type InitContext,
  LayerNorm,
  Linear,
  LSTM,
  Module,
  type NetworkSettings,
  sinusoidalPositions,
  TransformerBlock,
  ZeroLinear,
} from "../nn/index.ts";
import { type CouplingOutput, cat, type Tensor } from "../torch/index.ts";
import type { FlowConfig } from "./config.ts";
import type { FlowContext } from "./context.ts";

/** Sizes of one network. */
export interface NetworkShape {
  readonly input: number;
  readonly output: number;
  /** Most positions it will see. */
  readonly positions: number;
}

/**
 * (B, T', C_in) -> scale (before the scale map) and shift beside each other, (B, T', 2 C_out), as the parts of a
 * ZeroLinear, so that both are zero at the start. In the model's network precision; the output is of x's dtype.
 */
export abstract class CouplingNetwork extends Module {
  readonly #settings: NetworkSettings;

  constructor(init: InitContext) {
    super();
    this.#settings = init.networks;
  }

  forward(x: Tensor, context: FlowContext): CouplingOutput {
    return this.#settings.run(() => this.read(x, context));
  }

  protected abstract read(x: Tensor, context: FlowContext): CouplingOutput;
}

/** The paper's networks: one pre-norm block of 6 heads without mask and positions, or a BiLSTM; then ZeroLinear. */
export class PaperNetwork extends CouplingNetwork {
  readonly #body: TransformerBlock | LSTM;
  readonly #head: ZeroLinear;
  readonly #positions: Tensor | undefined;

  constructor(init: InitContext, shape: NetworkShape, config: FlowConfig) {
    super(init);
    if (config.network === "attention") {
      this.#body = this.child(
        "block",
        new TransformerBlock(init, shape.input, config.heads, 2 * shape.input, {
          norm: "unbiased",
          activation: "gelu-tanh",
        }),
      );
    } else {
      this.#body = this.child(
        "lstm",
        new LSTM(init, shape.input, shape.input, { layers: config.layers, bidirectional: true }),
      );
    }
    const width = config.network === "attention" ? shape.input : 2 * shape.input;
    this.#head = this.child("head", new ZeroLinear(init, width, 2 * shape.output));
    if (config.positionEncoding === "sinusoidal") {
      this.#positions = this.buffer("positions", sinusoidalPositions(init, shape.positions, shape.input));
    }
  }

  protected read(x: Tensor, _context: FlowContext): CouplingOutput {
    const input = this.#positions ? x.add(this.#positions.slice(0, 0, x.size(1))) : x;
    return this.#body instanceof LSTM
      ? this.#head.parts(this.#body.forward(input).output)
      : this.#head.partsOf(this.#body.times(this.#head.weight, input));
  }
}

/**
 * Ours: a projection to the network's width, positions counted from both ends of the text, masked pre-norm transformer
 * blocks or a packed BiLSTM, LayerNorm, ZeroLinear. Pads neither are seen nor change anything.
 */
export class MaskedNetwork extends CouplingNetwork {
  readonly #input: Linear;
  readonly #fromStart: Tensor | undefined;
  readonly #fromEnd: Tensor | undefined;
  readonly #blocks: readonly TransformerBlock[];
  readonly #lstm: LSTM | undefined;
  readonly #norm: LayerNorm;
  readonly #head: ZeroLinear;

  constructor(init: InitContext, shape: NetworkShape, config: FlowConfig) {
    super(init);
    const width = config.hidden ?? shape.input;
    this.#input = this.child("input", new Linear(init, shape.input, width));
    if (config.positionEncoding === "learned") {
      this.#fromStart = this.parameter("fromStart", init.normal([shape.positions, width], 0.02));
      this.#fromEnd = this.parameter("fromEnd", init.normal([shape.positions, width], 0.02));
    } else if (config.positionEncoding === "sinusoidal") {
      this.#fromStart = this.buffer("fromStart", sinusoidalPositions(init, shape.positions, width));
    }
    this.#blocks =
      config.network === "attention"
        ? Array.from({ length: config.layers }, (_, index) =>
            this.child(
              `block${index}`,
              new TransformerBlock(init, width, config.heads, 2 * width, {
                norm: "layer",
                activation: "gelu-tanh",
                dropout: config.dropout,
              }),
            ),
          )
        : [];
    this.#lstm =
      config.network === "lstm"
        ? this.child("lstm", new LSTM(init, width, width, { layers: config.layers, bidirectional: true }))
        : undefined;
    const top = config.network === "lstm" ? 2 * width : width;
    this.#norm = this.child("norm", new LayerNorm(init, top));
    this.#head = this.child("head", new ZeroLinear(init, top, 2 * shape.output));
  }

  protected read(x: Tensor, context: FlowContext): CouplingOutput {
    let hidden = this.#input.forward(x);
    if (this.#fromStart) hidden = hidden.add(this.#fromStart.slice(0, 0, context.positions));
    if (this.#fromEnd) {
      const rows = this.#fromEnd.indexSelect(0, context.fromEnd.reshape(-1));
      hidden = hidden.add(rows.reshape(x.size(0), context.positions, -1));
    }
    const lengths = context.full ? undefined : context.lengths;
    const dropout = context.settings.dropout;
    for (const block of this.#blocks) hidden = block.forward(hidden, { lengths, dropout });
    if (this.#lstm) hidden = this.#lstm.forward(hidden, { lengths }).output;
    return this.#head.parts(this.#norm.forward(hidden));
  }
}

/** Joins two halves of the channels. */
export function joinChannels(first: Tensor, second: Tensor): Tensor {
  return cat([first, second], 2);
}

/** The network that a family's couplings use. */
export function couplingNetwork(init: InitContext, shape: NetworkShape, config: FlowConfig): CouplingNetwork {
  return config.family === "paper" ? new PaperNetwork(init, shape, config) : new MaskedNetwork(init, shape, config);
}
