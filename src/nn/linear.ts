/** Affine maps of the last dimension; their products are in the precision in force (`inNetworkPrecision`). */
import type { CouplingOutput, Tensor } from "../torch/index.ts";
import type { InitContext } from "./initContext.ts";
import { Module } from "./module.ts";
import { product } from "./precision.ts";

/** x W^T + b, (..., in) to (..., out), W (out, in); weight and bias start as U(-1/sqrt(in), 1/sqrt(in)). */
export class Linear extends Module {
  readonly weight: Tensor;
  readonly bias: Tensor | undefined;

  constructor(init: InitContext, inputs: number, outputs: number, options: { readonly bias?: boolean } = {}) {
    super();
    const bound = 1 / Math.sqrt(inputs);
    this.weight = this.parameter("weight", init.uniform([outputs, inputs], bound));
    this.bias = options.bias === false ? undefined : this.parameter("bias", init.uniform([outputs], bound));
  }

  forward(x: Tensor): Tensor {
    return product(x, this.weight, this.bias);
  }

  /** x W^T, for those who add the bias in a pass of their own. */
  product(x: Tensor): Tensor {
    return product(x, this.weight);
  }

  /** Outputs start..end-1 alone, (..., end - start). */
  rows(x: Tensor, start: number, end: number): Tensor {
    return product(x, this.weight.slice(0, start, end), this.bias?.slice(0, start, end));
  }
}

/**
 * (x W^T + b) * exp(3 g) with W = b = g = 0 at the start, so that a coupling begins as the identity (Kingma and
 * Dhariwal, 2018, appendix B). g has one entry for each output.
 */
export class ZeroLinear extends Module {
  /** (out, in); for those who make the product themselves. */
  readonly weight: Tensor;
  readonly #bias: Tensor;
  readonly #gain: Tensor;

  constructor(init: InitContext, inputs: number, outputs: number) {
    super();
    this.weight = this.parameter("weight", init.zeros([outputs, inputs]));
    this.#bias = this.parameter("bias", init.zeros([outputs]));
    this.#gain = this.parameter("gain", init.zeros([outputs]));
  }

  /** The parts of the output, for a coupling that applies bias and gain in its own pass. */
  parts(x: Tensor): CouplingOutput {
    return this.partsOf(product(x, this.weight));
  }

  /** The same for a product x W^T that is there already. */
  partsOf(product: Tensor): CouplingOutput {
    return { product, bias: this.#bias, gain: this.#gain };
  }

  forward(x: Tensor): Tensor {
    const factor = this.#gain.mul(3).exp();
    // The factor goes to where fewer numbers are passed over: into the weight (out, in) or into the output (rows, out).
    const [outputs, inputs] = this.weight.shape;
    if (inputs * outputs <= (x.numel / inputs) * outputs) {
      const weight = this.weight.mul(factor.unsqueeze(1));
      return product(x, weight, this.#bias.mul(factor));
    }
    return product(x, this.weight, this.#bias).mul(factor);
  }
}
