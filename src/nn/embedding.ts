/** A trained table of vectors. */
import type { Tensor } from "../torch/index.ts";
import { embedding } from "../torch/operators.ts";
import { Tensor as TensorClass } from "../torch/tensor.ts";
import type { InitContext } from "./initContext.ts";
import { Module } from "./module.ts";

/** Row `id` for every id: int64 (...) to (..., C). Entries start as N(0, 1). */
export class Embedding extends Module {
  readonly weight: Tensor;

  constructor(init: InitContext, count: number, dimensions: number) {
    super();
    this.weight = this.parameter("weight", init.normal([count, dimensions], 1));
  }

  forward(ids: Tensor): Tensor {
    return TensorClass.adopt(embedding(this.weight.handle, ids.handle));
  }
}
