import { describe, expect, test } from "vitest";
import { type InitContext, Linear, Module } from "../../src/nn/index.ts";
import { scope, type Tensor, tensor, zeros } from "../../src/torch/index.ts";
import { initOf, random } from "./support.ts";

class Part extends Module {
  readonly scale: Tensor;
  readonly count: Tensor;
  readonly inner: Linear;
  constructor(init: InitContext) {
    super();
    this.inner = this.child("inner", new Linear(init, 2, 3));
    this.scale = this.parameter("scale", init.ones([3]));
    this.count = this.buffer("count", tensor([4], [1], { dtype: "int64" }));
    this.parameter("fixed", init.zeros([2]), { trainable: false });
  }
}

class Free extends Module {
  add(name: string, value: Tensor): Tensor {
    return this.parameter(name, value);
  }
}

describe("a module", () => {
  test("names parameters and buffers by dotted paths", () => {
    const part = new Part(initOf());
    expect([...part.namedParameters().keys()]).toEqual(["scale", "fixed", "inner.weight", "inner.bias"]);
    expect([...part.trainableParameters("a.").keys()]).toEqual(["a.scale", "a.inner.weight", "a.inner.bias"]);
    expect([...part.namedBuffers().keys()]).toEqual(["count"]);
    expect([...part.stateDict().keys()]).toEqual(["scale", "fixed", "inner.weight", "inner.bias", "count"]);
    expect(part.parameterCount()).toBe(3 + 2 + 6 + 3);
    expect(part.scale.requiresGrad).toBe(true);
    expect(part.namedParameters().get("fixed")?.requiresGrad).toBe(false);
  });

  test("outlives the scope it was made in, and is freed by dispose", () => {
    const part = scope(() => new Part(initOf()));
    expect(part.scale.toNumbers()).toEqual([1, 1, 1]);
    part.dispose();
    expect([...part.stateDict().values()].every((value) => value.isDisposed)).toBe(true);
  });

  test("stores a transposed tensor row by row", () => {
    const matrix = random([2, 3]);
    const stored = new Free().add("m", matrix.transpose());
    const copy = zeros([3, 2], { dtype: "float64" }).copy_(matrix.transpose());
    expect(stored.equal(copy)).toBe(true);
    expect(stored.requiresGrad).toBe(true);
  });

  test("takes no name twice and no empty one", () => {
    const module = new Free();
    module.add("a", zeros([1]));
    expect(() => module.add("a", zeros([1]))).toThrow(/"a" twice/);
    expect(() => module.add("", zeros([1]))).toThrow(/without a name/);
  });

  test("freezes and thaws, trains and rests with all its parts", () => {
    const part = new Part(initOf());
    part.setTrainable(false);
    expect(part.trainableParameters().size).toBe(0);
    part.train(false);
    expect([part.training, part.inner.training]).toEqual([false, false]);
    part.train();
    expect(part.inner.training).toBe(true);
  });

  test("loads what another one saved, in another precision too", () => {
    const [a, b] = [new Part(initOf(1)), new Part(initOf(2))];
    expect(b.inner.weight.equal(a.inner.weight)).toBe(false);
    b.loadStateDict(a.stateDict());
    expect(b.inner.weight.equal(a.inner.weight)).toBe(true);
    const narrow = new Part(initOf(3, "float32"));
    narrow.loadStateDict(a.stateDict());
    expect(narrow.inner.weight.equal(a.inner.weight.to("float32"))).toBe(true);
    expect(narrow.inner.weight.requiresGrad).toBe(true);
  });

  test("refuses what does not fit, names all of it and changes nothing", () => {
    const part = new Part(initOf());
    const before = part.inner.weight.toNumbers();
    const values = new Map(new Part(initOf(2)).stateDict());
    values.delete("scale");
    values.set("inner.bias", zeros([4], { dtype: "float64" }));
    values.set("count", zeros([1]));
    values.set("stranger", zeros([1]));
    expect(() => part.loadStateDict(values)).toThrow(
      /scale is missing; inner\.bias has shape \[4\], expected \[3\]; count holds float32, expected int64; stranger is unexpected/,
    );
    expect(part.inner.weight.toNumbers()).toEqual(before);
  });

  test("loads a part of the names where asked to", () => {
    const part = new Part(initOf());
    part.loadStateDict(new Map([["scale", zeros([3])]]), { strict: false });
    expect(part.scale.toNumbers()).toEqual([0, 0, 0]);
    expect(() => part.loadStateDict(new Map([["scale", zeros([2])]]), { strict: false })).toThrow(/shape \[2\]/);
  });
});

describe("starting values", () => {
  test("follow the seed alone, alike in both precisions", () => {
    expect(
      initOf(5)
        .normal([4, 3], 2)
        .equal(initOf(5).normal([4, 3], 2)),
    ).toBe(true);
    expect(
      initOf(5)
        .normal([4, 3], 2)
        .equal(initOf(6).normal([4, 3], 2)),
    ).toBe(false);
    const wide = initOf(5).uniform([50], 0.5);
    expect(initOf(5, "float32").uniform([50], 0.5).equal(wide.to("float32"))).toBe(true);
  });

  test("have the spread they are asked for", () => {
    const uniform = initOf().uniform([20000], 0.5).toNumbers();
    expect(Math.max(...uniform.map(Math.abs))).toBeLessThanOrEqual(0.5);
    expect(Math.max(...uniform)).toBeGreaterThan(0.499);
    const variance = (values: number[]): number =>
      values.reduce((sum, value) => sum + value * value, 0) / values.length;
    expect(variance(uniform)).toBeCloseTo(0.25 / 3, 2);
    expect(variance(initOf().normal([20000], 2).toNumbers())).toBeCloseTo(4, 0);
    expect(variance(initOf().xavierNormal(100, 300).toNumbers()) / (2 / 400)).toBeCloseTo(1, 1);
  });

  test("an orthogonal matrix times its transpose is the identity", () => {
    const q = initOf().orthogonal(6);
    const product = q.matmul(q.transpose()).toNumbers();
    product.forEach((value, index) => expect(value).toBeCloseTo(index % 7 === 0 ? 1 : 0, 12));
  });
});
