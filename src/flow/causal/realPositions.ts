/** Between (B, T, C) tensors with pads and the real positions alone, (N, C). */
import { cat, type Tensor, tensor, zeros } from "../../torch/index.ts";
import type { FlowContext } from "../context.ts";

/** Moves between a batch and its N real positions, in the order of the rows. */
export class RealPositions {
  readonly #context: FlowContext;
  readonly #gather: Tensor | undefined;
  readonly #scatter: Tensor | undefined;

  constructor(context: FlowContext) {
    this.#context = context;
    if (context.full) return;
    const { lengths, positions, device } = context;
    const real: number[] = [];
    // Pads are sent to a row of zeros behind the real ones.
    const total = lengths.reduce((sum, length) => sum + length, 0);
    const back = lengths.flatMap((length, row) =>
      Array.from({ length: positions }, (_, position) => {
        if (position >= length) return total;
        return real.push(row * positions + position) - 1;
      }),
    );
    this.#gather = tensor(real, [real.length], { dtype: "int64", device });
    this.#scatter = tensor(back, [back.length], { dtype: "int64", device });
  }

  /** (B, T, ...) to (N, ...). */
  of(x: Tensor): Tensor {
    const [batch, positions, ...rest] = x.shape;
    const flat = x.reshape(batch * positions, ...rest);
    return this.#gather ? flat.indexSelect(0, this.#gather) : flat;
  }

  /** (N, ...) to (B, T, ...) with zeros at the pads. */
  back(rows: Tensor): Tensor {
    const [, ...rest] = rows.shape;
    const { lengths, positions } = this.#context;
    if (!this.#scatter) return rows.reshape(lengths.length, positions, ...rest);
    const zero = zeros([1, ...rest], { dtype: rows.dtype, device: rows.device });
    return cat([rows, zero])
      .indexSelect(0, this.#scatter)
      .reshape(lengths.length, positions, ...rest);
  }

  /** (N) to the sum of each row, (B). */
  sums(values: Tensor): Tensor {
    return this.back(values).sum(1);
  }
}
