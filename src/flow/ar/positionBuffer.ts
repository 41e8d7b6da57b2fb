/** A tensor that grows position by position while decoding. */
import { cat, noGrad, scope, type Tensor, zeros } from "../../torch/index.ts";

/** Positions that room is made for at a time: growing by one would copy everything at every position. */
const room = 16;

/**
 * Values of the positions so far along one dimension of a tensor, with room for more. It lives outside scopes until
 * `dispose`; no gradient flows through it.
 */
export class PositionBuffer {
  readonly #dim: number;
  #values: Tensor | undefined;
  #length = 0;

  /** @param dim the dimension that positions run along */
  constructor(dim: number) {
    this.#dim = dim;
  }

  /** Positions held. */
  get length(): number {
    return this.#length;
  }

  #replace(next: Tensor): void {
    next.keep();
    this.#values?.dispose();
    this.#values = next;
  }

  /** Adds one position: `value` has size 1 along the dimension. */
  append(value: Tensor): void {
    noGrad(() =>
      scope(() => {
        const held = this.#values;
        if (!held || held.size(this.#dim) === this.#length) {
          const shape = value.shape.map((size, dim) => (dim === this.#dim ? room : size));
          const more = zeros(shape, { dtype: value.dtype, device: value.device });
          this.#replace(held ? cat([held, more], this.#dim) : more);
        }
        this.#values?.slice(this.#dim, this.#length, this.#length + 1).copy_(value);
        this.#length += 1;
      }),
    );
  }

  /** A view of the positions so far, valid until the next change. Not to be asked for before the first `append`. */
  view(): Tensor {
    if (!this.#values) throw new RangeError("an empty position buffer has no values");
    return this.#values.slice(this.#dim, 0, this.#length);
  }

  /** Keeps the entries `chosen` (int64) of dimension `dim`, in this order and as often as they are named. */
  select(dim: number, chosen: Tensor): void {
    const held = this.#values;
    if (held) this.#replace(noGrad(() => held.indexSelect(dim, chosen)));
  }

  dispose(): void {
    this.#values?.dispose();
    this.#values = undefined;
    this.#length = 0;
  }
}
