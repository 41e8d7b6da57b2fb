/** Layer normalisation over the last dimension, in the usual form and with the unbiased deviation. */
import type { Tensor } from "../torch/index.ts";
import { layer_norm } from "../torch/operators.ts";
import { Tensor as TensorClass } from "../torch/tensor.ts";
import type { InitContext } from "./initContext.ts";
import { Module } from "./module.ts";

/** a (x - mean) / sqrt(var + eps) + b with the biased variance; a = 1 and b = 0 at the start. */
export class LayerNorm extends Module {
  readonly weight: Tensor;
  readonly bias: Tensor;
  readonly epsilon: number;
  protected readonly features: number;

  constructor(init: InitContext, features: number, options: { readonly eps?: number } = {}) {
    super();
    this.features = features;
    this.epsilon = options.eps ?? 1e-5;
    this.weight = this.parameter("weight", init.ones([features]));
    this.bias = this.parameter("bias", init.zeros([features]));
  }

  /** By which the weight is multiplied. */
  get factor(): number {
    return 1;
  }

  forward(x: Tensor): Tensor {
    return this.normalise(x, this.weight);
  }

  protected normalise(x: Tensor, weight: Tensor): Tensor {
    return TensorClass.adopt(layer_norm(x.handle, [this.features], weight.handle, this.bias.handle, this.epsilon));
  }
}

/**
 * a (x - mean) / (std + 1e-12) + b with the unbiased deviation. std = sqrt(var n / (n - 1)), so the fused kernel does
 * it with the weight a sqrt((n - 1) / n); sqrt(var + 1e-24) differs from std + 1e-12 by at most 1e-12.
 */
export class UnbiasedLayerNorm extends LayerNorm {
  constructor(init: InitContext, features: number) {
    super(init, features, { eps: 1e-24 });
  }

  override get factor(): number {
    return Math.sqrt((this.features - 1) / this.features);
  }

  override forward(x: Tensor): Tensor {
    return this.normalise(x, this.weight.mul(this.factor));
  }
}
