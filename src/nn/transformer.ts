/** The pre-norm transformer block. */
import type { Generator, Tensor } from "../torch/index.ts";
import { type AttentionOptions, type KeyValueCache, MultiHeadAttention } from "./attention.ts";
import { dropout } from "./dropout.ts";
import type { InitContext } from "./initContext.ts";
import { LayerNorm, UnbiasedLayerNorm } from "./layerNorm.ts";
import { Linear } from "./linear.ts";
import { Module } from "./module.ts";

/** Choices of a block. */
export interface BlockOptions {
  readonly norm?: "layer" | "unbiased";
  readonly activation?: "gelu" | "gelu-tanh" | "relu";
  readonly dropout?: number;
}

/** W_2 act(W_1 x). */
export class FeedForward extends Module {
  readonly #inner: Linear;
  readonly #outer: Linear;
  readonly #activation: NonNullable<BlockOptions["activation"]>;

  constructor(init: InitContext, dimensions: number, hidden: number, activation: BlockOptions["activation"] = "gelu") {
    super();
    this.#inner = this.child("inner", new Linear(init, dimensions, hidden));
    this.#outer = this.child("outer", new Linear(init, hidden, dimensions));
    this.#activation = activation;
  }

  forward(x: Tensor): Tensor {
    const inner = this.#inner.forward(x);
    const active =
      this.#activation === "relu" ? inner.relu() : inner.gelu(this.#activation === "gelu" ? "none" : "tanh");
    return this.#outer.forward(active);
  }
}

/** x + MHA(LN x), then x + FFN(LN x). */
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
    this.#feedForward = this.child("feedForward", new FeedForward(init, dimensions, hidden, options.activation));
    this.#dropout = options.dropout ?? 0;
  }

  forward(
    x: Tensor,
    options: AttentionOptions & { readonly dropout?: readonly Generator[] } = {},
    cache?: KeyValueCache,
  ): Tensor {
    const attended = this.#attention.forward(this.#attentionNorm.forward(x), options, cache);
    const middle = x.add(dropout(attended, this.#dropout, options.dropout));
    const fed = this.#feedForward.forward(this.#feedForwardNorm.forward(middle));
    return middle.add(dropout(fed, this.#dropout, options.dropout));
  }
}
