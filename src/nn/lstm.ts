/** Long short-term memory, uni- and bidirectional, packed by lengths. */
import { UsageError } from "../base/errors.ts";
import { cat, type Generator, type Tensor, tensor, where, zeros } from "../torch/index.ts";
import { _pack_padded_sequence, _pad_packed_sequence, lstm_data, lstm_input } from "../torch/operators.ts";
import { handlesOf, Tensor as TensorClass } from "../torch/tensor.ts";
import { dropout } from "./dropout.ts";
import type { InitContext } from "./initContext.ts";
import { Module } from "./module.ts";
import { isLowered, lowered } from "./precision.ts";

/** Hidden and cell state, each (layers * directions, B, H), direction running faster than layer. */
export interface LstmState {
  readonly hidden: Tensor;
  readonly cell: Tensor;
}

/** Choices of an LSTM. */
export interface LstmOptions {
  readonly layers?: number;
  readonly bidirectional?: boolean;
  /** Share of units lost between layers, where streams are given. */
  readonly dropout?: number;
  /** Start from learned states (zero before training) instead of zeros. */
  readonly trainableState?: boolean;
}

/** What one pass is told. */
export interface LstmPass {
  /** Real positions of each row; absent: all. */
  readonly lengths?: readonly number[] | undefined;
  /** The same as a mask, (B, T) bool, true at a prefix of each row. */
  readonly mask?: Tensor | undefined;
  /** Where to go on from, as an earlier pass returned it. */
  readonly state?: LstmState | undefined;
  /** One stream for each row; without them, or after `train(false)`, nothing is dropped. */
  readonly dropout?: readonly Generator[] | undefined;
}

/** Output (B, T, H * directions) and the state after each row's last real position. */
export interface LstmResult {
  readonly output: Tensor;
  readonly state: LstmState;
}

/** A batch in the order that packing wants. */
interface Packing {
  readonly lengths: Tensor;
  readonly sorted: Tensor;
  readonly restored: Tensor;
  readonly positions: number;
  /** Rows without any position, (B, 1) in the batch's own order; undefined where there is none. */
  readonly empty: Tensor | undefined;
}

function packingOf(lengths: readonly number[], positions: number, device: string): Packing {
  const order = lengths.map((_, row) => row).sort((a, b) => lengths[b] - lengths[a] || a - b);
  const back = new Array<number>(order.length);
  for (const [place, row] of order.entries()) back[row] = place;
  const index = (values: readonly number[], where = device): Tensor =>
    tensor(values, [values.length], { dtype: "int64", device: where });
  return {
    // Packing takes no length of 0: such a row runs over one pad, and its results are thrown away.
    lengths: index(
      order.map((row) => Math.max(1, lengths[row])),
      "cpu",
    ),
    sorted: index(order),
    restored: index(back),
    positions,
    empty: lengths.includes(0)
      ? tensor(
          lengths.map((length) => length === 0),
          [lengths.length, 1],
          { dtype: "bool", device },
        )
      : undefined,
  };
}

/** The lengths that a mask stands for. @throws UsageError where a row's real positions are not a prefix. */
function lengthsOf(mask: Tensor): number[] {
  const [rows, positions] = mask.shape;
  const values = mask.toNumbers();
  return Array.from({ length: rows }, (_, row) => {
    const marks = values.slice(row * positions, (row + 1) * positions);
    const length = marks.lastIndexOf(1) + 1;
    if (marks.slice(0, length).includes(0)) {
      throw new UsageError(`LSTM: row ${row} of the mask has pads before real positions; expected them at the end`);
    }
    return length;
  });
}

/**
 * libtorch's fused LSTM, batch first: gates (i, f, g, o) = W x + U h + b_w + b_u, c' = sig(f) c + sig(i) tanh(g),
 * h' = sig(o) tanh(c'). With lengths, rows are packed: pads are never read in either direction and come out as zeros.
 * Under bf16 a whole sequence is run in bfloat16, states included; one position alone in float32, which is as fast there.
 * Matrices of layer 0 start Xavier-normal, the others and all biases as U(-1/sqrt(H), 1/sqrt(H)).
 */
export class LSTM extends Module {
  readonly #hidden: number;
  readonly #layers: number;
  readonly #directions: number;
  readonly #dropout: number;
  /** Four a layer and direction: W, U, b_w, b_u. */
  readonly #weights: readonly Tensor[];
  readonly #initial: LstmState | undefined;

  constructor(init: InitContext, inputs: number, hidden: number, options: LstmOptions = {}) {
    super();
    this.#hidden = hidden;
    this.#layers = options.layers ?? 1;
    this.#directions = options.bidirectional ? 2 : 1;
    this.#dropout = options.dropout ?? 0;
    const bound = 1 / Math.sqrt(hidden);
    const weights: Tensor[] = [];
    for (let layer = 0; layer < this.#layers; layer++) {
      const size = layer === 0 ? inputs : hidden * this.#directions;
      for (let direction = 0; direction < this.#directions; direction++) {
        const suffix = `${layer}${direction === 1 ? "Reverse" : ""}`;
        const matrix = (columns: number): Tensor =>
          layer === 0 ? init.xavierNormal(4 * hidden, columns) : init.uniform([4 * hidden, columns], bound);
        weights.push(
          this.parameter(`inputWeight${suffix}`, matrix(size)),
          this.parameter(`hiddenWeight${suffix}`, matrix(hidden)),
          this.parameter(`inputBias${suffix}`, init.uniform([4 * hidden], bound)),
          this.parameter(`hiddenBias${suffix}`, init.uniform([4 * hidden], bound)),
        );
      }
    }
    this.#weights = weights;
    if (options.trainableState) {
      const shape = [this.#layers * this.#directions, 1, hidden];
      this.#initial = {
        hidden: this.parameter("initialHidden", init.zeros(shape)),
        cell: this.parameter("initialCell", init.zeros(shape)),
      };
    }
  }

  /** The state before the first position of `batch` rows. */
  initialState(batch: number): LstmState {
    const shape = [this.#layers * this.#directions, batch, this.#hidden] as const;
    if (this.#initial) {
      const { hidden, cell } = this.#initial;
      return { hidden: hidden.expand(...shape), cell: cell.expand(...shape) };
    }
    const [{ dtype, device }] = this.#weights;
    return { hidden: zeros(shape, { dtype, device }), cell: zeros(shape, { dtype, device }) };
  }

  /** @throws UsageError where lengths do not fit the batch, or both lengths and a mask are given. */
  forward(x: Tensor, pass: LstmPass = {}): LstmResult {
    const [batch, positions] = x.shape;
    if (pass.mask && pass.lengths) throw new UsageError("LSTM: give lengths or a mask, not both");
    const lengths = pass.mask ? lengthsOf(pass.mask) : pass.lengths;
    if (lengths && (lengths.length !== batch || lengths.some((n) => !Number.isInteger(n) || n < 0 || n > positions))) {
      throw new UsageError(`LSTM: lengths (${lengths.join(", ")}) do not fit ${batch} rows of ${positions} positions`);
    }
    const state = pass.state ?? this.initialState(batch);
    const packing = lengths?.some((length) => length < positions) ? packingOf(lengths, positions, x.device) : undefined;
    const streams = this.training && this.#dropout > 0 && this.#layers > 1 ? pass.dropout : undefined;
    if (!streams) return this.#run(x, state, packing, 0, this.#layers);
    // The native dropout between layers draws from one stream for the whole batch, so layers go one by one.
    const states: LstmState[] = [];
    let output = x;
    for (let layer = 0; layer < this.#layers; layer++) {
      const first = layer * this.#directions;
      const own = (whole: Tensor): Tensor => whole.slice(0, first, first + this.#directions);
      const input = layer === 0 ? output : dropout(output, this.#dropout, streams);
      const result = this.#run(input, { hidden: own(state.hidden), cell: own(state.cell) }, packing, layer, layer + 1);
      output = result.output;
      states.push(result.state);
    }
    return { output, state: { hidden: cat(states.map((s) => s.hidden)), cell: cat(states.map((s) => s.cell)) } };
  }

  /** Layers first..end-1, in the precision in force. */
  #run(x: Tensor, state: LstmState, packing: Packing | undefined, first: number, end: number): LstmResult {
    const own = this.#weights.slice(first * 4 * this.#directions, end * 4 * this.#directions);
    const [batch, positions, inputs] = x.shape;
    const most = batch * 4 * this.#hidden * (inputs + this.#hidden);
    if (positions === 1 || !isLowered(x, most)) return this.#runOn(x, state, packing, own, end - first);
    const { hidden, cell } = state;
    const low = { hidden: lowered(hidden), cell: lowered(cell) };
    const made = this.#runOn(lowered(x), low, packing, own.map(lowered), end - first);
    const back = (value: Tensor): Tensor => value.to(x.dtype);
    return { output: back(made.output), state: { hidden: back(made.state.hidden), cell: back(made.state.cell) } };
  }

  #runOn(
    x: Tensor,
    state: LstmState,
    packing: Packing | undefined,
    own: readonly Tensor[],
    layers: number,
  ): LstmResult {
    const weights = handlesOf(own);
    const both = this.#directions === 2;
    if (!packing) {
      const start = [state.hidden.contiguous().handle, state.cell.contiguous().handle];
      const [output, hidden, cell] = lstm_input(x.handle, start, weights, true, layers, 0, false, both, true).map(
        (handle) => TensorClass.adopt(handle),
      );
      return { output, state: { hidden, cell } };
    }
    const { lengths, sorted, restored, positions, empty } = packing;
    const [data, sizes] = TensorClass.adoptAll(
      _pack_padded_sequence(x.indexSelect(0, sorted).handle, lengths.handle, true),
    );
    const start = [state.hidden.indexSelect(1, sorted), state.cell.indexSelect(1, sorted)];
    const [packed, lastHidden, lastCell] = TensorClass.adoptAll(
      lstm_data(data.handle, sizes.handle, handlesOf(start), weights, true, layers, 0, false, both),
    );
    const [padded] = TensorClass.adoptAll(_pad_packed_sequence(packed.handle, sizes.handle, true, 0, positions));
    const output = padded.indexSelect(0, restored);
    const hidden = lastHidden.indexSelect(1, restored);
    const cell = lastCell.indexSelect(1, restored);
    if (!empty) return { output, state: { hidden, cell } };
    return {
      output: output.maskedFill(empty.unsqueeze(-1), 0),
      state: { hidden: where(empty, state.hidden, hidden), cell: where(empty, state.cell, cell) },
    };
  }
}
