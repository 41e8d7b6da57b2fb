/** Multi-head attention with masks and a cache for decoding position by position. */
import { UsageError } from "../base/errors.ts";
import { arange, biasResidual, ones, type Tensor, tensor } from "../torch/index.ts";
import { scaled_dot_product_attention } from "../torch/operators.ts";
import { Tensor as TensorClass } from "../torch/tensor.ts";
import type { InitContext } from "./initContext.ts";
import type { KeyValueCache } from "./keyValueCache.ts";
import { Linear } from "./linear.ts";
import { Module } from "./module.ts";
import { isLowered, lowered } from "./precision.ts";

/** Keys and values of a memory, projected once and used at every step of decoding; (B, heads, S, size). */
export interface ProjectedMemory {
  readonly keys: Tensor;
  readonly values: Tensor;
}

/** Who may be attended to. A row that may attend to nothing gets zeros, not NaN. */
export interface AttentionOptions {
  /** True at real positions of the input, (B, T); with a cache, of all positions so far. Absent: all are real. */
  readonly mask?: Tensor;
  /** The same as a mask that is true at the first n of each row. */
  readonly lengths?: readonly number[] | undefined;
  /** Position t sees positions up to t. With a cache this holds always. */
  readonly causal?: boolean;
  /** What is attended to instead of the input, (B, S, C). */
  readonly memory?: Tensor | ProjectedMemory;
  /** True at real positions of the memory, (B, S). */
  readonly memoryMask?: Tensor;
}

/**
 * softmax(Q K^T / sqrt(size)) V over `heads` heads of size C / heads, then an output projection (Vaswani et al., 2017,
 * section 3.2). Queries, keys and values come from one product: rows 0..C-1 of the packed weight are the queries',
 * then the keys', then the values'.
 */
export class MultiHeadAttention extends Module {
  readonly heads: number;
  readonly #size: number;
  readonly #projection: Linear;
  readonly #output: Linear;

  /** @throws UsageError where the heads do not divide the dimensions. */
  constructor(init: InitContext, dimensions: number, heads: number, options: { readonly bias?: boolean } = {}) {
    super();
    if (!Number.isInteger(heads) || heads < 1 || dimensions % heads !== 0) {
      throw new UsageError(`attention: ${heads} heads do not divide ${dimensions} dimensions`);
    }
    this.heads = heads;
    this.#size = dimensions / heads;
    this.#projection = this.child("projection", new Linear(init, dimensions, 3 * dimensions, options));
    this.#output = this.child("output", new Linear(init, dimensions, dimensions, options));
  }

  /** Weight and bias of the packed projections and of the output; undefined where there are no biases. */
  get weights(): Tensor[] | undefined {
    const { weight, bias } = this.#projection;
    return bias && this.#output.bias && [weight, bias, this.#output.weight, this.#output.bias];
  }

  /** (B, T, parts * C) to `parts` views (B, heads, T, size). */
  #split(x: Tensor, parts: number): Tensor[] {
    const [batch, positions] = x.shape;
    return x.reshape(batch, positions, parts, this.heads, this.#size).permute(2, 0, 3, 1, 4).unbind(0);
  }

  /** Keys and values of a memory (B, S, C), to be given as `memory` to every step of decoding. */
  project(memory: Tensor): ProjectedMemory {
    const dimensions = this.heads * this.#size;
    const [keys, values] = this.#split(this.#projection.rows(memory, dimensions, 3 * dimensions), 2);
    return { keys, values };
  }

  #prefixes(lengths: readonly number[] | undefined, positions: number, device: string): Tensor | undefined {
    if (!lengths) return undefined;
    const counts = tensor(lengths, [lengths.length, 1], { dtype: "int64", device });
    return arange(0, positions, 1, { dtype: "int64", device }).unsqueeze(0).lt(counts);
  }

  /** x + MHA(normalised), the residual and the output's bias added in one pass. */
  residual(x: Tensor, normalised: Tensor, options: AttentionOptions = {}, cache?: KeyValueCache): Tensor {
    const mixed = this.#mix(normalised, options, cache);
    const { bias } = this.#output;
    return bias ? biasResidual(x, this.#output.product(mixed), bias) : x.add(this.#output.forward(mixed));
  }

  /**
   * (B, T, C) to (B, T, C). With a cache, `x` holds only the new positions; they see all before them and each other
   * causally.
   *
   * @throws UsageError where a cache and a memory are given, or a mask does not fit what is attended to.
   */
  forward(x: Tensor, options: AttentionOptions = {}, cache?: KeyValueCache): Tensor {
    return this.#output.forward(this.#mix(x, options, cache));
  }

  #mix(x: Tensor, options: AttentionOptions, cache?: KeyValueCache): Tensor {
    const [batch, positions, dimensions] = x.shape;
    const { memory } = options;
    let queries: Tensor;
    let keys: Tensor;
    let values: Tensor;
    if (memory) {
      if (cache)
        throw new UsageError("attention to a memory takes no key/value cache: project the memory once instead");
      [queries] = this.#split(this.#projection.rows(x, 0, dimensions), 1);
      ({ keys, values } = memory instanceof TensorClass ? this.project(memory) : memory);
    } else {
      [queries, keys, values] = this.#split(this.#projection.forward(x), 3);
      if (cache) ({ keys, values } = cache.append(keys, values));
    }
    const seen = keys.size(2);
    const mask = memory ? options.memoryMask : (options.mask ?? this.#prefixes(options.lengths, seen, x.device));
    if (mask && (mask.size(0) !== batch || mask.size(1) !== seen)) {
      throw new UsageError(`attention: the mask is [${mask.shape.join(", ")}], expected [${batch}, ${seen}]`);
    }
    const causal = positions > 1 && (cache !== undefined || (options.causal ?? false));
    // The native flag counts from the first key, so it does not fit positions that come after cached ones.
    const flag = causal && !mask && seen === positions;
    let visible = mask?.unsqueeze(1).unsqueeze(1);
    if (causal && !flag) {
      const upTo = ones([positions, seen], { dtype: "bool", device: x.device }).tril(seen - positions);
      visible = visible ? visible.logicalAnd(upTo) : upTo;
    }
    const parts = [queries, keys, values];
    const [q, k, v] = isLowered(x, x.numel * seen) ? parts.map(lowered) : parts;
    const mixed = TensorClass.adopt(
      scaled_dot_product_attention(q.handle, k.handle, v.handle, visible?.handle, 0, flag),
    );
    return mixed.transpose(1, 2).reshape(batch, positions, dimensions).to(x.dtype);
  }
}
