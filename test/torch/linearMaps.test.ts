import { describe, expect, test } from "vitest";
import {
  type CouplingPlace,
  cat,
  eye,
  Generator,
  getThreads,
  grad,
  luProduct,
  randn,
  scalesLogDet,
  scope,
  setThreads,
  type Tensor,
  tensor,
  timeMap,
  timeMapParts,
} from "../../src/torch/index.ts";
import { comparison, difference } from "./compareFused.ts";

const half: CouplingPlace = { start: 3, stride: 1, channel: 0, changed: 3, width: 19 };
const places: Readonly<Record<string, CouplingPlace>> = {
  "the second half changed": half,
  "odd positions changed": { ...half, start: 1, stride: 2 },
  "even positions changed": { ...half, start: 0, stride: 2 },
  "none changed": { ...half, start: 0, changed: 0 },
};

/** The rows that a place changes, and the others. */
function rowsOf({ start, stride, changed }: CouplingPlace, positions: number): { seen: number[]; changed: number[] } {
  const moved = Array.from({ length: changed }, (_, j) => start + j * stride);
  const all = Array.from({ length: positions }, (_, t) => t);
  return { seen: all.filter((t) => !moved.includes(t)), changed: moved };
}

const picked = (y: Tensor, rows: number[]): Tensor => y.indexSelect(1, tensor(rows, [rows.length], { dtype: "int64" }));

describe.each(["float64", "float32"] as const)("operators of linear maps in %s equal their composition", (dtype) => {
  const { draw, compare } = comparison(dtype);

  // Matrices that are no square, and fewer and more channels than a vector has room for.
  test.each([
    [7, 5, 18],
    [4, 4, 3],
    [33, 34, 40],
  ])("timeMap of %i x %i over %i channels", (results, positions, channels) => {
    scope(() => {
      const [matrix, x] = [draw([results, positions], 1), draw([3, positions, channels], 2)];
      compare(
        [matrix, x],
        () => [timeMap(matrix, x)],
        () => [matrix.unsqueeze(0).expand(3, -1, -1).matmul(x)],
      );
    });
  });

  test.each(Object.entries(places))("timeMapParts, %s", (_, place) => {
    scope(() => {
      const [x, scale, bias, matrix] = [draw([4, 6, 19], 1), draw([19], 2), draw([19], 3), draw([6, 6], 4)];
      const counts = [6, 4, 0, 1];
      const lengths = tensor(counts, [4, 1], { dtype: "int64" });
      const mask = tensor([0, 1, 2, 3, 4, 5], [6], { dtype: "int64" }).lt(lengths).unsqueeze(2).to(dtype);
      const rows = rowsOf(place, 6);
      compare(
        [x, scale, bias, matrix],
        () => {
          const { seen, changed } = timeMapParts(x, { scale, bias }, matrix, counts, place);
          return place.changed > 0 ? [seen, changed] : [seen];
        },
        () => {
          const z = x.add(bias).mul(scale).mul(mask);
          const y = matrix.unsqueeze(0).expand(4, -1, -1).matmul(z).mul(mask);
          return place.changed > 0 ? [picked(y, rows.seen), picked(y, rows.changed)] : [picked(y, rows.seen)];
        },
      );
    });
  });

  test("timeMapParts neither reads what stands at pads nor gives it a gradient", () => {
    scope(() => {
      const [x, scale, bias, matrix] = [draw([3, 6, 19], 1), draw([19], 2), draw([19], 3), draw([6, 6], 4)];
      const counts = [6, 2, 0];
      const noise = tensor(
        counts.flatMap((count) => Array.from({ length: 6 }, (_, t) => (t < count ? 0 : Number.NaN))),
        [3, 6, 1],
        { dtype },
      );
      const run = (input: Tensor): Tensor[] => {
        const { seen, changed } = timeMapParts(input, { scale, bias }, matrix, counts, half);
        const loss = seen.square().sum().add(changed.square().sum());
        return [seen, changed, ...grad([loss], [x, scale, bias, matrix])];
      };
      expect(difference(run(x.add(noise)), run(x))).toBe(0);
    });
  });

  test("timeMapParts where one part alone is used", () => {
    scope(() => {
      const [x, scale, bias, matrix] = [draw([2, 6, 19], 1), draw([19], 2), draw([19], 3), draw([6, 6], 4)];
      const whole = (): Tensor => matrix.unsqueeze(0).expand(2, -1, -1).matmul(x.add(bias).mul(scale));
      const parts = (): { seen: Tensor; changed: Tensor } => timeMapParts(x, { scale, bias }, matrix, [6, 6], half);
      const rows = rowsOf(half, 6);
      compare(
        [x, scale, bias, matrix],
        () => [parts().seen],
        () => [picked(whole(), rows.seen)],
      );
      compare(
        [x, scale, bias, matrix],
        () => [parts().changed],
        () => [picked(whole(), rows.changed)],
      );
    });
  });

  test.each([
    ["whole", 18, 18, false],
    ["its leading block", 18, 11, false],
    ["in another order", 18, 18, true],
    ["of one row", 1, 1, false],
    ["larger than it is fused", 140, 140, true],
  ] as const)("luProduct, %s", (_, size, n, permuted) => {
    scope(() => {
      const [lower, upper, diagonal] = [draw([size, size], 1, 0.2), draw([size, size], 2, 0.2), draw([n], 3)];
      const places = Array.from({ length: n }, (_, i) => (i * 11 + 3) % n);
      const order = permuted ? tensor(places, [n], { dtype: "int64" }) : undefined;
      compare(
        [lower, upper, diagonal],
        () => [luProduct(lower, upper, diagonal, order)],
        () => {
          const block = (of: Tensor): Tensor => of.slice(0, 0, n).slice(1, 0, n);
          const left = block(lower)
            .tril(-1)
            .add(eye(n, n, { dtype }));
          const product = left.matmul(block(upper).triu(1).add(diagonal.diagEmbed()));
          if (!permuted) return [product];
          return [
            cat(
              places.map((row) => product.slice(0, row, row + 1)),
              0,
            ),
          ];
        },
      );
    });
  });

  test("scalesLogDet of scales of both signs and of logarithms", () => {
    scope(() => {
      const scales = draw([23], 1);
      const counts = tensor([5, 0, 2], [3], { dtype: "float64" });
      compare(
        [scales],
        () => [scalesLogDet(scales, [5, 0, 2], false), scalesLogDet(scales, [5, 0, 2], true)],
        () => [counts.mul(scales.abs().log().to("float64").sum()), counts.mul(scales.to("float64").sum())],
      );
    });
  });
});

test("gradients of a map over time are the same numbers in every run, and on one thread to rounding", () => {
  scope(() => {
    const draw = (shape: number[], seed: number): Tensor => randn(shape, new Generator(seed)).setRequiresGrad();
    const [matrix, x] = [draw([16, 16], 1), draw([9, 16, 40], 2)];
    const run = (): Tensor => grad([timeMap(matrix, x).square().sum()], [matrix])[0];
    const first = run();
    expect(run().sub(first).abs().amax().item()).toBe(0);
    const threads = getThreads();
    try {
      setThreads(1);
      expect(run().sub(first).abs().amax().item() / first.abs().amax().item()).toBeLessThan(1e-5);
    } finally {
      setThreads(threads);
    }
  });
});

test("operators of linear maps refuse what does not fit, in words", () => {
  scope(() => {
    const draw = (shape: number[]): Tensor => randn(shape, new Generator(1));
    const [x, ones, matrix] = [draw([2, 6, 19]), draw([19]), draw([6, 6])];
    const affine = { scale: ones, bias: ones };
    expect(() => timeMap(draw([3, 5]), x)).toThrow("expected a matrix (T', T)");
    expect(() => timeMapParts(x, affine, draw([4, 6]), [6, 6], half)).toThrow("a square matrix");
    expect(() => timeMapParts(x, affine, matrix, [6], half)).toThrow("one count a row");
    expect(() => timeMapParts(x, affine, matrix, [6, 7], half)).toThrow("out of range");
    expect(() => timeMapParts(x, { ...affine, bias: draw([18]) }, matrix, [6, 6], half)).toThrow("one entry a column");
    expect(() => timeMapParts(x, affine, matrix, [6, 6], { ...half, start: 4 })).toThrow("does not lie within");
    expect(() => timeMapParts(x, affine, matrix, [6, 6], { ...half, changed: -1 })).toThrow("does not lie within");
    expect(() => luProduct(matrix, matrix, draw([7]))).toThrow("square factors of one size");
    const twice = tensor([0, 0, 1, 2, 3, 4], [6], { dtype: "int64" });
    expect(() => luProduct(matrix, matrix, draw([6]), twice)).toThrow("every row once");
  });
});
