/** What attention remembers between steps of decoding. */
import { UsageError } from "../base/errors.ts";
import { noGrad, type Tensor, zeros } from "../torch/index.ts";

/**
 * Keys and values of the positions so far, one cache for each attention, preallocated as (B, heads, capacity, size)
 * when the first position comes. It lives outside scopes until `dispose`; no gradient flows through it.
 */
export class KeyValueCache {
  #keys: Tensor | undefined;
  #values: Tensor | undefined;
  readonly #capacity: number;
  #length = 0;

  /** @throws UsageError unless the capacity is an integer of at least 1. */
  constructor(capacity: number) {
    if (!Number.isInteger(capacity) || capacity < 1) {
      throw new UsageError(`a key/value cache of ${capacity} positions: expected an integer of at least 1`);
    }
    this.#capacity = capacity;
  }

  /** Positions held. */
  get length(): number {
    return this.#length;
  }

  /**
   * Adds (B, heads, t, size) and returns views of all keys and values so far, valid until the next change.
   *
   * @throws UsageError beyond the capacity, or where batch, heads or size differ from those held.
   */
  append(keys: Tensor, values: Tensor): { keys: Tensor; values: Tensor } {
    const [batch, heads, added, size] = keys.shape;
    const start = this.#length;
    const end = start + added;
    const all = this.extend([batch, heads, added, size], keys);
    return noGrad(() => {
      all.keys.slice(2, start, end).copy_(keys);
      all.values.slice(2, start, end).copy_(values);
      return { keys: all.keys.slice(2, 0, end), values: all.values.slice(2, 0, end) };
    });
  }

  /**
   * Makes room for t positions more, which the caller writes into what is returned: all keys and values, (B, heads,
   * capacity, size) of the dtype and on the device of `like`, valid until the next change.
   *
   * @param shape batch, heads, t and size
   * @throws UsageError as `append`
   */
  extend([batch, heads, added, size]: readonly number[], like: Tensor): { keys: Tensor; values: Tensor } {
    const end = this.#length + added;
    if (end > this.#capacity) {
      throw new UsageError(`the key/value cache holds ${this.#capacity} positions; position ${end} was asked for`);
    }
    const shape = [batch, heads, this.#capacity, size];
    if (this.#keys && this.#keys.shape.join() !== shape.join()) {
      throw new UsageError(
        `the key/value cache holds [${this.#keys.shape.join(", ")}], keys of [${[batch, heads, added, size].join(", ")}] do not fit`,
      );
    }
    const place = { dtype: like.dtype, device: like.device };
    const keys = (this.#keys ??= zeros(shape, place).keep());
    const values = (this.#values ??= zeros(shape, place).keep());
    this.#length = end;
    return { keys, values };
  }

  /** Keeps the given rows (int64), in this order and as often as they are named: the survivors of a beam search. */
  select(rows: Tensor): void {
    const chosen = (held: Tensor | undefined): Tensor | undefined => {
      const next = held && noGrad(() => held.indexSelect(0, rows)).keep();
      held?.dispose();
      return next;
    };
    this.#keys = chosen(this.#keys);
    this.#values = chosen(this.#values);
  }

  /** Forgets all positions but the first `length`. @throws UsageError where fewer are held. */
  truncate(length: number): void {
    if (!Number.isInteger(length) || length < 0 || length > this.#length) {
      throw new UsageError(`the key/value cache holds ${this.#length} positions and cannot be cut to ${length}`);
    }
    this.#length = length;
  }

  /** Frees both tensors; the cache is then empty and may be used again. */
  dispose(): void {
    this.#keys?.dispose();
    this.#values?.dispose();
    this.#keys = undefined;
    this.#values = undefined;
    this.#length = 0;
  }
}
