/** Multi-head attention with masks and a cache for decoding one position at a time. */
import { UsageError } from "../base/errors.ts";
import { type Tensor, zeros } from "../torch/index.ts";
import { scaled_dot_product_attention } from "../torch/operators.ts";
import { Tensor as TensorClass } from "../torch/tensor.ts";
import type { InitContext } from "./initContext.ts";
import { Linear } from "./linear.ts";
import { Module } from "./module.ts";

/** Who may be attended to. */
export interface AttentionOptions {
  /** True at real positions of what is attended to, (B, T). A row without any gets zeros, not NaN. */
  readonly mask?: Tensor;
  /** Position t sees positions up to t. */
  readonly causal?: boolean;
  /** What is attended to, (B, S, C); the input itself where absent. */
  readonly memory?: Tensor;
}

/** Keys and values of the positions so far, preallocated: (B, heads, capacity, head size). */
export class KeyValueCache {
  #keys: Tensor | undefined;
  #values: Tensor | undefined;
  readonly #capacity: number;
  #length = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Positions held. */
  get length(): number {
    return this.#length;
  }

  /** Adds (B, heads, t, size) and returns all keys and values so far. @throws UsageError beyond the capacity. */
  append(keys: Tensor, values: Tensor): { keys: Tensor; values: Tensor } {
    const [batch, heads, added, size] = keys.shape;
    const end = this.#length + added;
    if (end > this.#capacity) {
      throw new UsageError(`the key/value cache holds ${this.#capacity} positions; position ${end} was asked for`);
    }
    const shape = [batch, heads, this.#capacity, size];
    this.#keys ??= zeros(shape, { dtype: keys.dtype, device: keys.device }).keep();
    this.#values ??= zeros(shape, { dtype: keys.dtype, device: keys.device }).keep();
    this.#keys.slice(2, this.#length, end).copy_(keys);
    this.#values.slice(2, this.#length, end).copy_(values);
    this.#length = end;
    return { keys: this.#keys.slice(2, 0, end), values: this.#values.slice(2, 0, end) };
  }

  /** Keeps the given rows, in this order (beams). */
  select(rows: Tensor): void {
    this.#keys = this.#keys?.indexSelect(0, rows).keep();
    this.#values = this.#values?.indexSelect(0, rows).keep();
  }
}

/** softmax(Q K^T / sqrt(size)) V over `heads` heads, with an output projection. */
export class MultiHeadAttention extends Module {
  readonly #heads: number;
  readonly #size: number;
  readonly #projection: Linear;
  readonly #output: Linear;

  /** @throws UsageError where the heads do not divide the dimensions. */
  constructor(init: InitContext, dimensions: number, heads: number) {
    super();
    if (dimensions % heads !== 0) {
      throw new UsageError(`attention: ${heads} heads do not divide ${dimensions} dimensions`);
    }
    this.#heads = heads;
    this.#size = dimensions / heads;
    // One product for queries, keys and values: rows 0..C-1 of the weight are the queries'.
    this.#projection = this.child("projection", new Linear(init, dimensions, 3 * dimensions));
    this.#output = this.child("output", new Linear(init, dimensions, dimensions));
  }

  #split(x: Tensor, parts: number): Tensor[] {
    const [batch, positions] = x.shape;
    return x.reshape(batch, positions, parts, this.#heads, this.#size).permute(2, 0, 3, 1, 4).unbind(0);
  }

  #project(x: Tensor, memory: Tensor | undefined): Tensor[] {
    if (!memory) return this.#split(this.#projection.forward(x), 3);
    const queries = this.#split(this.#projection.forward(x), 3)[0];
    const [, keys, values] = this.#split(this.#projection.forward(memory), 3);
    return [queries, keys, values];
  }

  /** (B, T, C) to (B, T, C). With a cache, `x` holds only the new positions, which see all before them. */
  forward(x: Tensor, options: AttentionOptions = {}, cache?: KeyValueCache): Tensor {
    const [batch, positions, dimensions] = x.shape;
    const [queries, newKeys, newValues] = this.#project(x, options.memory);
    const start = cache?.length ?? 0;
    const { keys, values } = cache ? cache.append(newKeys, newValues) : { keys: newKeys, values: newValues };
    if (cache && positions > 1 && start > 0) throw new UsageError("a cache that holds positions takes one at a time");
    const mask = options.mask?.unsqueeze(1).unsqueeze(1);
    const causal = (options.causal ?? false) && positions > 1;
    const visible = mask && causal ? mask.logicalAnd(causalMask(positions, x.device)) : mask;
    let mixed = TensorClass.adopt(
      scaled_dot_product_attention(queries.handle, keys.handle, values.handle, visible?.handle, 0, causal && !mask),
    );
    if (visible) mixed = mixed.maskedFill(visible.logicalNot().to("float32").amin([-1], true).gt(0), 0);
    return this.#output.forward(mixed.transpose(1, 2).reshape(batch, positions, dimensions));
  }
}

/** True where row t may see column s <= t, (T, T). */
function causalMask(positions: number, device: string): Tensor {
  return zeros([positions, positions], { device }).add(1).tril().gt(0);
}
