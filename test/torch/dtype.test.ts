import { expect, it } from "vitest";
import { type DType, isFloating, scope, tensor, tensorFromBytes, zeros } from "../../src/torch/index.ts";
import { errorOf } from "./support.ts";

const all: readonly DType[] = ["float64", "float32", "bfloat16", "float16", "int64", "int32", "uint8", "bool"];

it("carries every dtype there and back", () => {
  scope(() => {
    for (const dtype of all) {
      const values = dtype === "bool" ? [0, 1, 1, 0] : [0, 1, 2, 100];
      const t = tensor(values, [2, 2], { dtype });
      expect(t.dtype).toBe(dtype);
      expect(t.shape).toEqual([2, 2]);
      expect(t.toNumbers()).toEqual(values);
      const copy = tensorFromBytes(t.bytes(), [2, 2], dtype);
      expect(copy.equal(t)).toBe(true);
      expect(t.to("float64").to(dtype).equal(t)).toBe(true);
    }
    expect(all.filter(isFloating)).toEqual(["float64", "float32", "bfloat16", "float16"]);
  });
});

it("rounds to bfloat16 and float16 to nearest, ties to even", () => {
  scope(() => {
    const bf16 = tensor([1 + 1 / 256, 1 + 3 / 256, 1 + 1 / 128, -0.1], undefined, { dtype: "bfloat16" });
    expect(bf16.toNumbers()).toEqual([1, 1 + 2 / 128, 1 + 1 / 128, -0.10009765625]);
    const f16 = tensor([1 + 1 / 2048, 65504, 1e6], undefined, { dtype: "float16" });
    expect(f16.toNumbers()).toEqual([1, 65504, Number.POSITIVE_INFINITY]);
  });
});

it("keeps int64 beyond 2^53 exactly", () => {
  scope(() => {
    const values = [2n ** 53n + 1n, -(2n ** 63n), 2n ** 63n - 1n, -7n];
    const t = tensor(values, undefined, { dtype: "int64" });
    expect([...(t.data() as BigInt64Array)]).toEqual(values);
    expect(t.add(1).sub(1).data()).toEqual(t.data());
    expect(t.add(0).dtype).toBe("int64");
    expect(t.slice(0, 3).item()).toBe(-7);
  });
});

it("keeps special values of floats", () => {
  scope(() => {
    const values = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0, 5e-324, Number.MAX_VALUE];
    const t = tensor(values, undefined, { dtype: "float64" });
    expect(t.toNumbers()).toEqual(values);
    expect(Object.is(zeros([1]).add(-0).mul(-0).item(), -0)).toBe(true);
    expect(t.isNaN().toNumbers()).toEqual([1, 0, 0, 0, 0, 0]);
  });
});

it("makes every byte of a bool 0 or 1", () => {
  scope(() => {
    const t = tensorFromBytes(Uint8Array.of(0, 1, 2, 255), [4], "bool");
    expect([...t.bytes()]).toEqual([0, 1, 1, 1]);
    expect(tensor([true, false, true]).toNumbers()).toEqual([1, 0, 1]);
  });
});

it("reads views in row-major order", () => {
  scope(() => {
    const t = tensor([1, 2, 3, 4, 5, 6], [2, 3]);
    expect(t.transpose().toNumbers()).toEqual([1, 4, 2, 5, 3, 6]);
    expect(t.slice(1, 1).toNumbers()).toEqual([2, 3, 5, 6]);
    expect(tensor([7], []).expand(2, 2).toNumbers()).toEqual([7, 7, 7, 7]);
    expect(zeros([0, 3]).toNumbers()).toEqual([]);
  });
});

it("refuses wrong counts, shapes and names", () => {
  expect(errorOf(() => tensor([1, 2, 3], [2])).message).toBe("tensor: shape [2] needs 2 elements, got 3");
  expect(errorOf(() => tensorFromBytes(new Uint8Array(7), [2], "float32")).message).toMatch(/needs 8 bytes, got 7/);
  expect(errorOf(() => tensorFromBytes(new Uint8Array(0), [-1], "uint8")).message).toMatch(/negative/);
  expect(errorOf(() => tensorFromBytes(new Uint8Array(0), [2 ** 40, 2 ** 40], "uint8")).message).toMatch(/too large/);
  expect(errorOf(() => zeros([1], { dtype: "float8" as DType })).message).toMatch(/unknown dtype "float8"/);
});
