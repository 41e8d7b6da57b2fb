import { expect, test } from "vitest";
import {
  annealedStrength,
  CausalNetwork,
  CodebookHead,
  denoise,
  dropCondition,
  extrapolated,
  guidedGaussians,
  guidedLogProbabilities,
} from "../../../src/flow/index.ts";
import { Generator, grad, linspace, noGrad, randn, scope, type Tensor, tensor } from "../../../src/torch/index.ts";
import { contextOf, disturb, initOf, inputOf, largest } from "../support.ts";
import { alternating, channels, codebook, left, positions } from "./support.ts";

const numbers = (values: readonly number[]): Tensor => tensor(values, [values.length], { dtype: "float64" });

test("guided Gaussians are the normalised p_c^{1+w} / p_u^w, by integration", () => {
  scope(() => {
    const grid = linspace(-30, 30, 60_001, { dtype: "float64" });
    const log = (mean: number, sd: number): Tensor => grid.sub(mean).div(sd).square().mul(-0.5);
    for (const [mean, sd, meanU, sdU, w] of [
      [1, 0.7, -0.5, 1.3, 1.5],
      [-2, 1, 1, 1, 0.5],
      [0.3, 2, 0, 2.5, 3],
      [1, 0.7, -0.5, 1.3, 0],
    ]) {
      const weights = log(mean, sd)
        .mul(1 + w)
        .sub(log(meanU, sdU).mul(w))
        .softmax(0);
      const expectedMean = weights.mul(grid).sum().item();
      const expectedVariance = weights.mul(grid.sub(expectedMean).square()).sum().item();
      const guided = guidedGaussians(
        { mean: numbers([mean]), sd: numbers([sd]) },
        { mean: numbers([meanU]), sd: numbers([sdU]) },
        w,
      );
      expect(Math.abs(guided.mean.item() - expectedMean)).toBeLessThanOrEqual(1e-9);
      expect(Math.abs(guided.sd.item() ** 2 - expectedVariance)).toBeLessThanOrEqual(1e-9);
    }
    // Where the condition is the less certain one, the ratio of variances stops at 1: the scale is then the condition's.
    const wide = guidedGaussians({ mean: numbers([1]), sd: numbers([2]) }, { mean: numbers([0]), sd: numbers([1]) }, 3);
    expect(wide.sd.item()).toBeCloseTo(2, 12);
    expect(wide.mean.item()).toBeCloseTo(4, 12);
  });
});

test("guided words are p_c^{1+w} / p_u^w; extrapolation and its strength grow from the condition", () => {
  scope(() => {
    const [c, u] = [numbers([0.2, 1.5, -1]), numbers([1, 0.5, 0])];
    const powers = c.softmax(0).pow(3).div(u.softmax(0).pow(2));
    const expected = powers.div(powers.sum());
    expect(largest(guidedLogProbabilities(c, u, 2).exp().sub(expected))).toBeLessThanOrEqual(1e-12);
    expect(largest(guidedLogProbabilities(c, u, 0).exp().sub(c.softmax(0)))).toBeLessThanOrEqual(1e-12);
    expect(extrapolated(c, u, 0).equal(c)).toBe(true);
    expect(largest(extrapolated(c, u, 1).sub(numbers([-0.6, 2.5, -2])))).toBeLessThanOrEqual(1e-12);
    expect([0, 5, 9].map((t) => annealedStrength(3, t, 10))).toEqual([0, 5 / 3, 3]);
    expect(annealedStrength(3, 0, 1)).toBe(3);
  });
});

test("a condition is dropped by each row's own stream, and what is learned of it is then nothing", () => {
  noGrad(() =>
    scope(() => {
      const values = randn([200, 2, 3], new Generator(1), { dtype: "float64" });
      const streams = (): Generator[] => Array.from({ length: 200 }, (_, row) => new Generator(row));
      const dropped = dropCondition({ values }, 0.3, streams());
      const count = dropped.lengths?.filter((length) => length === 0).length ?? 0;
      expect(count).toBeGreaterThan(40);
      expect(count).toBeLessThan(80);
      expect(dropCondition({ values }, 0.3, streams()).lengths).toEqual(dropped.lengths);
      expect(dropCondition({ values }, 0, streams()).lengths?.every((length) => length === 2)).toBe(true);
      expect(() => dropCondition({ values }, 1.5, streams())).toThrow("p is 1.5");
      expect(() => dropCondition({ values }, 0.5, [])).toThrow("as many random streams");
      const size = { width: 8, layers: 1, heads: 2, positionEncoding: "learned", dropout: 0 } as const;
      const network = new CausalNetwork(initOf(1), { input: 4, positions: 5, condition: 3 }, size);
      const x = randn([200, 5, 4], new Generator(2), { dtype: "float64" });
      const all = dropCondition({ values }, 1, streams());
      expect(largest(network.forward(x, { condition: all }).sub(network.forward(x)))).toBeLessThanOrEqual(1e-12);
    }),
  );
});

test("a network's next words are guided as docs/causal.md shows", () => {
  noGrad(() =>
    scope(() => {
      const size = { width: 8, layers: 1, heads: 2, positionEncoding: "learned", dropout: 0 } as const;
      const network = new CausalNetwork(initOf(1), { input: channels, positions: 5, condition: 3 }, size);
      const head = new CodebookHead(initOf(2), codebook, 8);
      const condition = { values: randn([2, 2, 3], new Generator(1), { dtype: "float64" }) };
      const x = randn([2, 5, channels], new Generator(2), { dtype: "float64" });
      const free = { ...condition, lengths: [0, 0] };
      const [c, u] = [condition, free].map((one) => head.logits(network.forward(x, { condition: one })));
      const next = guidedLogProbabilities(c, u, annealedStrength(1.5, 4, 5));
      const powers = c.softmax(2).pow(2.5).div(u.softmax(2).pow(1.5));
      expect(largest(next.exp().sub(powers.div(powers.sum(2, true))))).toBeLessThanOrEqual(1e-12);
      expect(largest(next.sub(c.logSoftmax(2)))).toBeGreaterThan(1e-3);
    }),
  );
});

test("denoising one position under the codebook's mixture is the posterior mean of the words' points", () => {
  scope(() => {
    const map = left(1, {});
    disturb(map);
    const context = contextOf([1, 1], 2);
    const x = inputOf(context, channels);
    const { values, sigma } = codebook;
    const found = denoise(map, x, sigma, context);
    const logPi = noGrad(() => map.wordLogProbabilities(x, context)).select(1, 0);
    const point = x.select(1, 0);
    const squares = point
      .unsqueeze(1)
      .sub(values.unsqueeze(0))
      .square()
      .sum(2)
      .div(2 * sigma * sigma);
    const expected = logPi.sub(squares).softmax(1).matmul(values);
    expect(largest(found.select(1, 0).sub(expected))).toBeLessThanOrEqual(1e-10);
    expect(largest(found.select(1, 1))).toBe(0);
  });
});

test("denoising follows the gradient of the density through couplings and alternating blocks", () => {
  scope(() => {
    for (const map of [left(1, { steps: 2 }), alternating(1, { head: "gaussian" }), alternating(1, {})]) {
      disturb(map);
      const context = contextOf([positions, 3], positions);
      const x = inputOf(context, channels);
      const found = denoise(map, x, 0.5, context);
      const at = (step: number): number => {
        const moved = x.clone();
        moved.slice(0, 1, 2).slice(1, 1, 2).slice(2, 2, 3).add_(step);
        return noGrad(() => map.logDensity(moved, context).sum().item());
      };
      const h = 1e-3;
      const slope = (at(-2 * h) - 8 * at(-h) + 8 * at(h) - at(2 * h)) / (12 * h);
      const own = found.sub(x).slice(0, 1, 2).slice(1, 1, 2).slice(2, 2, 3).item();
      expect(Math.abs(own - 0.25 * slope)).toBeLessThanOrEqual(1e-7);
      expect(found.requiresGrad).toBe(false);
      expect(() => grad([found.sum()], [x])).toThrow();
    }
  });
});
