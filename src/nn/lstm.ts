/** Long short-term memory, uni- and bidirectional, packed by lengths. */
import { type Tensor, tensor, zeros } from "../torch/index.ts";
import { _pack_padded_sequence, _pad_packed_sequence, lstm_data, lstm_input } from "../torch/operators.ts";
import { handlesOf, Tensor as TensorClass } from "../torch/tensor.ts";
import type { InitContext } from "./initContext.ts";
import { Module } from "./module.ts";

/** Hidden and cell state, each (layers * directions, B, H). */
export interface LstmState {
  readonly hidden: Tensor;
  readonly cell: Tensor;
}

/**
 * libtorch's fused LSTM, batch first: (B, T, C) to (B, T, H * directions). With lengths, rows are packed: pads are never
 * read in either direction and come out as zeros. Matrices of layer 0 start Xavier-normal, the others and all biases
 * as U(-1/sqrt(H), 1/sqrt(H)).
 */
export class LSTM extends Module {
  readonly #hidden: number;
  readonly #layers: number;
  readonly #directions: number;
  readonly #weights: readonly Tensor[];

  constructor(
    init: InitContext,
    inputs: number,
    hidden: number,
    options: { readonly layers?: number; readonly bidirectional?: boolean } = {},
  ) {
    super();
    this.#hidden = hidden;
    this.#layers = options.layers ?? 1;
    this.#directions = options.bidirectional ? 2 : 1;
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
  }

  #start(x: Tensor): LstmState {
    const shape = [this.#layers * this.#directions, x.size(0), this.#hidden];
    const place = { dtype: x.dtype, device: x.device };
    return { hidden: zeros(shape, place), cell: zeros(shape, place) };
  }

  forward(
    x: Tensor,
    options: { readonly lengths?: readonly number[] | undefined; readonly state?: LstmState } = {},
  ): { readonly output: Tensor; readonly state: LstmState } {
    const state = options.state ?? this.#start(x);
    if (options.lengths) return this.#packed(x, options.lengths, state);
    const [output, hidden, cell] = lstm_input(
      x.handle,
      [state.hidden.handle, state.cell.handle],
      handlesOf(this.#weights),
      true,
      this.#layers,
      0,
      false,
      this.#directions === 2,
      true,
    ).map((handle) => TensorClass.adopt(handle));
    return { output, state: { hidden, cell } };
  }

  #packed(x: Tensor, lengths: readonly number[], state: LstmState): { output: Tensor; state: LstmState } {
    // Packing wants falling lengths of at least 1; a row without any position is masked by whoever asked for it.
    const order = lengths.map((_, row) => row).sort((a, b) => lengths[b] - lengths[a] || a - b);
    const back = new Array<number>(order.length);
    order.forEach((row, place) => {
      back[row] = place;
    });
    const index = (rows: readonly number[]): Tensor =>
      tensor(rows, [rows.length], { dtype: "int64", device: x.device });
    const sorted = tensor(
      order.map((row) => Math.max(1, lengths[row])),
      [order.length],
      { dtype: "int64" },
    );
    const [rows, backwards] = [index(order), index(back)];
    const [data, sizes] = _pack_padded_sequence(x.indexSelect(0, rows).handle, sorted.handle, true).map((handle) =>
      TensorClass.adopt(handle),
    );
    const start = [state.hidden.indexSelect(1, rows), state.cell.indexSelect(1, rows)];
    const [packed, hidden, cell] = lstm_data(
      data.handle,
      sizes.handle,
      handlesOf(start),
      handlesOf(this.#weights),
      true,
      this.#layers,
      0,
      false,
      this.#directions === 2,
    ).map((handle) => TensorClass.adopt(handle));
    const [padded] = _pad_packed_sequence(packed.handle, sizes.handle, true, 0, x.size(1)).map((handle) =>
      TensorClass.adopt(handle),
    );
    return {
      output: padded.indexSelect(0, backwards),
      state: { hidden: hidden.indexSelect(1, backwards), cell: cell.indexSelect(1, backwards) },
    };
  }
}
