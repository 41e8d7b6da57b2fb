import { expect, test } from "vitest";
import { logNormalCdf, normalQuantile, scaledErfc } from "../../../src/flow/causal/normal.ts";
import { increasingRoot } from "../../../src/flow/causal/root.ts";

// mpmath with 30 digits: exp(x^2) erfc(x), and log(ncdf(z)).
const scaled: [number, number][] = [
  [0, 1],
  [0.2, 0.80901951990158073],
  [0.46875, 0.63206968924955608],
  [0.5, 0.61569034419292587],
  [1, 0.427583576155807],
  [3.9, 0.14031418160068974],
  [4, 0.13699945762506139],
  [4.1, 0.13383411641865199],
  [12, 0.046854221014893763],
  [40, 0.014100335983377814],
];
const logs: [number, number][] = [
  [-60, -1805.0135606805671],
  [-38, -726.55721601882013],
  [-9, -43.628149113332115],
  [-1.5, -2.7059444008238898],
  [0, -0.69314718055994531],
  [0.7, -0.27702394227713126],
  [3, -0.0013508099647481938],
  [9, -1.1285884059538406e-19],
];

test.each(scaled)("e^{x^2} erfc(x) at %d", (x, expected) => {
  expect(Math.abs(scaledErfc(x) / expected - 1)).toBeLessThanOrEqual(2e-15);
});

test.each(logs)("ln Phi at %d, and the quantile of it", (z, expected) => {
  expect(Math.abs(logNormalCdf(z) / expected - 1)).toBeLessThanOrEqual(2e-15);
  expect(Math.abs(normalQuantile(logNormalCdf(z), logNormalCdf(-z)) - z)).toBeLessThanOrEqual(
    1e-14 * (1 + Math.abs(z)),
  );
});

test("a root is found to the last digits, on plateaus and beside poles of the slope too", () => {
  const cases: [(x: number) => number, (x: number) => number, number, number, number][] = [
    [(x) => x ** 3 - 2, (x) => 3 * x * x, 0, 10, Math.cbrt(2)],
    // Flat almost everywhere: Newton alone would leave the bracket.
    [(x) => Math.tanh(50 * (x - 0.3)), (x) => 50 / Math.cosh(50 * (x - 0.3)) ** 2, -1000, 1000, 0.3],
    [(x) => Math.atan(x - 7), (x) => 1 / (1 + (x - 7) ** 2), -1e6, 1e6, 7],
  ];
  for (const [value, slope, low, high, expected] of cases) {
    let evaluations = 0;
    const root = increasingRoot(
      (x, into) => {
        evaluations += 1;
        into.value = value(x);
        into.slope = slope(x);
      },
      low,
      high,
      (low + high) / 2,
    );
    expect(Math.abs(root - expected)).toBeLessThanOrEqual(1e-9);
    expect(evaluations).toBeLessThanOrEqual(45);
  }
});
