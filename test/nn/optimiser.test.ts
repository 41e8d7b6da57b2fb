import { describe, expect, test } from "vitest";
import { Adam, AdamW, decayGroups, type Optimiser, SGD } from "../../src/nn/index.ts";
import { type DType, grad, type Tensor, tensor } from "../../src/torch/index.ts";
import { initOf, random } from "./support.ts";

type Numbers = number[];

/** w after the gradients, in plain numbers. */
type Reference = (w: Numbers, gradients: readonly Numbers[], learningRate: number) => Numbers;

const [b1, b2, eps] = [0.8, 0.95, 1e-6];

const adam =
  (decay: number, decoupled: boolean): Reference =>
  (w, gradients, rate) =>
    w.map((start, i) => {
      let [value, m, v] = [start, 0, 0];
      gradients.forEach((g, index) => {
        if (decoupled) value -= rate * decay * value;
        const gradient = g[i] + (decoupled ? 0 : decay * value);
        m = b1 * m + (1 - b1) * gradient;
        v = b2 * v + (1 - b2) * gradient ** 2;
        const t = index + 1;
        value -= (rate * (m / (1 - b1 ** t))) / (Math.sqrt(v / (1 - b2 ** t)) + eps);
      });
      return value;
    });

const sgd =
  (momentum: number, decay: number, nesterov = false): Reference =>
  (w, gradients, rate) =>
    w.map((start, i) => {
      let [value, v] = [start, 0];
      for (const g of gradients) {
        const gradient = g[i] + decay * value;
        v = momentum * v + gradient;
        value -= rate * (nesterov ? gradient + momentum * v : v);
      }
      return value;
    });

const options = { betas: [b1, b2] as const, epsilon: eps };
const kinds: [string, (trained: ReadonlyMap<string, Tensor>) => Optimiser, Reference][] = [
  ["Adam", (trained) => new Adam(trained, options), adam(0, false)],
  ["Adam with decay", (trained) => new Adam(trained, { ...options, weightDecay: 0.1 }), adam(0.1, false)],
  ["AdamW", (trained) => new AdamW(trained, { ...options, weightDecay: 0.1 }), adam(0.1, true)],
  ["SGD", (trained) => new SGD(trained), sgd(0, 0)],
  ["SGD with decay", (trained) => new SGD(trained, { weightDecay: 0.1 }), sgd(0, 0.1)],
  ["SGD with momentum", (trained) => new SGD(trained, { momentum: 0.9, weightDecay: 0.1 }), sgd(0.9, 0.1)],
  ["SGD with nesterov", (trained) => new SGD(trained, { momentum: 0.9, nesterov: true }), sgd(0.9, 0, true)],
];

const start = [[0.5, -1, 2, 0.1, 3, -0.2], [1.5]];
const gradientAt = (step: number): Numbers[] => [
  [1, -2, 0.5, 0.01, 0, 4].map((value) => value * Math.cos(step)),
  [Math.sin(step) + 0.2],
];

function parametersIn(dtype: DType): Map<string, Tensor> {
  return new Map([
    ["matrix", tensor(start[0], [2, 3], { dtype })],
    ["vector", tensor(start[1], [1], { dtype })],
  ]);
}

const gradientsIn = (dtype: DType, step: number): Tensor[] => {
  const [matrix, vector] = gradientAt(step);
  return [tensor(matrix, [2, 3], { dtype }), tensor(vector, [1], { dtype })];
};

describe.each(kinds)("%s", (_, make, reference) => {
  test.each([
    ["float64", 1e-12],
    ["float32", 1e-5],
  ] as const)("moves as the formula says, in %s", (dtype, tolerance) => {
    const parameters = parametersIn(dtype);
    const optimiser = make(parameters);
    const steps = [1, 2, 3, 4, 5];
    for (const step of steps) optimiser.step(gradientsIn(dtype, step), 0.05);
    [...parameters.values()].forEach((parameter, index) => {
      const gradients = steps.map((step) => gradientAt(step)[index]);
      const expected = reference(start[index], gradients, 0.05);
      parameter.toNumbers().forEach((value, i) => expect(Math.abs(value - expected[i])).toBeLessThan(tolerance));
    });
  });

  test("goes on to the last bit from a saved state", () => {
    const through = parametersIn("float32");
    const optimiser = make(through);
    for (const step of [1, 2]) optimiser.step(gradientsIn("float32", step), 0.05);
    const saved = new Map([...optimiser.stateDict()].map(([name, value]) => [name, value.clone()]));
    const resumed = new Map([...through].map(([name, value]) => [name, value.detach().clone()]));
    const again = make(resumed);
    again.loadStateDict(saved);
    for (const step of [3, 4]) {
      optimiser.step(gradientsIn("float32", step), 0.05);
      again.step(gradientsIn("float32", step), 0.05);
    }
    for (const [name, value] of through) expect(resumed.get(name)?.equal(value)).toBe(true);
    for (const [name, value] of optimiser.stateDict()) expect(again.stateDict().get(name)?.equal(value)).toBe(true);
  });
});

describe("every optimiser", () => {
  test("gives each group its own decay and learning rate", () => {
    const parameters = parametersIn("float64");
    const groups = decayGroups(parameters, 0.1).map((group) => ({
      ...group,
      learningRateFactor: group.weightDecay === 0 ? 2 : 1,
    }));
    const optimiser = new AdamW(groups, options);
    for (const step of [1, 2]) optimiser.step(gradientsIn("float64", step), 0.05);
    const [matrix, vector] = [...parameters.values()].map((value) => value.toNumbers());
    const gradients = (index: number): Numbers[] => [1, 2].map((step) => gradientAt(step)[index]);
    adam(0.1, true)(start[0], gradients(0), 0.05).forEach((value, i) => expect(matrix[i]).toBeCloseTo(value, 12));
    adam(0, true)(start[1], gradients(1), 0.1).forEach((value, i) => expect(vector[i]).toBeCloseTo(value, 12));
  });

  test("leaves a parameter without a gradient, and its state, alone", () => {
    const parameters = parametersIn("float64");
    const optimiser = new Adam(parameters, { ...options, weightDecay: 0.1 });
    optimiser.step([null, gradientsIn("float64", 1)[1]], 0.05);
    expect(parameters.get("matrix")?.toNumbers()).toEqual(start[0]);
    expect(parameters.get("vector")?.toNumbers()).not.toEqual(start[1]);
    expect(optimiser.stateDict().get("steps.matrix")?.item()).toBe(0);
    expect(optimiser.stateDict().get("steps.vector")?.item()).toBe(1);
  });

  test("reads gradients by their indices, whatever their layout in memory", () => {
    const weights = random([2, 3]);
    const moved = [false, true].map((transposed) => {
      const parameter = tensor(start[0], [2, 3], { dtype: "float64" }).setRequiresGrad();
      const loss = transposed
        ? parameter.transpose().mul(weights.transpose().contiguous()).sum()
        : parameter.mul(weights).sum();
      new SGD(new Map([["w", parameter]])).step(grad([loss], [parameter]), 1);
      return parameter.toNumbers();
    });
    const expected = weights.toNumbers().map((weight, index) => start[0][index] - weight);
    for (const values of moved) values.forEach((value, index) => expect(value).toBeCloseTo(expected[index], 14));
  });

  test("learns: a quadratic goes to its minimum", () => {
    const target = random([4, 4]);
    const parameter = initOf(3).normal([4, 4], 1).setRequiresGrad();
    const optimiser = new Adam(new Map([["w", parameter]]));
    const loss = (): Tensor => parameter.sub(target).square().sum();
    const before = loss().item();
    for (let step = 0; step < 300; step++) optimiser.step(grad([loss()], optimiser.targets), 0.05);
    expect(loss().item()).toBeLessThan(before * 1e-4);
  });

  test("says what is wrong", () => {
    const parameters = parametersIn("float32");
    const [matrix, vector] = gradientsIn("float32", 1);
    const optimiser = new Adam(parameters);
    expect(() => optimiser.step([matrix], 0.1)).toThrow(/2 parameters need as many gradients, got 1/);
    expect(() => optimiser.step([matrix.transpose(), vector], 0.1)).toThrow(/gradient of matrix is .*\[3, 2\]/);
    expect(() => optimiser.step([matrix.to("float64"), vector], 0.1)).toThrow(/gradient of matrix is .*float64/);
    expect(() => new SGD(new Map([["w", matrix.transpose()]]))).toThrow(/w is not contiguous/);
    expect(() => new SGD([{ parameters }, { parameters }])).toThrow(/matrix is named twice/);
    expect(() => new Adam(parameters, { betas: [1, 0.9] })).toThrow(/a beta is 1/);
    expect(() => new Adam(parameters, { weightDecay: -1 })).toThrow(/weightDecay is -1/);
    expect(() => new SGD(parameters, { momentum: 1 })).toThrow(/momentum is 1/);
    expect(() => new SGD(parameters, { nesterov: true })).toThrow(/nesterov needs/);
    expect(parameters.get("matrix")?.toNumbers()).toEqual(parametersIn("float32").get("matrix")?.toNumbers());
  });
});
