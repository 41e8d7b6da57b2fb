/** Derivatives by finite differences, against which those of the graph are checked. Everything in float64. */
import { expect } from "vitest";
import { Generator, grad, noGrad, randn, scope, type Tensor, tensor } from "../../src/torch/index.ts";

/** The largest |a - b|. */
export function largestDifference(a: Tensor, b: Tensor): number {
  return scope(() => a.detach().sub(b.detach()).abs().amax().item());
}

/**
 * d f(x)_i / d x_j by the four-point central difference (f(-2h) - 8 f(-h) + 8 f(h) - f(2h)) / 12h with error O(h^4);
 * rows are the numbers of f(x) in row-major order, columns those of x.
 */
export function numericJacobian(map: (x: Tensor) => Tensor, x: Tensor, h = 1e-3): Tensor {
  const start = x.toNumbers();
  const at = (column: number, step: number): number[] =>
    noGrad(() =>
      scope(() => {
        const moved = [...start];
        moved[column] += step;
        return map(tensor(moved, x.shape, { dtype: "float64" })).toNumbers();
      }),
    );
  const columns = start.map((_, column) => {
    const [a, b, c, d] = [-2, -1, 1, 2].map((factor) => at(column, factor * h));
    return a.map((value, row) => (value - 8 * b[row] + 8 * c[row] - d[row]) / (12 * h));
  });
  const rows = columns[0].length;
  const values = new Float64Array(rows * columns.length);
  for (const [column, derivative] of columns.entries()) {
    for (const [row, value] of derivative.entries()) values[row * columns.length + column] = value;
  }
  return tensor(values, [rows, columns.length], { dtype: "float64" });
}

/**
 * Expects the gradient of sum(v * f) with a random v, by the graph, to equal the numeric one for every element of every
 * input. Inputs are leaves that f reads, such as its arguments or a module's parameters; they are changed and restored.
 *
 * @param of called with the inputs
 * @param tolerance of |found - numeric| / max(1, |numeric|)
 */
export function checkGradient(
  of: (...inputs: Tensor[]) => Tensor,
  inputs: readonly Tensor[],
  tolerance = 1e-8,
  h = 1e-3,
): void {
  scope(() => {
    for (const input of inputs) input.setRequiresGrad();
    const weights = noGrad(() => randn(of(...inputs).shape, new Generator(99), { dtype: "float64" }));
    const value = (): number =>
      noGrad(() =>
        scope(() =>
          of(...inputs)
            .mul(weights)
            .sum()
            .item(),
        ),
      );
    const gradients = grad(
      [
        of(...inputs)
          .mul(weights)
          .sum(),
      ],
      inputs,
    );
    for (const [index, input] of inputs.entries()) {
      const start = input.toNumbers();
      const at = (element: number, step: number): number => {
        const moved = [...start];
        moved[element] += step;
        noGrad(() => scope(() => input.copy_(tensor(moved, input.shape, { dtype: "float64" }))));
        return value();
      };
      const numeric = start.map((_, element) => {
        const [a, b, c, d] = [-2, -1, 1, 2].map((factor) => at(element, factor * h));
        return (a - 8 * b + 8 * c - d) / (12 * h);
      });
      noGrad(() => input.copy_(tensor(start, input.shape, { dtype: "float64" })));
      const found = gradients[index].toNumbers();
      for (const [element, expected] of numeric.entries()) {
        const error = Math.abs(found[element] - expected) / Math.max(1, Math.abs(expected));
        expect(error, `input ${index}, element ${element}: ${found[element]} against ${expected}`).toBeLessThanOrEqual(
          tolerance,
        );
      }
    }
  });
}
