/** The precision of networks: where it is in force, and what products in bfloat16 give. */
import { describe, expect, test } from "vitest";
import {
  inNetworkPrecision,
  Linear,
  LSTM,
  NetworkSettings,
  networkPrecision,
  numbersOf,
  product,
  TransformerBlock,
  ZeroLinear,
} from "../../src/nn/index.ts";
import { grad, noGrad, scope, setThreads, type Tensor } from "../../src/torch/index.ts";
import { disturb, initOf, random } from "./support.ts";

setThreads(1);

/** The largest difference, to the largest entry of the second. */
function apart(one: Tensor, other: Tensor): number {
  return scope(() => {
    const wide = other.to("float64");
    return one.to("float64").sub(wide).abs().amax().item() / wide.abs().amax().item();
  });
}

/** A rounding to bfloat16, of 8 significant bits, is off by at most 2^-8 of the number. */
const rounding = 2 ** -8;

describe("the scope", () => {
  test("is float32 outside, holds inside, nests, and is put back after a throw", () => {
    const seen: string[] = [networkPrecision()];
    inNetworkPrecision("bf16", () => {
      seen.push(networkPrecision());
      inNetworkPrecision("float32", () => seen.push(networkPrecision()));
      expect(() =>
        inNetworkPrecision("float32", () => {
          throw new Error("inside");
        }),
      ).toThrow("inside");
      seen.push(networkPrecision());
    });
    seen.push(networkPrecision());
    expect(seen).toEqual(["float32", "bf16", "float32", "bf16", "float32"]);
  });

  test("takes no function that goes on later", () => {
    expect(() => inNetworkPrecision("bf16", () => Promise.resolve(1))).toThrow(/must be synchronous/);
    expect(networkPrecision()).toBe("float32");
  });

  test("is what a model's settings say", () => {
    const settings = new NetworkSettings();
    expect(settings.run(networkPrecision)).toBe("float32");
    settings.precision = "bf16";
    expect(settings.run(networkPrecision)).toBe("bf16");
  });
});

test("precisions are a dtype of tensors and a precision of networks", () => {
  expect(numbersOf("float32")).toEqual({ dtype: "float32", networks: "float32" });
  expect(numbersOf("bf16")).toEqual({ dtype: "float32", networks: "bf16" });
  expect(numbersOf("float64")).toEqual({ dtype: "float64", networks: "float32" });
});

describe("a product", () => {
  const x = random([512, 96], 1, "float32");
  const weight = random([128, 96], 2, "float32");
  const bias = random([128], 3, "float32");

  test("is that of the rounded numbers, with the bias added in float32", () => {
    const low = inNetworkPrecision("bf16", () => product(x, weight, bias));
    const rounded = (t: Tensor): Tensor => t.to("bfloat16").to("float64");
    const exact = rounded(x).matmul(rounded(weight).transpose());
    const found = low.sub(bias).to("float64");
    // Of every entry: its own rounding, and the sum's in float32.
    expect(found.sub(exact).abs().sub(exact.abs().mul(rounding)).amax().item()).toBeLessThan(1e-4);
    expect(low.dtype).toBe("float32");
    expect(apart(low, product(x, weight, bias))).toBeGreaterThan(1e-5);
  });

  test("stays as it is where it is small, in float64, and outside the scope", () => {
    const few = x.slice(0, 0, 8);
    const same = (one: Tensor, other: Tensor): boolean => one.equal(other);
    expect(
      same(
        inNetworkPrecision("bf16", () => product(few, weight, bias)),
        product(few, weight, bias),
      ),
    ).toBe(true);
    const [wideX, wideWeight] = [x.to("float64"), weight.to("float64")];
    expect(
      same(
        inNetworkPrecision("bf16", () => product(wideX, wideWeight)),
        product(wideX, wideWeight),
      ),
    ).toBe(true);
  });

  test("has gradients in float32, near those of float32", () => {
    const leaves = [x, weight, bias].map((leaf) => leaf.clone().setRequiresGrad());
    const gradients = (precision: "float32" | "bf16"): Tensor[] =>
      inNetworkPrecision(precision, () => grad([product(leaves[0], leaves[1], leaves[2]).tanh().sum()], leaves));
    const [single, low] = [gradients("float32"), gradients("bf16")];
    low.forEach((gradient, index) => {
      expect(gradient.dtype).toBe("float32");
      expect(apart(gradient, single[index])).toBeLessThan(0.03);
      expect(gradient.equal(single[index])).toBe(false);
    });
    // Those of the two factors are of 8 bits, the bias's is not.
    const isRounded = (t: Tensor): boolean => t.to("bfloat16").to("float32").equal(t);
    expect(low.map(isRounded)).toEqual([true, true, false]);
  });
});

describe("layers", () => {
  const init = initOf(1, "float32");
  const x = random([16, 32, 96], 4, "float32");
  /** How far bf16 is from float32. */
  const off = (forward: () => Tensor): number =>
    noGrad(() => apart(inNetworkPrecision("bf16", forward), inNetworkPrecision("float32", forward)));

  test.each<[string, () => Tensor]>([
    [
      "Linear",
      (() => {
        const layer = new Linear(init, 96, 128);
        return () => layer.forward(x);
      })(),
    ],
    [
      "rows of a Linear",
      (() => {
        const layer = new Linear(init, 96, 256);
        return () => layer.rows(x, 64, 192);
      })(),
    ],
    [
      "ZeroLinear",
      (() => {
        const layer = new ZeroLinear(init, 96, 192);
        disturb(layer);
        return () => layer.forward(x);
      })(),
    ],
    [
      "parts of a ZeroLinear",
      (() => {
        const layer = new ZeroLinear(init, 96, 192);
        disturb(layer);
        return () => layer.parts(x).product;
      })(),
    ],
    [
      "TransformerBlock",
      (() => {
        const block = new TransformerBlock(init, 96, 4, 192, { activation: "gelu-tanh" });
        return () => block.forward(x);
      })(),
    ],
    [
      "TransformerBlock with a mask",
      (() => {
        const block = new TransformerBlock(init, 96, 4, 192);
        return () => block.forward(x, { lengths: new Array<number>(16).fill(20) });
      })(),
    ],
    [
      "TransformerBlock times a head",
      (() => {
        const block = new TransformerBlock(init, 96, 4, 192, { activation: "gelu-tanh" });
        const head = random([64, 96], 8, "float32");
        return () => block.times(head, x);
      })(),
    ],
    [
      "LSTM",
      (() => {
        const lstm = new LSTM(init, 96, 256, { bidirectional: true });
        return () => lstm.forward(x).output;
      })(),
    ],
    [
      "LSTM over rows of different lengths",
      (() => {
        const lstm = new LSTM(init, 96, 256);
        return () => lstm.forward(x, { lengths: Array.from({ length: 16 }, (_, row) => 32 - row) }).output;
      })(),
    ],
  ])("%s is near its float32 and not it, of the same dtype", (_, forward) => {
    const difference = off(forward);
    expect(difference).toBeGreaterThan(1e-5);
    expect(difference).toBeLessThan(0.02);
    expect(noGrad(() => inNetworkPrecision("bf16", forward)).dtype).toBe("float32");
  });

  test("one position through an LSTM stays in float32", () => {
    const lstm = new LSTM(init, 96, 256);
    const one = x.slice(1, 0, 1);
    expect(off(() => lstm.forward(one).output)).toBe(0);
    expect(noGrad(() => inNetworkPrecision("bf16", () => lstm.forward(x))).state.cell.dtype).toBe("float32");
  });
});
