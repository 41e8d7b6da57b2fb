import { describe, expect, test } from "vitest";
import {
  affineCoupling,
  biasGelu,
  biasResidual,
  type CouplingScale,
  cat,
  couplingSplit,
  Generator,
  getThreads,
  grad,
  hasBf16Products,
  noGrad,
  ones,
  randn,
  scaleShift,
  scope,
  setThreads,
  type Tensor,
  tensor,
  timeMap,
  transformerBlock,
} from "../../src/torch/index.ts";
import { blockShapes } from "./blockShapes.ts";
import { comparison, difference, limits } from "./compareFused.ts";

describe.each(["float64", "float32"] as const)("fused operators in %s equal their composition", (dtype) => {
  const { draw, compare } = comparison(dtype);

  test("biasGelu", () => {
    scope(() => {
      const [h, bias] = [draw([3, 5, 37], 1, 3), draw([37], 2)];
      compare(
        [h, bias],
        () => [biasGelu(h, bias)],
        () => [h.add(bias).gelu("tanh")],
      );
    });
  });

  test("biasResidual", () => {
    scope(() => {
      const [x, h, bias] = [draw([300, 33], 1), draw([300, 33], 2), draw([33], 3)];
      compare(
        [x, h, bias],
        () => [biasResidual(x, h, bias)],
        () => [x.add(h).add(bias)],
      );
    });
  });

  test("scaleShift, with pads", () => {
    scope(() => {
      const [x, scale, shift] = [draw([3, 6, 19], 1), draw([19], 2), draw([19], 3)];
      const mask = tensor([6, 4, 0], [3, 1], { dtype: "int64" });
      const real = tensor([0, 1, 2, 3, 4, 5], [6], { dtype: "int64" }).lt(mask).unsqueeze(2).to(dtype);
      compare(
        [x, scale, shift],
        () => [scaleShift(x, scale, shift, [6, 4, 0])],
        () => [x.mul(scale).add(shift).mul(real)],
      );
    });
  });

  const blocks = {
    "all positions real": { lengths: undefined, causal: false, head: false, drops: false, factor: 1 },
    "pads and an empty text": { lengths: [9, 4, 0], causal: false, head: false, drops: false, factor: 0.9 },
    "causal, with a head": { lengths: undefined, causal: true, head: true, drops: false, factor: 1 },
    "causal pads, dropout and a head": { lengths: [9, 1, 7], causal: true, head: true, drops: true, factor: 0.9 },
  } as const;

  test.each(Object.entries(blocks))("transformerBlock, %s", (_, { lengths, causal, head, drops, factor }) => {
    scope(() => {
      // More positions and wider heads than the kernel's registers, and neither a multiple of them.
      const [batch, positions, width, heads, hidden] = lengths ? [3, 9, 12, 3, 20] : [2, 70, 38, 2, 24];
      const weights = blockShapes(width, hidden).map((shape, index) =>
        draw(shape, 20 + index, shape.length === 2 ? 0.2 : 0.5),
      );
      const x = draw([batch, positions, width], 1);
      const top = head ? draw([11, width], 2, 0.3) : undefined;
      const masks = drops ? ([draw([...x.shape], 3), draw([...x.shape], 4)] as const) : undefined;
      const counts = lengths ?? new Array<number>(batch).fill(positions);
      const real = tensor(
        counts.flatMap((count) => Array.from({ length: positions }, (_unused, t) => t < count)),
        [batch, 1, positions],
        { dtype: "bool" },
      );
      const [
        gain1,
        shift1,
        packedWeight,
        packedBias,
        outWeight,
        outBias,
        gain2,
        shift2,
        inner,
        innerBias,
        outer,
        outerBias,
      ] = weights;
      const norm = (input: Tensor, gain: Tensor, shift: Tensor): Tensor => {
        const centred = input.sub(input.mean(-1, true));
        const deviation = centred.square().mean(-1, true).add(1e-5).sqrt();
        return centred.div(deviation).mul(gain).mul(factor).add(shift);
      };
      const affine = (input: Tensor, weight: Tensor, bias: Tensor): Tensor =>
        input.matmul(weight.transpose()).add(bias);
      const composed = (): Tensor => {
        const packed = affine(norm(x, gain1, shift1), packedWeight, packedBias);
        const parts = packed
          .reshape(batch, positions, 3, heads, width / heads)
          .permute(2, 0, 3, 1, 4)
          .unbind(0);
        const visible = ones([positions, positions], { dtype: "bool" }).tril(causal ? 0 : positions);
        const scores = parts[0]
          .matmul(parts[1].transpose(2, 3))
          .div(Math.sqrt(width / heads))
          .maskedFill(visible.logicalAnd(real).logicalNot().unsqueeze(1), -1e30);
        const mixed = scores.softmax(-1).matmul(parts[2]).transpose(1, 2).reshape(batch, positions, width);
        const seen = tensor(
          counts.map((count) => count > 0),
          [batch, 1, 1],
          { dtype: "bool" },
        );
        const branch = affine(mixed.mul(seen.to(dtype)), outWeight, outBias);
        const middle = x.add(masks ? branch.mul(masks[0]) : branch);
        const active = affine(norm(middle, gain2, shift2), inner, innerBias).gelu("tanh");
        const second = affine(active, outer, outerBias);
        const y = middle.add(masks ? second.mul(masks[1]) : second);
        return top ? y.matmul(top.transpose()) : y;
      };
      const call = { heads, lengths, causal, epsilon: 1e-5, factor, head: top, drops: masks };
      const fused = (): Tensor => transformerBlock(x, weights, call);
      compare(
        [x, ...weights, ...(top ? [top] : [])],
        () => [fused()],
        () => [composed()],
      );
      // What is computed again is the same to the last bit.
      const again = (): Tensor => transformerBlock(x, weights, { ...call, recomputes: true });
      const gradients = (y: Tensor): Tensor[] => grad([y.square().sum()], [x, ...weights]);
      const [kept, recomputed] = [gradients(fused()), gradients(again())];
      for (const [index, one] of kept.entries()) expect(recomputed[index].toNumbers()).toEqual(one.toNumbers());
      if (dtype === "float32" && hasBf16Products()) {
        // Of numbers with 8 significant bits, in four products one after the other.
        const rounded = (): Tensor => transformerBlock(x, weights, { ...call, bf16: true });
        const lowered = gradients(rounded());
        const apart = difference([rounded()], [composed()]);
        expect(apart).toBeGreaterThan(limits.float32);
        expect(apart).toBeLessThan(0.03);
        for (const [index, one] of kept.entries()) {
          const norm = one.square().sum().item();
          expect(lowered[index].sub(one).square().sum().item()).toBeLessThan(0.03 ** 2 * norm + 1e-12);
        }
      } else {
        expect(() => transformerBlock(x, weights, { ...call, bf16: true })).toThrow("bfloat16");
      }
      // Without a gradient nothing is kept, and a batch smaller than the threads is shared out in another way.
      const before = getThreads();
      try {
        for (const count of [1, 2, 5]) {
          setThreads(count);
          expect(difference([noGrad(fused)], [composed()])).toBeLessThan(limits[dtype]);
        }
      } finally {
        setThreads(before);
      }
    });
  });

  const places = {
    "second half of the positions": { start: 2, stride: 1, channel: 0, changed: 2, width: 6 },
    "odd positions": { start: 1, stride: 2, channel: 0, changed: 2, width: 6 },
    "even positions": { start: 0, stride: 2, channel: 0, changed: 2, width: 6 },
    "first half of the channels": { start: 0, stride: 1, channel: 0, changed: 4, width: 3 },
    "second half of the channels": { start: 0, stride: 1, channel: 3, changed: 4, width: 3 },
  };
  const scales: CouplingScale[] = [
    { map: "sigmoid", bound: 2 },
    { map: "softClip", bound: 1.5 },
  ];
  for (const [name, place] of Object.entries(places)) {
    for (const scale of scales) {
      for (const inverse of [false, true]) {
        test(`affineCoupling, ${name}, ${scale.map}, ${inverse ? "inverse" : "forward"}`, () => {
          scope(() => {
            const { start, stride, channel, changed: positions, width } = place;
            const counts = [positions, 1, 0];
            const x = draw([3, 4, 6], 1);
            const product = draw([3, positions, 2 * width], 2);
            const [bias, gain] = [draw([2 * width], 3), draw([2 * width], 4, 0.1)];
            compare(
              [x, product, bias, gain],
              () =>
                affineCoupling(
                  couplingSplit(x, place),
                  { product, bias, gain },
                  x.shape,
                  counts,
                  place,
                  scale,
                  inverse,
                ),
              () => {
                const [l, t] = product.add(bias).mul(gain.mul(3).exp()).chunk(2, 2);
                const logS =
                  scale.map === "sigmoid"
                    ? l.add(scale.bound).logSigmoid()
                    : l.div(scale.bound).tanh().mul(scale.bound);
                const at = (row: Tensor, j: number): Tensor =>
                  row.slice(1, start + j * stride, start + j * stride + 1).slice(2, channel, channel + width);
                const rows = counts.map((count, b) => {
                  const one = x.slice(0, b, b + 1);
                  const pieces = Array.from({ length: 4 }, (_, t4) => {
                    const whole = one.slice(1, t4, t4 + 1);
                    const j = (t4 - start) / stride;
                    if (!Number.isInteger(j) || j < 0 || j >= positions) return { piece: whole, log: undefined };
                    const own = (of: Tensor): Tensor => of.slice(0, b, b + 1).slice(1, j, j + 1);
                    const moved = inverse
                      ? at(one, j).mul(own(logS).neg().exp()).sub(own(t))
                      : at(one, j).add(own(t)).mul(own(logS).exp());
                    const changed = j < count ? moved : moved.mul(0);
                    const piece = cat([whole.slice(2, 0, channel), changed, whole.slice(2, channel + width, 6)], 2);
                    return { piece, log: j < count ? own(logS).to("float64").sum() : undefined };
                  });
                  const logs = pieces.flatMap(({ log }) => (log ? [log] : []));
                  const zero = one.sum().to("float64").mul(0);
                  return {
                    y: cat(
                      pieces.map(({ piece }) => piece),
                      1,
                    ),
                    logDet: logs.reduce((sum, log) => sum.add(log), zero).mul(inverse ? -1 : 1),
                  };
                });
                return [
                  cat(
                    rows.map(({ y }) => y),
                    0,
                  ),
                  cat(
                    rows.map(({ logDet }) => logDet.unsqueeze(0)),
                    0,
                  ),
                ];
              },
            );
          });
        });
      }
    }
  }
});

test("fused operators have no second derivative and say so", () => {
  scope(() => {
    const x = randn([2, 3, 4], new Generator(1)).setRequiresGrad();
    const matrix = randn([3, 3], new Generator(2));
    const value = timeMap(matrix, x).square().sum();
    expect(() => grad([value], [x], { createGraph: true })).toThrow("no second derivatives");
  });
});

test("fused operators refuse what does not fit, in words", () => {
  scope(() => {
    const x = randn([2, 4, 6], new Generator(1));
    const ones = randn([6], new Generator(1));
    expect(() => scaleShift(x, ones, ones, [4])).toThrow("one count a row");
    expect(() => scaleShift(x, ones, ones, [4, 5])).toThrow("out of range");
    expect(() => biasResidual(x, x, randn([5], new Generator(1)))).toThrow("one entry a column");
    expect(() => transformerBlock(x, [], { heads: 4, causal: false, epsilon: 1e-5, factor: 1 })).toThrow(
      "heads that divide C",
    );
    expect(() => transformerBlock(x, [], { heads: 1, causal: false, epsilon: 1e-5, factor: 1 })).toThrow(
      "12 parameters",
    );
  });
});
