import { describe, expect, test } from "vitest";
import {
  Generator,
  getThreads,
  grad,
  hasBf16Products,
  noGrad,
  randn,
  scope,
  setThreads,
  type Tensor,
  transformerBlock,
} from "../../src/torch/index.ts";
import { blockShapes } from "./blockShapes.ts";

/** A block of (B, T, C) with H hidden units and a head of O outputs, its input and its slopes, in both precisions. */
function block(batch: number, positions: number, width: number, hidden: number, outputs: number) {
  const generator = new Generator(7);
  const draw = (shape: number[], scale: number): Tensor => randn(shape, generator).mul(scale);
  const x = draw([batch, positions, width], 1);
  const shapes = [...blockShapes(width, hidden), [outputs, width]];
  const weights = shapes.map((shape) => draw(shape, shape.length === 2 ? 1 / Math.sqrt(shape[1]) : 0.5));
  const slopes = draw([batch, positions, outputs], 1);
  /** The output and the gradients of the input and of every parameter. */
  const results = (dtype: "float32" | "float64", bf16 = false): Tensor[] => {
    const [input, given, ...parameters] = [x, slopes, ...weights].map((one) => one.to(dtype).detach());
    const wanted = [input, ...parameters].map((one) => one.setRequiresGrad(true));
    const head = parameters[parameters.length - 1];
    const call = { heads: 2, causal: false, epsilon: 1e-5, factor: 1, head, bf16 };
    const y = transformerBlock(input, parameters.slice(0, -1), call);
    const again = noGrad(() => transformerBlock(input, parameters.slice(0, -1), call));
    return [y.detach(), again, ...grad([y], wanted, { gradOutputs: [given] })].map((one) => one.to("float64"));
  };
  return results;
}

/** The largest difference of all results, each as a share of its greatest number. */
function furthest(results: readonly Tensor[], wanted: readonly Tensor[]): number {
  const greatest = (one: Tensor): number => one.abs().amax().item();
  return Math.max(...results.map((one, i) => greatest(one.sub(wanted[i])) / greatest(wanted[i])));
}

function withThreads<T>(count: number, body: () => T): T {
  const before = getThreads();
  setThreads(count);
  try {
    return body();
  } finally {
    setThreads(before);
  }
}

// Rows that leave every rest of six to the last ones of a tile, widths that end within a vector, a panel of one vector
// and more, odd depths, and a depth that is multiplied in two pieces.
const sizes = [
  { batch: 3, positions: 17, width: 66, hidden: 130, outputs: 5 },
  { batch: 2, positions: 41, width: 94, hidden: 63, outputs: 81 },
  { batch: 5, positions: 13, width: 34, hidden: 1101, outputs: 64 },
  { batch: 2, positions: 58, width: 150, hidden: 97, outputs: 130 },
  { batch: 1, positions: 53, width: 128, hidden: 200, outputs: 17 },
];

describe.each(sizes)("products of $batch x $positions rows of width $width", (size) => {
  const { batch, positions, width, hidden, outputs } = size;
  const run = (body: (results: ReturnType<typeof block>) => void): void =>
    scope(() => body(block(batch, positions, width, hidden, outputs)));

  test.each([1, 2, 3])("in float32 are those in float64, with %i threads", (threads) => {
    run((results) => {
      const wanted = results("float64");
      expect(
        furthest(
          withThreads(threads, () => results("float32")),
          wanted,
        ),
      ).toBeLessThan(2e-5);
    });
  });

  test.skipIf(!hasBf16Products()).each([1, 2])("in bfloat16 are near those, with %i threads", (threads) => {
    run((results) => {
      const wanted = results("float64");
      const apart = furthest(
        withThreads(threads, () => results("float32", true)),
        wanted,
      );
      expect(apart).toBeGreaterThan(1e-4);
      expect(apart).toBeLessThan(0.06);
    });
  });
});

// 640 rows: a single thread takes them in two parts, for which parameters are laid out first; two threads take one part
// each, and lay them out as they go.
test.each([false, true].filter((bf16) => !bf16 || hasBf16Products()))(
  "who lays parameters out changes nothing (bfloat16: %s)",
  (bf16) => {
    scope(() => {
      const results = block(40, 16, 70, 140, 75);
      const [one, two] = [1, 2].map((threads) => withThreads(threads, () => results("float32", bf16)));
      expect(furthest(one, two)).toBeLessThan(2e-6);
    });
  },
);
