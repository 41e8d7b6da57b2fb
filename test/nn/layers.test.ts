import { describe, expect, test } from "vitest";
import {
  dropout,
  Embedding,
  FeedForward,
  FrozenEmbedding,
  LayerNorm,
  Linear,
  sinusoidalPositions,
  UnbiasedLayerNorm,
  ZeroLinear,
} from "../../src/nn/index.ts";
import { Generator, grad, ones, tensor } from "../../src/torch/index.ts";
import { checkGradient, largestDifference, numericJacobian } from "../support/gradients.ts";
import { disturb, initOf, random } from "./support.ts";

describe("linear maps", () => {
  test("Linear is x W^T + b, starting within 1/sqrt(in)", () => {
    const layer = new Linear(initOf(), 4, 3);
    const x = random([2, 5, 4]);
    const { weight, bias } = layer;
    const expected = x.matmul(weight.transpose()).add(bias ?? 0);
    expect(largestDifference(layer.forward(x), expected)).toBeLessThan(1e-14);
    expect(largestDifference(layer.rows(x, 1, 3), expected.slice(2, 1, 3))).toBeLessThan(1e-14);
    expect(weight.abs().amax().item()).toBeLessThanOrEqual(0.5);
    expect(new Linear(initOf(), 4, 3, { bias: false }).namedParameters().size).toBe(1);
    checkGradient(() => layer.forward(x), [x, ...layer.parameters()]);
  });

  test("the Jacobian of Linear is its weight", () => {
    const layer = new Linear(initOf(), 4, 3);
    expect(
      largestDifference(
        numericJacobian((x) => layer.forward(x), random([4])),
        layer.weight,
      ),
    ).toBeLessThan(1e-10);
  });

  test.each([
    ["many rows", 9],
    ["few rows", 2],
  ])("ZeroLinear is (W x + b) exp(3 g) with %s, zero at the start", (_, rows) => {
    const layer = new ZeroLinear(initOf(), 5, 3);
    const x = random([rows, 5]);
    expect(
      layer
        .forward(x)
        .toNumbers()
        .every((value) => value === 0),
    ).toBe(true);
    disturb(layer);
    const [weight, bias, gain] = layer.parameters();
    const expected = x.matmul(weight.transpose()).add(bias).mul(gain.mul(3).exp());
    expect(largestDifference(layer.forward(x), expected)).toBeLessThan(1e-13);
    checkGradient(() => layer.forward(x), [x, ...layer.parameters()]);
  });

  test.each(["gelu", "gelu-tanh", "relu"] as const)("FeedForward with %s", (activation) => {
    const layer = new FeedForward(initOf(), 3, 6, { activation });
    const x = random([2, 3]);
    const [w1, b1, w2, b2] = layer.parameters();
    const inner = x.matmul(w1.transpose()).add(b1);
    const halfErf = (): typeof inner => inner.mul(Math.SQRT1_2).erf().add(1).mul(inner).mul(0.5);
    const tanh = (): typeof inner =>
      inner
        .add(inner.pow(3).mul(0.044715))
        .mul(Math.sqrt(2 / Math.PI))
        .tanh()
        .add(1)
        .mul(inner)
        .mul(0.5);
    const active = activation === "relu" ? inner.clamp(0) : activation === "gelu" ? halfErf() : tanh();
    expect(largestDifference(layer.forward(x), active.matmul(w2.transpose()).add(b2))).toBeLessThan(1e-13);
    if (activation !== "relu") checkGradient(() => layer.forward(x), [x, ...layer.parameters()]);
  });
});

describe("layer normalisation", () => {
  test("LayerNorm is a (x - mean) / sqrt(var + eps) + b", () => {
    const layer = new LayerNorm(initOf(), 5, { eps: 1e-3 });
    disturb(layer);
    const [a, b] = layer.parameters();
    const x = random([2, 3, 5]);
    const centred = x.sub(x.mean(2, true));
    const expected = centred
      .div(x.variance(2, true, 0).add(1e-3).sqrt())
      .mul(a)
      .add(b);
    expect(largestDifference(layer.forward(x), expected)).toBeLessThan(1e-13);
    checkGradient(() => layer.forward(x), [x, a, b]);
  });

  test.each([
    ["float64", 1e-10],
    ["float32", 2e-5],
  ] as const)(
    "UnbiasedLayerNorm is a (x - mean) / (std + 1e-12) + b in %s, for rows of any size",
    (dtype, tolerance) => {
      const layer = new UnbiasedLayerNorm(initOf(1, dtype), 6);
      disturb(layer);
      const [a, b] = layer.parameters();
      const sizes = tensor([0.1, 1, 300], [3, 1], { dtype });
      const x = random([3, 6], 7, dtype).mul(sizes);
      const expected = x
        .sub(x.mean(1, true))
        .div(x.std(1, true, 1).add(1e-12))
        .mul(a)
        .add(b);
      expect(largestDifference(layer.forward(x), expected)).toBeLessThan(tolerance);
    },
  );

  test("UnbiasedLayerNorm has the right gradient, and gives b for a row of zeros, without NaN", () => {
    const layer = new UnbiasedLayerNorm(initOf(), 4);
    disturb(layer);
    const x = random([2, 4]);
    checkGradient(() => layer.forward(x), [x, ...layer.parameters()]);
    const narrow = new UnbiasedLayerNorm(initOf(1, "float32"), 4);
    const rows = random([2, 4], 7, "float32")
      .mul(tensor([1, 0], [2, 1]))
      .detach()
      .setRequiresGrad();
    const y = narrow.forward(rows);
    expect(y.select(0, 1).toNumbers()).toEqual([0, 0, 0, 0]);
    const [gradient] = grad([y.select(0, 0).square().sum()], [rows]);
    expect(gradient.isFinite().all().item()).toBe(1);
    expect(gradient.select(0, 1).toNumbers()).toEqual([0, 0, 0, 0]);
  });
});

describe("tables", () => {
  test("Embedding looks rows up and gathers their gradients", () => {
    const table = new Embedding(initOf(), 5, 3);
    const ids = tensor([4, 0, 4], [1, 3], { dtype: "int64" });
    const rows = table.forward(ids);
    expect(rows.shape).toEqual([1, 3, 3]);
    expect(rows.equal(table.weight.indexSelect(0, ids.reshape(-1)).unsqueeze(0))).toBe(true);
    const [gradient] = grad([rows.sum()], [table.weight]);
    expect(gradient.sum(1).toNumbers()).toEqual([3, 0, 0, 0, 6]);
  });

  test("a frozen table is saved and not trained", () => {
    const table = new FrozenEmbedding(random([5, 3]));
    expect(table.parameters()).toEqual([]);
    expect([...table.stateDict().keys()]).toEqual(["weight"]);
    expect(table.forward(tensor([2], [1], { dtype: "int64" })).requiresGrad).toBe(false);
  });

  test("sinusoidal positions", () => {
    const place = { dtype: "float64", device: "cpu" } as const;
    const pairs = sinusoidalPositions(place, 3, 4, { start: 5 }).toNumbers().slice(4, 8);
    const halves = sinusoidalPositions(place, 3, 4, { start: 5, interleaved: false }).toNumbers().slice(4, 8);
    const [fast, slow] = [6, 6 / 100];
    const values = (angles: [(x: number) => number, number][]): number[] => angles.map(([f, x]) => f(x));
    const { sin, cos } = Math;
    values([
      [sin, fast],
      [cos, fast],
      [sin, slow],
      [cos, slow],
    ]).forEach((v, i) => expect(pairs[i]).toBeCloseTo(v, 14));
    values([
      [sin, fast],
      [sin, slow],
      [cos, fast],
      [cos, slow],
    ]).forEach((v, i) => expect(halves[i]).toBeCloseTo(v, 14));
    expect(sinusoidalPositions(place, 2, 5).shape).toEqual([2, 5]);
  });
});

describe("dropout", () => {
  const streams = (...seeds: number[]): Generator[] => seeds.map((seed) => new Generator(seed));

  test("keeps 1 - p of the units, scaled so that the mean stays", () => {
    const y = dropout(ones([2, 100, 100]), 0.3, streams(1, 2)).toNumbers();
    const kept = y.filter((value) => value !== 0);
    expect(kept.length / y.length).toBeCloseTo(0.7, 1);
    expect(new Set(kept).size).toBe(1);
    expect(kept[0]).toBeCloseTo(1 / 0.7, 5);
  });

  test("drops the same units of an example in any batch, at any padding, in any precision", () => {
    const mask = (value: ReturnType<typeof ones>): number[] => value.toNumbers().map((v) => (v === 0 ? 0 : 1));
    const together = dropout(ones([2, 6, 8]), 0.5, streams(1, 2));
    const alone = dropout(ones([1, 6, 8]), 0.5, streams(2));
    const padded = dropout(ones([2, 9, 8], { dtype: "float64" }), 0.5, streams(2, 1));
    expect(alone.select(0, 0).equal(together.select(0, 1))).toBe(true);
    expect(mask(padded.select(0, 0).slice(0, 0, 6))).toEqual(mask(alone));
    expect(mask(together.select(0, 0))).not.toEqual(mask(together.select(0, 1)));
  });

  test("does nothing without streams or with p = 0, and says what is wrong", () => {
    const x = ones([2, 3]);
    expect(dropout(x, 0.5, undefined)).toBe(x);
    expect(dropout(x, 0, streams(1, 2))).toBe(x);
    expect(() => dropout(x, 1, streams(1, 2))).toThrow(/p is 1/);
    expect(() => dropout(x, 0.5, streams(1))).toThrow(/2 rows/);
  });
});
