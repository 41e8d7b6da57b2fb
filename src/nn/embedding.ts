/** Tables of vectors. */
import type { Tensor } from "../torch/index.ts";
import { embedding } from "../torch/operators.ts";
import { Tensor as TensorClass } from "../torch/tensor.ts";
import type { InitContext } from "./initContext.ts";
import { Module } from "./module.ts";

/** Row `id` of a trained table for every id: int64 (...) to (..., C). Entries start as N(0, std^2). */
export class Embedding extends Module {
  readonly weight: Tensor;

  constructor(init: InitContext, count: number, dimensions: number, options: { readonly std?: number } = {}) {
    super();
    this.weight = this.parameter("weight", init.normal([count, dimensions], options.std ?? 1));
  }

  forward(ids: Tensor): Tensor {
    return TensorClass.adopt(embedding(this.weight.handle, ids.handle));
  }
}

/** Row `id` of a given table that is saved with the model but never trained, as word vectors are. */
export class FrozenEmbedding extends Module {
  readonly weight: Tensor;

  /** @param table (V, C); it then belongs to this module. */
  constructor(table: Tensor) {
    super();
    this.weight = this.buffer("weight", table);
  }

  forward(ids: Tensor): Tensor {
    return TensorClass.adopt(embedding(this.weight.handle, ids.handle));
  }
}
