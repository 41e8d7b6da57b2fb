import { describe, expect, test } from "vitest";
import {
  clipGradientNorm,
  GradientSum,
  gradientNorm,
  linearAnneal,
  MovingAverage,
  type ScheduleConfig,
  scheduleFactor,
} from "../../src/nn/index.ts";
import { grad, noGrad, ones, type Tensor, tensor } from "../../src/torch/index.ts";

describe("gradient clipping", () => {
  const gradients = (): Tensor[] => [tensor([3, 0]), tensor([4], [1], { dtype: "float64" })];

  test("scales to the norm that is asked for, and returns the norm before", () => {
    const given = gradients();
    expect(gradientNorm(given)).toBeCloseTo(5, 12);
    expect(clipGradientNorm(given, 1)).toBeCloseTo(5, 12);
    expect(given[0].toNumbers()[0]).toBeCloseTo(0.6, 5);
    expect(given[1].toNumbers()[0]).toBeCloseTo(0.8, 5);
    expect(given.map(({ dtype }) => dtype)).toEqual(["float32", "float64"]);
    expect(gradientNorm(given)).toBeLessThanOrEqual(1);
  });

  test("leaves small gradients, and those that are not finite, as they are", () => {
    const small = gradients();
    expect(clipGradientNorm(small, 6)).toBeCloseTo(5, 12);
    expect(clipGradientNorm(small, null)).toBeCloseTo(5, 12);
    expect(small[0].toNumbers()).toEqual([3, 0]);
    const broken = [tensor([1, Number.NaN]), tensor([7])];
    expect(clipGradientNorm(broken, 1)).toBeNaN();
    expect(broken[1].toNumbers()).toEqual([7]);
    expect(clipGradientNorm([tensor([Number.POSITIVE_INFINITY])], 1)).toBe(Number.POSITIVE_INFINITY);
    expect(clipGradientNorm([], 1)).toBe(0);
  });

  test("scales gradients that share storage once each", () => {
    const [a, b] = [ones([4]).setRequiresGrad(), ones([4]).setRequiresGrad()];
    const found = grad([a.add(b).mul(2).sum()], [a, b]);
    const norm = clipGradientNorm(found, 1);
    expect(norm).toBeCloseTo(Math.sqrt(32), 5);
    for (const gradient of found) expect(gradient.toNumbers()[0]).toBeCloseTo(2 / norm, 5);
  });

  test("a sum over parts equals the gradient of the whole, also where gradients share storage", () => {
    const [a, b] = [ones([3]).setRequiresGrad(), ones([3]).setRequiresGrad()];
    const sum = new GradientSum([a, b]);
    for (const factor of [1, 2, 3]) sum.add(grad([a.add(b).mul(factor).sum()], [a, b]));
    sum.scale(0.5);
    for (const gradient of sum.gradients()) expect(gradient.toNumbers()).toEqual([3, 3, 3]);
    sum.reset();
    expect(sum.gradients()[0].toNumbers()).toEqual([0, 0, 0]);
    expect(() => sum.add([a])).toThrow(/2 parameters need as many gradients, got 1/);
  });
});

describe("the moving average", () => {
  test("follows a = decay a + (1 - decay) w, swaps in and out, and is saved", () => {
    const w = tensor([1, 2], [2], { dtype: "float64" });
    const average = new MovingAverage(new Map([["w", w]]), 0.75);
    let expected = [1, 2];
    for (const step of [1, 2, 3]) {
      noGrad(() => w.add_(step));
      average.update();
      expected = expected.map((value, index) => 0.75 * value + 0.25 * w.toNumbers()[index]);
    }
    const live = w.toNumbers();
    const inside = average.swapped(() => w.toNumbers());
    inside.forEach((value, index) => expect(value).toBeCloseTo(expected[index], 14));
    expect(w.toNumbers()).toEqual(live);
    expect(() =>
      average.swapped(() => {
        throw new Error("inside");
      }),
    ).toThrow("inside");
    expect(w.toNumbers()).toEqual(live);
    const other = new MovingAverage(new Map([["w", w]]), 0.75);
    other.loadStateDict(average.stateDict());
    expect(other.swapped(() => w.toNumbers())).toEqual(inside);
  });
});

describe("schedules", () => {
  const factor = (config: Partial<ScheduleConfig>, step: number): number =>
    scheduleFactor({ kind: "constant", warmupSteps: 10, totalSteps: 110, finalFactor: 0.1, ...config }, step);

  test("all rise linearly first and reach their ends", () => {
    for (const kind of ["constant", "cosine", "linear", "exponential", "inverseSquareRoot"] as const) {
      expect(factor({ kind }, 1)).toBeCloseTo(0.1, 14);
      expect(factor({ kind }, 10)).toBe(1);
    }
    expect(factor({ warmupSteps: 0 }, 1)).toBe(1);
  });

  test("then take their course", () => {
    expect(factor({ kind: "constant" }, 1000)).toBe(1);
    expect(factor({ kind: "cosine" }, 60)).toBeCloseTo(0.55, 14);
    expect(factor({ kind: "cosine" }, 35)).toBeCloseTo(0.1 + (0.9 * (1 + Math.SQRT1_2)) / 2, 14);
    expect(factor({ kind: "linear" }, 35)).toBeCloseTo(1 - 0.9 / 4, 14);
    expect(factor({ kind: "exponential" }, 60)).toBeCloseTo(Math.sqrt(0.1), 14);
    expect(factor({ kind: "inverseSquareRoot" }, 40)).toBeCloseTo(0.5, 14);
    for (const kind of ["cosine", "linear", "exponential"] as const) {
      expect(factor({ kind }, 110)).toBeCloseTo(0.1, 14);
      expect(factor({ kind }, 5000)).toBeCloseTo(0.1, 14);
    }
  });

  test("say what is wrong", () => {
    expect(() => factor({ kind: "exponential", finalFactor: 0 }, 50)).toThrow(/cannot end at the factor 0/);
    expect(() => factor({ kind: "sawtooth" as "linear" }, 50)).toThrow(/unknown schedule "sawtooth"/);
  });

  test("a linear anneal goes from one value to another and stays", () => {
    expect([0, 5, 10, 20].map((step) => linearAnneal(0.5, 1, 10, step))).toEqual([0.5, 0.75, 1, 1]);
    expect(linearAnneal(0, 1, 0, 0)).toBe(1);
  });
});
