import { describe, expect, test } from "vitest";
import { KeyValueCache, MultiHeadAttention, TransformerBlock } from "../../src/nn/index.ts";
import { cat, Generator, grad, noGrad, type Tensor, tensor } from "../../src/torch/index.ts";
import { checkGradient, largestDifference } from "../support/gradients.ts";
import { disturb, initOf, random } from "./support.ts";

const [dimensions, heads] = [6, 2];

/** (rows, T) bool, true at the first n of each row. */
function prefixes(lengths: readonly number[], positions: number): Tensor {
  const marks = lengths.flatMap((length) => Array.from({ length: positions }, (_, t) => t < length));
  return tensor(marks, [lengths.length, positions], { dtype: "bool" });
}

/** Attention by the formula, head by head; `sees(row, t, s)` says who may look where. */
function byFormula(
  layer: MultiHeadAttention,
  x: Tensor,
  memory: Tensor,
  sees: (row: number, t: number, s: number) => boolean,
): Tensor {
  const [weight, bias, outWeight, outBias] = layer.parameters();
  const part = (input: Tensor, index: number): Tensor =>
    input
      .matmul(weight.slice(0, index * dimensions, (index + 1) * dimensions).transpose())
      .add(bias.slice(0, index * dimensions, (index + 1) * dimensions));
  const [q, k, v] = [part(x, 0), part(memory, 1), part(memory, 2)];
  const size = dimensions / heads;
  const [rows, positions, seen] = [x.size(0), x.size(1), memory.size(1)];
  const hidden = tensor(
    Array.from({ length: rows * positions * seen }, (_, i) => {
      const [row, t, s] = [Math.floor(i / (positions * seen)), Math.floor(i / seen) % positions, i % seen];
      return sees(row, t, s) ? 0 : -1e300;
    }),
    [rows, positions, seen],
    { dtype: "float64" },
  );
  const mixed = Array.from({ length: heads }, (_, head) => {
    const own = (whole: Tensor): Tensor => whole.slice(2, head * size, (head + 1) * size);
    const scores = own(q).matmul(own(k).transpose()).div(Math.sqrt(size)).add(hidden);
    return scores.softmax(2).matmul(own(v));
  });
  return cat(mixed, 2).matmul(outWeight.transpose()).add(outBias);
}

describe("multi-head attention", () => {
  const layer = new MultiHeadAttention(initOf(), dimensions, heads);
  disturb(layer);
  const x = random([2, 4, dimensions]);
  const memory = random([2, 3, dimensions], 8);
  const lengths = [4, 2];
  const mask = prefixes(lengths, 4);

  test("equals the formula: plain, causal, masked, both, and over a memory", () => {
    const cases = [
      { options: {}, sees: () => true },
      { options: { causal: true }, sees: (_: number, t: number, s: number) => s <= t },
      { options: { mask }, sees: (row: number, _: number, s: number) => s < lengths[row] },
      { options: { mask, causal: true }, sees: (row: number, t: number, s: number) => s <= t && s < lengths[row] },
    ];
    for (const { options, sees } of cases) {
      expect(largestDifference(layer.forward(x, options), byFormula(layer, x, x, sees))).toBeLessThan(1e-12);
    }
    const memoryMask = prefixes([3, 1], 3);
    const expected = byFormula(layer, x, memory, (row, _, s) => s < [3, 1][row]);
    expect(largestDifference(layer.forward(x, { memory, memoryMask }), expected)).toBeLessThan(1e-12);
    const projected = layer.project(memory);
    expect(largestDifference(layer.forward(x, { memory: projected, memoryMask }), expected)).toBeLessThan(1e-12);
  });

  test("has the right gradient, with a mask and over a memory", () => {
    const small = new MultiHeadAttention(initOf(), 4, 2);
    const input = random([2, 3, 4]);
    const other = random([2, 2, 4], 8);
    checkGradient(() => small.forward(input, { mask: prefixes([3, 1], 3) }), [input, ...small.parameters()]);
    checkGradient(() => small.forward(input, { memory: other }), [input, other, ...small.parameters()]);
  });

  test("does not depend on what stands at the pads, nor on how many there are", () => {
    const short = layer.forward(x.slice(0, 1, 2).slice(1, 0, 2));
    const masked = layer.forward(x, { mask }).slice(0, 1, 2).slice(1, 0, 2);
    expect(largestDifference(masked, short)).toBeLessThan(1e-12);
    const other = cat([x.slice(1, 0, 2), random([2, 3, dimensions], 11).mul(100)], 1);
    const longer = layer.forward(other, { mask: prefixes([2, 2], 5) });
    expect(largestDifference(longer.slice(0, 1, 2).slice(1, 0, 2), short)).toBeLessThan(1e-12);
  });

  test.each(["float64", "float32"] as const)(
    "a row without real positions gives the bias and no NaN, in %s",
    (dtype) => {
      const own = new MultiHeadAttention(initOf(1, dtype), dimensions, heads);
      const input = random([2, 4, dimensions], 7, dtype).setRequiresGrad();
      const y = own.forward(input, { mask: prefixes([4, 0], 4) });
      const bias = own.parameters()[3];
      expect(largestDifference(y.select(0, 1), bias.expand(4, dimensions))).toBe(0);
      const gradients = grad([y.square().sum()], [input, ...own.parameters()]);
      for (const gradient of gradients) expect(gradient.isFinite().all().item()).toBe(1);
    },
  );

  test("says what does not fit", () => {
    expect(() => new MultiHeadAttention(initOf(), 6, 4)).toThrow(/4 heads do not divide 6/);
    expect(() => layer.forward(x, { mask: prefixes([1, 1], 3) })).toThrow(/mask is \[2, 3\], expected \[2, 4\]/);
    expect(() => layer.forward(x, { memory }, new KeyValueCache(4))).toThrow(/project the memory/);
  });
});

describe("the key/value cache", () => {
  const block = new TransformerBlock(initOf(), dimensions, heads, 12);
  disturb(block);
  const x = random([3, 6, dimensions]);
  const full = block.forward(x, { causal: true });
  const step = (input: Tensor, cache: KeyValueCache, from: number, to: number): Tensor =>
    noGrad(() => block.forward(input.slice(1, from, to), {}, cache));

  test.each([[[1, 1, 1, 1, 1, 1]], [[3, 2, 1]], [[6]], [[1, 5]]])("steps of %j equal the full causal pass", (sizes) => {
    const cache = new KeyValueCache(6);
    const parts = sizes.map((size) => step(x, cache, cache.length, cache.length + size));
    expect(cache.length).toBe(6);
    expect(largestDifference(cat(parts, 1), full)).toBeLessThan(1e-12);
    cache.dispose();
  });

  test("goes on with chosen rows, as a beam search does", () => {
    const cache = new KeyValueCache(6);
    step(x, cache, 0, 3);
    const rows = tensor([2, 0, 2, 1], [4], { dtype: "int64" });
    cache.select(rows);
    const chosen = x.indexSelect(0, rows);
    const rest = step(chosen, cache, 3, 6);
    expect(largestDifference(rest, full.indexSelect(0, rows).slice(1, 3, 6))).toBeLessThan(1e-12);
    cache.truncate(4);
    expect(largestDifference(step(chosen, cache, 4, 6), rest.slice(1, 1, 3))).toBeLessThan(1e-12);
    cache.dispose();
    expect(cache.length).toBe(0);
  });

  test("honours a mask over all positions so far", () => {
    const mask = prefixes([6, 2, 4], 6);
    const expected = block.forward(x, { causal: true, mask });
    const cache = new KeyValueCache(6);
    const parts = [0, 1, 2, 3, 4, 5].map((t) =>
      noGrad(() => block.forward(x.slice(1, t, t + 1), { mask: mask.slice(1, 0, t + 1) }, cache)),
    );
    expect(largestDifference(cat(parts, 1), expected)).toBeLessThan(1e-12);
  });

  test("says when it is full or given another batch", () => {
    expect(() => new KeyValueCache(0)).toThrow(/at least 1/);
    const cache = new KeyValueCache(2);
    step(x, cache, 0, 2);
    expect(() => step(x, cache, 2, 3)).toThrow(/holds 2 positions; position 3/);
    cache.truncate(1);
    expect(() => step(x.slice(0, 0, 2), cache, 1, 2)).toThrow(/do not fit/);
    expect(() => cache.truncate(2)).toThrow(/cannot be cut to 2/);
  });
});

describe("the transformer block", () => {
  test.each([300, 150, 600])("runs 6 heads over %i dimensions in float32, and learns", (size) => {
    const block = new TransformerBlock(initOf(1, "float32"), size, 6, 2 * size, {
      norm: "unbiased",
      activation: "gelu-tanh",
    });
    const y = block.forward(random([2, 4, size], 7, "float32"), { mask: prefixes([4, 3], 4) });
    expect(y.shape).toEqual([2, 4, size]);
    const gradients = grad([y.square().sum()], block.parameters());
    expect(gradients.every((gradient) => gradient.isFinite().all().item() === 1)).toBe(true);
    // 4 C^2 + 4 C of attention, 4 C^2 + 3 C of the feed-forward network, 4 C of the two normalisations.
    expect(block.parameterCount()).toBe(8 * size * size + 11 * size);
  });

  test.each(["layer", "unbiased"] as const)("has the right gradient, norm %s", (norm) => {
    const block = new TransformerBlock(initOf(), 4, 2, 8, { norm });
    const x = random([1, 3, 4]);
    checkGradient(() => block.forward(x), [x, ...block.parameters()], 1e-7);
  });

  test("is x + MHA(LN x), then x + FFN(LN x): with both outputs zero it is x", () => {
    const block = new TransformerBlock(initOf(), 4, 2, 8);
    const named = block.namedParameters();
    noGrad(() => {
      for (const name of ["attention.output", "feedForward.outer"]) {
        named.get(`${name}.weight`)?.zero_();
        named.get(`${name}.bias`)?.zero_();
      }
    });
    const x = random([2, 3, 4]);
    expect(block.forward(x).equal(x)).toBe(true);
  });

  test("drops units of an example by its own stream, only while training", () => {
    const block = new TransformerBlock(initOf(), 4, 2, 8, { dropout: 0.5 });
    const x = random([2, 3, 4]);
    const streams = (...seeds: number[]): Generator[] => seeds.map((seed) => new Generator(seed));
    const both = block.forward(x, { dropout: streams(1, 2) });
    const second = block.forward(x.slice(0, 1, 2), { dropout: streams(2) });
    expect(largestDifference(both.slice(0, 1, 2), second)).toBeLessThan(1e-12);
    expect(largestDifference(both, block.forward(x))).toBeGreaterThan(1e-3);
    block.train(false);
    expect(block.forward(x, { dropout: streams(1, 2) }).equal(block.forward(x))).toBe(true);
  });
});
