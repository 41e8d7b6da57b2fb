import { expect, it } from "vitest";
import { memory, scope, type Tensor, tensor, zeros } from "../../src/torch/index.ts";
import { native } from "../../src/torch/native.ts";
import { errorOf, resultOf, runChild } from "./support.ts";

const live = (): number => memory().liveTensors;

it("frees what a scope made and keeps what it returns", () => {
  const before = live();
  const made: Tensor[] = [];
  const kept = scope(() => {
    const a = tensor([1, 2]);
    const b = a.add(1);
    made.push(a, b);
    return b.mul(2);
  });
  expect(kept.toNumbers()).toEqual([4, 6]);
  expect(made.map((t) => t.isDisposed)).toEqual([true, true]);
  expect(live()).toBe(before + 1);
  kept.dispose();
  expect(live()).toBe(before);
});

it("finds tensors in arrays, objects, maps and sets, at any depth and in cycles", () => {
  const before = live();
  const result = scope(() => {
    zeros([3]);
    const list: unknown[] = [zeros([1])];
    for (let depth = 0, at = list; depth < 50_000; depth++) {
      const inner: unknown[] = [];
      at.push(inner);
      at = inner;
      if (depth === 49_999) at.push(zeros([2]));
    }
    const cyclic: { self?: unknown; t: Tensor } = { t: zeros([4]) };
    cyclic.self = cyclic;
    return { list, cyclic, map: new Map([["a", zeros([1])]]), set: new Set([zeros([1])]), twice: [cyclic.t, cyclic.t] };
  });
  expect(live()).toBe(before + 5);
  let at = result.list;
  while (Array.isArray(at[1]) || (at.length === 1 && Array.isArray(at[0]))) at = (at[1] ?? at[0]) as unknown[];
  const tensors = [result.list[0], at[0], result.cyclic.t, result.map.get("a"), ...result.set] as Tensor[];
  for (const t of tensors) {
    expect(t.isDisposed).toBe(false);
    t.dispose();
  }
  expect(live()).toBe(before);
});

it("hands what an inner scope returns to the outer one, which frees it", () => {
  const before = live();
  const sum = scope(() => {
    const inner = scope(() => [zeros([2]).add(1), zeros([2]).add(2)] as const);
    expect(inner.map((t) => t.isDisposed)).toEqual([false, false]);
    expect(live()).toBe(before + 2);
    return inner[0].add(inner[1]).sum().item();
  });
  expect(sum).toBe(6);
  expect(live()).toBe(before);
});

it("does not take over a tensor of an outer scope that an inner one returns", () => {
  scope(() => {
    const outer = zeros([1]);
    const before = live();
    for (let i = 0; i < 10; i++) expect(scope(() => outer)).toBe(outer);
    expect(live()).toBe(before);
    expect(outer.isDisposed).toBe(false);
  });
});

it("frees everything when the body throws, also in nested scopes, and goes on in the right scope", () => {
  const before = live();
  const failing = (): void =>
    scope(() => {
      zeros([2]);
      scope(() => {
        zeros([3]);
        throw new Error("inner");
      });
    });
  expect(failing).toThrow("inner");
  expect(live()).toBe(before);
  scope(() => {
    expect(failing).toThrow("inner");
    zeros([1]);
    expect(live()).toBe(before + 1);
  });
  expect(live()).toBe(before);
});

it("frees everything when reading the result throws", () => {
  const before = live();
  const body = (): object => ({
    t: zeros([1]),
    get bad(): never {
      throw new Error("getter");
    },
  });
  expect(() => scope(body)).toThrow("getter");
  expect(live()).toBe(before);
});

it("refuses a promise", async () => {
  const before = live();
  const asynchronous = async (): Promise<Tensor> => zeros([1]);
  expect(() => scope(asynchronous)).toThrow(/must be synchronous/);
  expect(() => scope(() => Promise.reject(new Error("unseen")))).toThrow(/must be synchronous/);
  await new Promise((resolve) => setImmediate(resolve));
  expect(live()).toBe(before);
});

it("leaves kept tensors alone, whichever scope they came from", () => {
  const before = live();
  const kept: Tensor[] = [];
  scope(() => {
    const early = zeros([1]);
    scope(() => {
      zeros([9]);
      kept.push(zeros([2]).keep(), early.keep(), zeros([3]).keep().keep());
      zeros([9]);
    });
    zeros([9]);
    return kept;
  });
  expect(kept.map((t) => t.isDisposed)).toEqual([false, false, false]);
  expect(live()).toBe(before + 3);
  for (const t of kept) t.dispose();
  expect(live()).toBe(before);
});

it("allows dispose inside a scope and twice, and never frees another tensor by an old handle", () => {
  const before = live();
  scope(() => {
    const a = zeros([1]);
    const b = zeros([1]);
    a.dispose();
    a.dispose();
    const c = zeros([1]);
    b.dispose();
    const d = zeros([1]);
    a.dispose();
    b.dispose();
    expect([a, b, c, d].map((t) => t.isDisposed)).toEqual([true, true, false, false]);
    expect(a.toString()).toBe("Tensor(disposed of)");
    expect(live()).toBe(before + 2);
  });
  expect(live()).toBe(before);
});

it("disposes at the end of a block declared with using", () => {
  const before = live();
  {
    using t = zeros([1]);
    expect(t.isDisposed).toBe(false);
    expect(live()).toBe(before + 1);
  }
  expect(live()).toBe(before);
});

it("frees a large scope in one call", () => {
  const before = live();
  scope(() => {
    for (let i = 0; i < 3000; i++) zeros([1]);
    expect(live()).toBe(before + 3000);
  });
  expect(live()).toBe(before);
});

it("names the operator that was given a stale handle", () => {
  const stale = scope(() => [zeros([1])].map((t) => ({ wrapped: () => t }))[0]);
  const t = stale.wrapped();
  for (const body of [() => t.add(1), () => zeros([1]).add(t)]) {
    const error = errorOf(body);
    expect(error.code).toBe("ERR_USE_AFTER_FREE");
    expect(error.message).toMatch(/^aten::add\.(Scalar|Tensor): use after free/);
    expect(error.operator).toMatch(/^aten::add\./);
  }
  for (const [body, name] of [
    [() => t.bytes(), "toBytes"],
    [() => t.shape, "shape"],
    [() => t.dtype, "dtype"],
    [() => t.setRequiresGrad(), "setRequiresGrad"],
    [() => t.grad, "gradOf"],
    [() => t.alias(), "alias"],
  ] as const) {
    const error = errorOf(body);
    expect(error.code).toBe("ERR_USE_AFTER_FREE");
    expect(error.message).toContain(`${name}: use after free`);
  }
});

it("takes no number for a handle that is not exactly one", () => {
  const t = zeros([1]);
  for (const handle of [
    0,
    -1,
    1,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    2 ** 53,
    2 ** 60,
    t.handle + 0.5,
    t.handle + 2 ** 24,
  ]) {
    expect(native.isLive(handle)).toBe(false);
    expect(errorOf(() => native.shape(handle)).code).toBe("ERR_USE_AFTER_FREE");
    expect(native.free(handle)).toBe(0);
  }
  expect(native.free(new Float64Array([t.handle, t.handle, Number.NaN]))).toBe(1);
  expect(native.free(new Float64Array([zeros([1]).handle, 0]), 0)).toBe(0);
  expect(errorOf(() => native.free(new Float64Array(2), -1)).code).toBe("ERR_TORCH");
  expect(errorOf(() => native.free(new Float32Array(2) as unknown as Float64Array)).code).toBe("ERR_TORCH");
});

it("counts the bytes that tensors hold, views and aliases only once", () => {
  const before = memory().heldBytes;
  scope(() => {
    const t = zeros([1000]);
    expect(memory().heldBytes - before).toBe(4000);
    t.reshape(10, 100);
    t.alias();
    expect(memory().heldBytes - before).toBe(4000);
  });
  expect(memory().heldBytes).toBe(before);
});

it("frees tensors that are dropped without dispose, once the collector has run", () => {
  const { most, after } = resultOf(runChild("dropped", { flags: ["--expose-gc"] })) as { most: number; after: number };
  expect(most).toBe(500);
  expect(after).toBe(0);
});
