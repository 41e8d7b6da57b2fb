import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { describe, expect, test } from "vitest";
import { RiverrunError } from "../../src/base/errors.ts";
import {
  Generator,
  grad,
  memory,
  noGrad,
  ones,
  randn,
  scope,
  type Tensor,
  tensor,
  zeros,
} from "../../src/torch/index.ts";
import { addonPath, native } from "../../src/torch/native.ts";
import { operatorNames } from "../../src/torch/operators.ts";
import { loadSafetensors, saveSafetensors } from "../../src/torch/safetensors.ts";

const temporary = (): string => mkdtempSync(join(tmpdir(), "riverrun-test-"));

test("the operators that the addon exports are those that TypeScript declares, in the same order", () => {
  const exported = native.schemas().map(({ name, overload }) => (overload ? `${name}.${overload}` : name));
  expect(exported).toEqual(operatorNames);
});

describe("lifetime", () => {
  test("using a tensor after it was freed names the operator and has a code of its own", () => {
    const x = ones([2]);
    x.dispose();
    expect(() => x.add(1)).toThrowError(/aten::add\.Scalar: use after free/);
    expect(() => x.add(1)).toThrowError(expect.objectContaining({ code: "ERR_USE_AFTER_FREE" }) as Error);
    expect(() => x.dispose()).not.toThrow();
  });

  test("a slot used again does not revive the old handle", () => {
    const x = ones([2]);
    x.dispose();
    const others = Array.from({ length: 50 }, () => ones([2]));
    expect(x.isDisposed).toBe(true);
    for (const other of others) other.dispose();
  });

  test("a scope frees all but what it returns, through nested structures, and everything where it throws", () => {
    const before = memory().liveTensors;
    const kept = scope(() => {
      const a = ones([3]);
      return { list: [a.add(1)], map: new Map([["x", scope(() => a.mul(2))]]) };
    });
    expect(memory().liveTensors - before).toBe(2);
    expect(kept.list[0].toNumbers()).toEqual([2, 2, 2]);
    expect(kept.map.get("x")?.toNumbers()).toEqual([2, 2, 2]);
    kept.list[0].dispose();
    kept.map.get("x")?.dispose();
    expect(() =>
      scope(() => {
        ones([3]);
        throw new Error("stop");
      }),
    ).toThrow("stop");
    expect(memory().liveTensors).toBe(before);
  });

  test("a promise is refused, because its tensors would land in another scope", () => {
    expect(() => scope(() => Promise.resolve(1))).toThrow(RiverrunError);
  });

  test("keep takes a tensor out of every scope", () => {
    let held: Tensor | undefined;
    scope(() => {
      held = ones([2]).keep();
    });
    expect(held?.toNumbers()).toEqual([1, 1]);
    held?.dispose();
  });
});

describe("values", () => {
  test("dtypes come back as they went in; bfloat16 is rounded", () => {
    scope(() => {
      expect(tensor([1.5, -2], [2], { dtype: "float64" }).data()).toEqual(Float64Array.of(1.5, -2));
      expect(tensor([2n ** 60n, -1n], [2], { dtype: "int64" }).data()).toEqual(BigInt64Array.of(2n ** 60n, -1n));
      expect(tensor([1, 0, 3], [3], { dtype: "bool" }).toNumbers()).toEqual([1, 0, 1]);
      expect(tensor([1.00390625], [1], { dtype: "bfloat16" }).toNumbers()).toEqual([1]);
    });
  });

  test("libtorch's errors carry the operator and the shapes", () => {
    scope(() => {
      expect(() => ones([2, 3]).matmul(ones([2, 3]))).toThrowError(/aten::matmul[\s\S]*Float\(2, 3\)/);
    });
  });

  test("junk arguments are errors of the addon, not crashes", () => {
    let errors = 0;
    for (const junk of [Number.NaN, -1, 1e300, "x", null, undefined, {}, [Number.NaN]] as never[]) {
      for (let index = 0; index < operatorNames.length; index++) {
        try {
          native.call(index, junk, junk);
        } catch (error) {
          expect((error as { code: string }).code).toMatch(/^ERR_(TORCH|USE_AFTER_FREE)$/);
          errors++;
        }
      }
    }
    expect(errors).toBeGreaterThan(7 * operatorNames.length);
  });
});

describe("derivatives", () => {
  test("gradient, vector-Jacobian product and second derivative", () => {
    scope(() => {
      const x = tensor([1, 2], [2], { dtype: "float64" }).setRequiresGrad();
      const y = x.mul(x).mul(x);
      expect(
        grad([y], [x], { gradOutputs: [tensor([1, 10], [2], { dtype: "float64" })], retainGraph: true })[0].toNumbers(),
      ).toEqual([3, 120]);
      const [first] = grad([y.sum()], [x], { createGraph: true });
      expect(grad([first.sum()], [x])[0].toNumbers()).toEqual([6, 12]);
    });
  });

  test("noGrad records nothing and is undone where its body throws", () => {
    scope(() => {
      const x = ones([1]).setRequiresGrad();
      expect(noGrad(() => x.mul(2)).requiresGrad).toBe(false);
      expect(() =>
        noGrad(() => {
          throw new Error("stop");
        }),
      ).toThrow("stop");
      expect(x.mul(2).requiresGrad).toBe(true);
    });
  });
});

test("a generator's stream depends on its seed alone and goes on from a saved state bit for bit", () => {
  scope(() => {
    const a = new Generator(2n ** 63n);
    const b = new Generator(2n ** 63n);
    expect(randn([7], a).equal(randn([7], b))).toBe(true);
    const state = a.state();
    const next = randn([33], a);
    expect(randn([33], new Generator(5).restore(state)).equal(next)).toBe(true);
    expect(randn([7], new Generator(6)).equal(randn([7], new Generator(7)))).toBe(false);
  });
});

test("worker threads have handles of their own", async () => {
  const code = `
    const { parentPort, workerData } = require("node:worker_threads");
    const native = require(workerData.addon);
    const index = native.schemas().findIndex((s) => s.name === "aten::ones");
    const stale = native.isLive(workerData.handle);
    const x = native.call(index, [1000], 6);
    parentPort.postMessage({ stale, shape: native.shape(x) });`;
  const mine = zeros([1]);
  const run = (): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const worker = new Worker(code, {
        eval: true,
        workerData: { addon: addonPath, handle: mine.handle + 7 * 2 ** 24 },
      });
      worker.once("message", resolve);
      worker.once("error", reject);
    });
  expect(await Promise.all([run(), run()])).toEqual([
    { stale: false, shape: [1000] },
    { stale: false, shape: [1000] },
  ]);
});

describe("safetensors", () => {
  test("what is written is read, names, dtypes and metadata", () => {
    scope(() => {
      const path = join(temporary(), "x.safetensors");
      const values = new Map([
        ["b", tensor([1, 2, 3], [3], { dtype: "int64" })],
        ["a", tensor([0.5, 1], [1, 2], { dtype: "float64" })],
        ["c", zeros([0, 4])],
        ["d", tensor([true, false], [2], { dtype: "bool" })],
      ]);
      saveSafetensors(path, values, { about: "test" });
      const loaded = loadSafetensors(path);
      expect(loaded.metadata.get("about")).toBe("test");
      expect([...loaded.tensors.keys()].sort()).toEqual(["a", "b", "c", "d"]);
      for (const [name, value] of values) expect(loaded.tensors.get(name)?.equal(value)).toBe(true);
    });
  });

  test("2,000 damaged files are errors of ours or read well, never anything else", () => {
    const path = join(temporary(), "x.safetensors");
    scope(() =>
      saveSafetensors(
        path,
        new Map([
          ["w", ones([4, 4])],
          ["b", zeros([4])],
        ]),
        { k: "v" },
      ),
    );
    const good = readFileSync(path);
    let refused = 0;
    let seed = 12345;
    const random = (n: number): number => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
      return (seed >>> 8) % n;
    };
    for (let run = 0; run < 2000; run++) {
      const bytes = Buffer.from(good);
      const edits = 1 + random(4);
      for (let edit = 0; edit < edits; edit++) bytes[random(bytes.length)] = random(256);
      const cut = random(3) === 0 ? bytes.subarray(0, random(bytes.length)) : bytes;
      writeFileSync(path, cut);
      try {
        scope(() => void loadSafetensors(path));
      } catch (error) {
        expect(error).toBeInstanceOf(RiverrunError);
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(1000);
  });
});
