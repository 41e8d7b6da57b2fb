import { expect, it } from "vitest";
import {
  cat,
  cudaDevices,
  memory,
  resolveDevice,
  scope,
  stack,
  type Tensor,
  tensor,
  zeros,
} from "../../src/torch/index.ts";
import { native } from "../../src/torch/native.ts";
import * as op from "../../src/torch/operators.ts";
import { errorOf } from "./support.ts";

const index = (name: string): number => op.operatorNames.indexOf(name);

it("names the operator and the shapes it was given", () => {
  scope(() => {
    const error = errorOf(() => zeros([2, 3]).matmul(zeros([2, 3])));
    expect(error.code).toBe("ERR_TORCH");
    expect(error.operator).toBe("aten::matmul");
    expect(error.message).toContain("aten::matmul: ");
    expect(error.message).toContain("in aten::matmul(self: Float(2, 3), other: Float(2, 3))");
    const lists = errorOf(() => cat([zeros([2, 3]), tensor([1, 2], undefined, { dtype: "int64" })]));
    expect(lists.message).toContain("aten::cat(tensors: [2 tensors: Float(2, 3), Long(2)], dim: 0)");
    expect(errorOf(() => zeros([4]).reshape(3, 2)).message).toMatch(/shape: \[3, 2\]/);
  });
});

it("names the argument that has the wrong type", () => {
  scope(() => {
    const t = zeros([2]);
    const call =
      (...values: unknown[]) =>
      () =>
        native.call(index("aten::sum.dim_IntList"), ...(values as number[]));
    expect(errorOf(call("x")).message).toMatch(/self: expected a tensor handle, got string/);
    expect(errorOf(call(t.handle, [0], 1)).message).toMatch(/keepdim: expected a boolean, got number/);
    expect(errorOf(call(t.handle, [0.5])).message).toMatch(/dim: expected an integer, got 0\.5/);
    expect(errorOf(call(t.handle, {})).message).toMatch(/dim: expected an array, got object/);
    expect(errorOf(call()).message).toMatch(/self is missing/);
    expect(errorOf(call(t.handle, [0], false, 99)).message).toMatch(/unknown dtype code 99/);
    expect(errorOf(call(t.handle, [0], false, null, 1)).message).toMatch(/takes at most 4 arguments, got 5/);
    expect(errorOf(() => native.call(index("aten::zeros"), [2], 6, 1)).message).toMatch(/layout: expected a code/);
    for (const bad of [-1, 1e9, Number.NaN, "add", undefined]) {
      expect(errorOf(() => native.call(bad as number)).message).toMatch(/index of an exported operator/);
    }
    expect(errorOf(() => native.call(index("aten::abs"), ...new Array<number>(100).fill(0))).message).toMatch(
      /at most/,
    );
  });
});

it("gives a clean error for sizes that no machine has", () => {
  const before = memory();
  for (const size of [2 ** 40, 2 ** 52, 2 ** 53 - 1]) {
    for (const shape of [[size], [size, size], [1024, size]]) {
      expect(errorOf(() => zeros(shape)).code).toBe("ERR_TORCH");
    }
  }
  expect(errorOf(() => zeros([2 ** 40])).message).toMatch(/out of memory: cannot allocate 4398046511104 bytes/);
  expect(
    errorOf(() =>
      scope(() =>
        zeros([1])
          .expand(2 ** 45)
          .toNumbers(),
      ),
    ).message,
  ).toMatch(/out of memory/);
  expect(memory().allocator.usedBytes).toBe(before.allocator.usedBytes);
  expect(memory().liveTensors).toBe(before.liveTensors);
});

it("passes on what a getter among the arguments throws", () => {
  const list: number[] = [];
  Object.defineProperty(list, 0, {
    get: () => {
      throw new TypeError("from the getter");
    },
  });
  expect(() => native.call(index("aten::cat"), list)).toThrow(new TypeError("from the getter"));
  expect(() => native.free(list)).toThrow("from the getter");
  expect(() => native.fromBytes(new Uint8Array(4), list, 6)).toThrow("from the getter");
});

it("survives getters that call other operators, free tensors or detach buffers while arguments are read", () => {
  scope(() => {
    const hostile = (then: () => number): number[] => {
      const list: number[] = [0];
      Object.defineProperty(list, 0, { get: then });
      return list;
    };
    const a = tensor([1, 2, 3, 4], [2, 2]);
    const nested = hostile(() => {
      a.add(a).mul(a);
      errorOf(() => a.matmul(zeros([5])));
      return 0;
    });
    const sum = native.call(index("aten::sum.dim_IntList"), a.handle, nested, true, 6) as number;
    expect([...new Float32Array(native.toBytes(sum).buffer)]).toEqual([4, 6]);

    const victim = zeros([2]);
    const freeing = hostile(() => {
      victim.dispose();
      for (let i = 0; i < 100; i++) zeros([1]);
      return 0;
    });
    const freed = native.call(index("aten::sum.dim_IntList"), victim.handle, freeing) as number;
    expect([...new Float32Array(native.toBytes(freed).buffer)]).toEqual([0]);

    const bytes = new Uint8Array(8);
    const detaching = hostile(() => {
      structuredClone(bytes, { transfer: [bytes.buffer] });
      return 2;
    });
    expect(errorOf(() => native.fromBytes(bytes, detaching, 6)).message).toMatch(/needs 8 bytes, got 0/);
  });
});

it("is not misled by arrays that claim more elements than they hold", () => {
  const sparse: number[] = [];
  sparse.length = 2 ** 32 - 1;
  expect(errorOf(() => native.call(index("aten::cat"), sparse)).message).toMatch(/expected a number, got undefined/);
  expect(errorOf(() => native.free(sparse)).code).toBe("ERR_TORCH");
});

it("makes no handles for a list of results that cannot be whole", () => {
  scope(() => {
    const before = memory().liveTensors;
    expect(errorOf(() => zeros([4]).split([1, 2], 0)).code).toBe("ERR_TORCH");
    expect(errorOf(() => stack([])).message).toMatch(/at least one tensor/);
    expect(memory().liveTensors).toBe(before + 1);
  });
});

it("checks device names", () => {
  expect(resolveDevice("cpu")).toBe("cpu");
  expect(resolveDevice("auto")).toMatch(/^(cpu|cuda:0)$/);
  for (const name of ["gpu", "cuda:x", "cuda:99", ""]) {
    expect(errorOf(() => resolveDevice(name)).message).toMatch(/device/);
  }
  // Never the loader's own words for a libtorch without its CUDA half.
  expect(cudaDevices().reason).not.toMatch(/shared object/);
  expect(errorOf((): Tensor => zeros([1], { device: "nowhere" })).code).toBe("ERR_TORCH");
});
