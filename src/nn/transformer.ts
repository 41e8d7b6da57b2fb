/** The pre-norm transformer block. */
import { biasGelu, biasResidual, type Generator, scope, type Tensor } from "../torch/index.ts";
import { type AttentionOptions, MultiHeadAttention } from "./attention.ts";
import { dropout } from "./dropout.ts";
import type { InitContext } from "./initContext.ts";
import type { KeyValueCache } from "./keyValueCache.ts";
import { LayerNorm, UnbiasedLayerNorm } from "./layerNorm.ts";
import { Linear } from "./linear.ts";
import { Module } from "./module.ts";

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

  forward(x: Tensor, pass: BlockPass = {}, cache?: KeyValueCache): Tensor {
    const streams = this.training ? pass.dropout : undefined;
    const drops = streams !== undefined && this.#dropout > 0;
    // Each branch frees what it made: fewer buffers stay warm in the processor's cache.
    const middle = scope(() => {
      const normalised = this.#attentionNorm.forward(x);
      if (!drops) return this.#attention.residual(x, normalised, pass, cache);
      return x.add(dropout(this.#attention.forward(normalised, pass, cache), this.#dropout, streams));
    });
    return scope(() => {
      const normalised = this.#feedForwardNorm.forward(middle);
      if (!drops) return this.#feedForward.residual(middle, normalised);
      return middle.add(dropout(this.#feedForward.forward(normalised), this.#dropout, streams));
    });
  }
}
