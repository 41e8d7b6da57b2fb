/**
 * The same layer of K flow steps as one tensor, the step first: (K, in, out). Whatever several steps do at the same
 * time is then one batched product instead of one small product a step.
 */
import { type InitContext, isLowered, lowered, Module } from "../../nn/index.ts";
import type { Tensor } from "../../torch/index.ts";
import { baddbmm, bmm } from "../../torch/operators.ts";
import { Tensor as TensorClass } from "../../torch/tensor.ts";

/** x W + b of n steps: `weight` (n, in, out), `bias` (n, 1, out). */
export interface Affine {
  readonly weight: Tensor;
  readonly bias: Tensor;
}

/** Entries first..end-1 of the leading dimension, a view; the tensor itself where that is all of it. */
export function stepsOf(stacked: Tensor, first: number, end: number): Tensor {
  return first === 0 && end === stacked.size(0) ? stacked : stacked.slice(0, first, end);
}

/** The same layers for steps first..end-1 alone. */
export function affineOf({ weight, bias }: Affine, first: number, end: number): Affine {
  return { weight: stepsOf(weight, first, end), bias: stepsOf(bias, first, end) };
}

/** x_k W_k for every step: (n, R, in) times (n, in, out). */
export function products(x: Tensor, weight: Tensor): Tensor {
  return TensorClass.adopt(bmm(x.handle, weight.handle));
}

/**
 * A stacked matrix in bfloat16 where the precision in force and the work of this many rows ask for it: once a pass, for all
 * the products with it. What has one row a step (biases, gains, states) stays.
 */
export function inForce(stacked: Tensor, rows: number): Tensor {
  return stacked.size(1) > 1 && isLowered(stacked, rows * stacked.numel) ? lowered(stacked) : stacked;
}

/** start_k + x_k W_k, `start` broadcast over the rows; the product in bfloat16 where W is. */
export function addProducts(start: Tensor, x: Tensor, weight: Tensor): Tensor {
  if (weight.dtype !== x.dtype) return products(x.to(weight.dtype), weight).to(x.dtype).add(start);
  return TensorClass.adopt(baddbmm(start.handle, x.handle, weight.handle));
}

/** x_k W_k + b_k, (n, R, in) to (n, R, out). */
export function applyAffine(x: Tensor, { weight, bias }: Affine): Tensor {
  return addProducts(bias, x, weight);
}

/** K linear layers; all start as U(-1/sqrt(in), 1/sqrt(in)), or as zeros. */
export class StackedLinear extends Module {
  readonly affine: Affine;

  constructor(
    init: InitContext,
    steps: number,
    inputs: number,
    outputs: number,
    options: { readonly zero?: boolean } = {},
  ) {
    super();
    const bound = 1 / Math.sqrt(inputs);
    const start = (shape: readonly number[]): Tensor => (options.zero ? init.zeros(shape) : init.uniform(shape, bound));
    this.affine = {
      weight: this.parameter("weight", start([steps, inputs, outputs])),
      bias: this.parameter("bias", start([steps, 1, outputs])),
    };
  }
}

/** K perceptrons C -> f -> ... -> f -> 2C with GELU between; the last layer starts at zero. */
export class StackedMlp extends Module {
  readonly affines: readonly Affine[];

  /** @param inner layers f -> f between the first and the last */
  constructor(init: InitContext, steps: number, channels: number, hidden: number, inner: number) {
    super();
    const sizes = [channels, ...new Array<number>(inner + 1).fill(hidden), 2 * channels];
    this.affines = sizes.slice(1).map((outputs, index) => {
      const zero = index === sizes.length - 2;
      return this.child(`layer${index}`, new StackedLinear(init, steps, sizes[index], outputs, { zero })).affine;
    });
  }
}

/** The perceptrons of n steps on (n, R, C). */
export function applyMlp(x: Tensor, affines: readonly Affine[]): Tensor {
  return affines.reduce((value, layer, index) => applyAffine(index === 0 ? value : value.gelu(), layer), x);
}
