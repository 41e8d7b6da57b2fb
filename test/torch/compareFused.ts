/** What the tests of fused operators share: an operator beside its composition of libtorch's. */
import { expect } from "vitest";
import { type DType, Generator, grad, randn, type Tensor } from "../../src/torch/index.ts";

/** Largest relative difference of two lists of tensors. */
export function difference(one: readonly Tensor[], other: readonly Tensor[]): number {
  return Math.max(
    ...one.map((value, index) => {
      const size = Math.max(1, other[index].abs().amax().item());
      return value.to("float64").sub(other[index].to("float64")).abs().amax().item() / size;
    }),
  );
}

export const limits: Readonly<Record<string, number>> = { float64: 1e-12, float32: 3e-6 };

interface Comparison {
  /** Normal numbers that ask for a gradient. */
  draw(shape: number[], seed: number, std?: number): Tensor;
  /** Values and gradients, under a random linear functional of the results, of both ways. */
  compare(inputs: readonly Tensor[], fused: () => Tensor[], composed: () => Tensor[]): void;
}

export function comparison(dtype: DType): Comparison {
  return {
    draw: (shape, seed, std = 1) =>
      randn(shape, new Generator(seed), { dtype: "float64" }).mul(std).to(dtype).setRequiresGrad(),
    compare(inputs, fused, composed) {
      const [a, b] = [fused(), composed()];
      expect(difference(a, b)).toBeLessThan(limits[dtype]);
      const weights = a.map((result, index) => randn(result.shape, new Generator(90 + index), { dtype: "float64" }));
      const gradients = (results: Tensor[]): Tensor[] =>
        grad(
          results.map((result, index) => result.mul(weights[index].to(result.dtype)).sum()),
          inputs,
        );
      expect(difference(gradients(a), gradients(b))).toBeLessThan(5 * limits[dtype]);
    },
  };
}
