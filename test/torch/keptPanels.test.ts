/** Parameters are laid out for products once while nothing changes them: what they are changed to must still be seen. */
import { describe, expect, it } from "vitest";
import { Adam } from "../../src/nn/index.ts";
import {
  Generator,
  grad,
  hasBf16Products,
  noGrad,
  randn,
  scope,
  type Tensor,
  transformerBlock,
} from "../../src/torch/index.ts";
import { blockShapes } from "./blockShapes.ts";

const width = 24;
const shapes = blockShapes(width, 40);

/** A block with a head on inputs of 64 rows, enough for the kernels. */
function blockOf(seed: number): { x: Tensor; all: Tensor[]; run: (bf16: boolean) => number[] } {
  const draw = (shape: number[], own: number): Tensor => randn(shape, new Generator(own)).mul(0.3).setRequiresGrad();
  const x = draw([4, 16, width], 99);
  const weights = shapes.map((shape, index) => draw(shape, seed + index));
  const head = draw([11, width], seed + 50);
  const run = (bf16: boolean): number[] =>
    noGrad(() =>
      scope(() =>
        transformerBlock(x, weights, { heads: 2, causal: false, epsilon: 1e-5, factor: 1, head, bf16 }).toNumbers(),
      ),
    );
  return { x, all: [...weights, head], run };
}

/** What the block gives where nothing was kept: of copies of its parameters. */
function fresh({ x, all }: ReturnType<typeof blockOf>, bf16: boolean): number[] {
  return noGrad(() =>
    scope(() => {
      const copies = all.map((one) => one.clone());
      const call = { heads: 2, causal: false, epsilon: 1e-5, factor: 1, head: copies[12], bf16 };
      return transformerBlock(x, copies.slice(0, 12), call).toNumbers();
    }),
  );
}

describe.each([false, true].filter((bf16) => !bf16 || hasBf16Products()))("with products in bf16: %s", (bf16) => {
  it("gives the same again, and what a changed parameter makes", () => {
    scope(() => {
      const block = blockOf(1);
      const before = block.run(bf16);
      expect(block.run(bf16)).toEqual(before);
      expect(before).toEqual(fresh(block, bf16));
      for (const parameter of [2, 4, 8, 10, 12]) {
        const last = block.run(bf16);
        noGrad(() => block.all[parameter].copy_(randn(block.all[parameter].shape, new Generator(7)).mul(0.3)));
        const now = block.run(bf16);
        expect(now).not.toEqual(last);
        expect(now).toEqual(fresh(block, bf16));
      }
    });
  });

  it("sees a step of training", () => {
    scope(() => {
      const block = blockOf(200);
      const adam = new Adam(new Map(block.all.map((one, index) => [String(index), one])));
      const call = { heads: 2, causal: false, epsilon: 1e-5, factor: 1, head: block.all[12], bf16 };
      const loss = transformerBlock(block.x, block.all.slice(0, 12), call).square().sum();
      const gradients = grad([loss], block.all);
      // Kept after the way forward of training, so that only the step itself tells of the change.
      const before = block.run(bf16);
      adam.step(gradients, 0.1);
      expect(block.run(bf16)).not.toEqual(before);
      expect(block.run(bf16)).toEqual(fresh(block, bf16));
      adam.dispose();
    });
  });

  it("is not misled by other parameters where freed ones lay", () => {
    const results = new Set<string>();
    for (let seed = 300; seed < 320; seed++) {
      scope(() => {
        const block = blockOf(20 * seed);
        expect(block.run(bf16)).toEqual(fresh(block, bf16));
        results.add(String(block.run(bf16)));
      });
    }
    expect(results.size).toBe(20);
  });

  it("keeps both precisions apart", () => {
    scope(() => {
      const block = blockOf(400);
      const [one, other] = [block.run(bf16), hasBf16Products() ? block.run(!bf16) : undefined];
      expect(block.run(bf16)).toEqual(one);
      if (other) expect(other).not.toEqual(one);
    });
  });
});
