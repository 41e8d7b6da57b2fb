/** A causal flow inverted one position at a time, with the choice of what stands at each position left open. */
import { RiverrunError } from "../../base/errors.ts";
import { cat, type DType, noGrad, scope, type Tensor, tensor, zeros } from "../../torch/index.ts";
import type { IncrementalDecoder } from "../ar/index.ts";
import type { CouplingStepper } from "./coupling.ts";
import type { HeadInverse } from "./head.ts";
import type { CausalReader } from "./network.ts";

/** What a decoder takes from its flow. */
export interface DecoderParts {
  readonly rows: number;
  readonly reader: CausalReader;
  /** Of the couplings, in the order of encoding. */
  readonly steppers: readonly CouplingStepper[];
  readonly invert: HeadInverse;
  readonly apply: (z: Tensor, hidden: Tensor) => Tensor;
  readonly dtype: DType;
}

/** See `IncrementalDecoder`. The head's network is asked once a position: what it says does not depend on x_t. */
export class CausalDecoder implements IncrementalDecoder {
  readonly #parts: DecoderParts;
  /** ln|det dx/dy| of each row over the positions accepted from `invert`, nats. */
  logDet: Float64Array;
  #position = 0;
  /** z_{t-1} behind the couplings, which the head's network reads. */
  #previous: Tensor | undefined;
  #hidden: Tensor | undefined;
  /** What the last inversion gave: x_t before every coupling, from the first to the head. */
  #inverted: { readonly chain: readonly Tensor[]; readonly logDet: Float64Array } | undefined;

  constructor(parts: DecoderParts) {
    this.#parts = parts;
    this.logDet = new Float64Array(parts.rows);
  }

  get rows(): number {
    return this.#parts.reader.rows;
  }

  get position(): number {
    return this.#position;
  }

  /** h_t of this position, (R, width). */
  hidden(): Tensor {
    this.#hidden ??= this.#parts.reader.next(this.#previous).keep();
    return this.#hidden;
  }

  invert(y: Tensor): Tensor {
    return this.invertRows(
      y,
      Array.from({ length: this.rows }, (_, row) => row),
    );
  }

  /** The same where only some rows matter; the others get what the couplings make of 0. */
  invertRows(y: Tensor, rows: readonly number[]): Tensor {
    return noGrad(() =>
      scope(() => {
        const logDet = new Float64Array(this.rows);
        const chain = [this.#invertHead(y, rows, logDet)];
        for (let index = this.#parts.steppers.length - 1; index >= 0; index--) {
          const { x, logScales } = this.#parts.steppers[index].invert(chain[0]);
          const sums = logScales.sum(1).toNumbers();
          for (const row of rows) logDet[row] -= sums[row];
          chain.unshift(x);
        }
        this.#forget();
        this.#inverted = { chain: chain.map((x) => x.keep()), logDet };
        return chain[0].alias();
      }),
    );
  }

  #invertHead(y: Tensor, rows: readonly number[], logDet: Float64Array): Tensor {
    const hidden = this.hidden();
    const { invert, dtype } = this.#parts;
    const [all, channels] = y.shape;
    if (rows.length === 0) return zeros([all, channels], { dtype, device: y.device });
    const place = { dtype: "int64", device: y.device } as const;
    const some = rows.length < all;
    const chosen = tensor(rows, [rows.length], place);
    const found = some ? invert(y.indexSelect(0, chosen), hidden.indexSelect(0, chosen)) : invert(y, hidden);
    found.logDet.toNumbers().forEach((value, index) => {
      logDet[rows[index]] += value;
    });
    const x = found.x.to(dtype);
    if (!some) return x;
    const back = new Array<number>(all).fill(rows.length);
    rows.forEach((row, index) => {
      back[row] = index;
    });
    const zero = zeros([1, channels], { dtype, device: y.device });
    return cat([x, zero]).indexSelect(0, tensor(back, [all], place));
  }

  #forget(): void {
    for (const x of this.#inverted?.chain ?? []) x.dispose();
    this.#inverted = undefined;
  }

  /** Goes on with x_t before every coupling. */
  #advance(chain: readonly Tensor[]): void {
    this.hidden();
    this.#parts.steppers.forEach((stepper, index) => {
      stepper.accept(chain[index]);
    });
    this.#previous?.dispose();
    this.#previous = chain[chain.length - 1].alias().keep();
    this.#hidden?.dispose();
    this.#hidden = undefined;
    this.#position += 1;
    this.#forget();
  }

  accept(): void {
    const inverted = this.#inverted;
    if (!inverted) throw new RiverrunError("internal: nothing was inverted at this position");
    inverted.logDet.forEach((value, row) => {
      this.logDet[row] += value;
    });
    this.#advance(inverted.chain);
  }

  commit(x: Tensor): Tensor {
    return noGrad(() =>
      scope(() => {
        const chain = this.#chainOf(x);
        const y = this.#parts.apply(chain[chain.length - 1], this.hidden());
        this.#advance(chain);
        return y;
      }),
    );
  }

  /** The same where nobody asks for the latents, which a mixture's map takes long to find. */
  take(x: Tensor): void {
    noGrad(() =>
      scope(() => {
        this.#advance(this.#chainOf(x));
      }),
    );
  }

  #chainOf(x: Tensor): Tensor[] {
    const chain = [x];
    for (const stepper of this.#parts.steppers) chain.push(stepper.apply(chain[chain.length - 1]));
    return chain;
  }

  select(rows: readonly number[]): void {
    const { reader, steppers } = this.#parts;
    scope(() => {
      const device = this.#previous?.device ?? "cpu";
      const indices = tensor(rows, [rows.length], { dtype: "int64", device });
      const chosen = (held: Tensor | undefined): Tensor | undefined => {
        const next = held?.indexSelect(0, indices).keep();
        held?.dispose();
        return next;
      };
      this.#previous = chosen(this.#previous);
      this.#hidden = chosen(this.#hidden);
      for (const stepper of steppers) stepper.select(rows, indices);
    });
    reader.select(rows);
    this.logDet = Float64Array.from(rows, (row) => this.logDet[row]);
    this.#forget();
  }

  dispose(): void {
    this.#forget();
    this.#parts.reader.dispose();
    this.#parts.invert.dispose?.();
    for (const stepper of this.#parts.steppers) stepper.dispose();
    this.#previous?.dispose();
    this.#hidden?.dispose();
  }
}
