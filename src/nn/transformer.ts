/** The pre-norm transformer block. */
import {
  biasGelu,
  biasResidual,
  type Generator,
  hasBf16Products,
  isFusable,
  noGrad,
  scope,
  type Tensor,
  transformerBlock,
  transformerStep,
} from "../torch/index.ts";
import { type AttentionOptions, MultiHeadAttention } from "./attention.ts";
import { dropout, dropoutMask } from "./dropout.ts";
import type { InitContext } from "./initContext.ts";
import type { KeyValueCache } from "./keyValueCache.ts";
import { LayerNorm, UnbiasedLayerNorm } from "./layerNorm.ts";
import { Linear } from "./linear.ts";
import { Module } from "./module.ts";
import { networksRecompute } from "./networkSettings.ts";
import { isLowered, product } from "./precision.ts";

/** gelu is x Phi(x), gelu-tanh its tanh approximation. */
export type Activation = "gelu" | "gelu-tanh" | "relu";

/** Choices of a block. */
export interface BlockOptions {
  readonly norm?: "layer" | "unbiased";
  readonly activation?: Activation;
  /** Share of units that each of the two branches loses before it is added, where streams are given. */
  readonly dropout?: number;
}

/** What one pass through a block is told. */
export interface BlockPass extends AttentionOptions {
  /** One stream for each row of the batch; without them, or after `train(false)`, nothing is dropped. */
  readonly dropout?: readonly Generator[];
}

/** W_2 act(W_1 x + b_1) + b_2, (..., C) to (..., C). */
export class FeedForward extends Module {
  readonly #inner: Linear;
  readonly #outer: Linear;
  readonly #activation: Activation;

  constructor(
    init: InitContext,
    dimensions: number,
    hidden: number,
    options: { readonly activation?: Activation } = {},
  ) {
    super();
    this.#inner = this.child("inner", new Linear(init, dimensions, hidden));
    this.#outer = this.child("outer", new Linear(init, hidden, dimensions));
    this.#activation = options.activation ?? "gelu";
  }

  /** Weight and bias of the inner and of the outer map, where the activation is the tanh form of GELU. */
  get weights(): Tensor[] | undefined {
    const [inner, outer] = [this.#inner, this.#outer];
    if (this.#activation !== "gelu-tanh" || !inner.bias || !outer.bias) return undefined;
    return [inner.weight, inner.bias, outer.weight, outer.bias];
  }

  #active(x: Tensor): Tensor {
    const { bias } = this.#inner;
    if (this.#activation === "gelu-tanh" && bias) return biasGelu(this.#inner.product(x), bias);
    const inner = this.#inner.forward(x);
    return this.#activation === "relu" ? inner.relu() : inner.gelu(this.#activation === "gelu" ? "none" : "tanh");
  }

  forward(x: Tensor): Tensor {
    return this.#outer.forward(this.#active(x));
  }

  /** x + FFN(normalised), the residual and the outer bias added in one pass. */
  residual(x: Tensor, normalised: Tensor): Tensor {
    const { bias } = this.#outer;
    const active = this.#active(normalised);
    return bias ? biasResidual(x, this.#outer.product(active), bias) : x.add(this.#outer.forward(active));
  }
}

/** x + MHA(LN x), then x + FFN(LN x); (B, T, C) to (B, T, C). */
export class TransformerBlock extends Module {
  readonly #attentionNorm: LayerNorm;
  readonly #attention: MultiHeadAttention;
  readonly #feedForwardNorm: LayerNorm;
  readonly #feedForward: FeedForward;
  readonly #dropout: number;

  constructor(init: InitContext, dimensions: number, heads: number, hidden: number, options: BlockOptions = {}) {
    super();
    const norm = (): LayerNorm =>
      options.norm === "unbiased" ? new UnbiasedLayerNorm(init, dimensions) : new LayerNorm(init, dimensions);
    this.#attentionNorm = this.child("attentionNorm", norm());
    this.#attention = this.child("attention", new MultiHeadAttention(init, dimensions, heads));
    this.#feedForwardNorm = this.child("feedForwardNorm", norm());
    this.#feedForward = this.child("feedForward", new FeedForward(init, dimensions, hidden, options));
    this.#dropout = options.dropout ?? 0;
  }

  /** Everything that the block is made of, where it can be one operator on x. */
  #weights(x: Tensor, pass: BlockPass): Tensor[] | undefined {
    const [attention, feedForward] = [this.#attention.weights, this.#feedForward.weights];
    if (!isFusable(x) || pass.mask || pass.memory || !attention || !feedForward) return undefined;
    const [first, second] = [this.#attentionNorm, this.#feedForwardNorm];
    return [first.weight, first.bias, ...attention, second.weight, second.bias, ...feedForward];
  }

  /** The block as one operator, its result times head^T where a head is given; undefined where that cannot be. */
  #fused(x: Tensor, pass: BlockPass, head?: Tensor): Tensor | undefined {
    const weights = this.#weights(x, pass);
    const bf16 = isLowered(x, x.numel * x.size(2));
    if (!weights || (bf16 && !hasBf16Products())) return undefined;
    const { epsilon, factor } = this.#attentionNorm;
    const streams = this.#drops(pass);
    return scope(() => {
      const drop = (): Tensor => dropoutMask(x, this.#dropout, streams ?? []);
      return transformerBlock(x, weights, {
        heads: this.#attention.heads,
        lengths: pass.lengths,
        causal: pass.causal ?? false,
        epsilon,
        factor,
        head,
        drops: streams && [drop(), drop()],
        bf16,
        recomputes: networksRecompute(),
      });
    });
  }

  #drops(pass: BlockPass): readonly Generator[] | undefined {
    return this.training && this.#dropout > 0 ? pass.dropout : undefined;
  }

  /** forward(x) W^T for a W (N, C), in one operator with the block where that can be; (B, T, N). */
  times(weight: Tensor, x: Tensor, pass: BlockPass = {}): Tensor {
    return this.#fused(x, pass, weight) ?? product(this.forward(x, pass), weight);
  }

  /**
   * One position (R, 1, C) behind those in the cache, which all are real; no graph is recorded and nothing dropped. In one
   * operator where that can be.
   */
  step(x: Tensor, cache: KeyValueCache): Tensor {
    return noGrad(() => {
      const weights = this.#weights(x, {});
      if (!weights) return this.forward(x, { causal: true }, cache);
      const [rows, , dimensions] = x.shape;
      const { heads } = this.#attention;
      const position = cache.length;
      const held = cache.extend([rows, heads, 1, dimensions / heads], x);
      return transformerStep(x, weights, { ...held, position }, this.#attentionNorm);
    });
  }

  forward(x: Tensor, pass: BlockPass = {}, cache?: KeyValueCache): Tensor {
    const whole = cache ? undefined : this.#fused(x, pass);
    if (whole) return whole;
    const streams = this.#drops(pass);
    // Each branch frees what it made: fewer buffers stay warm in the processor's cache.
    const middle = scope(() => {
      const normalised = this.#attentionNorm.forward(x);
      if (!streams) return this.#attention.residual(x, normalised, pass, cache);
      return x.add(dropout(this.#attention.forward(normalised, pass, cache), this.#dropout, streams));
    });
    return scope(() => {
      const normalised = this.#feedForwardNorm.forward(middle);
      if (!streams) return this.#feedForward.residual(middle, normalised);
      return middle.add(dropout(this.#feedForward.forward(normalised), this.#dropout, streams));
    });
  }
}
