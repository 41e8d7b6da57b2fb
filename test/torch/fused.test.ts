import { describe, expect, test } from "vitest";
import {
  affineCoupling,
  biasGelu,
  biasResidual,
  type CouplingScale,
  cat,
  couplingSplit,
  type DType,
  Generator,
  grad,
  randn,
  scaleShift,
  scope,
  selfAttention,
  type Tensor,
  tensor,
} from "../../src/torch/index.ts";

/** Largest relative difference of two lists of tensors. */
function difference(one: readonly Tensor[], other: readonly Tensor[]): number {
  return Math.max(
    ...one.map((value, index) => {
      const size = Math.max(1, other[index].abs().amax().item());
      return value.to("float64").sub(other[index].to("float64")).abs().amax().item() / size;
    }),
  );
}

const limits: Readonly<Record<string, number>> = { float64: 1e-12, float32: 3e-6 };

describe.each(["float64", "float32"] as const)("fused operators in %s equal their composition", (dtype: DType) => {
  const draw = (shape: number[], seed: number, std = 1): Tensor =>
    randn(shape, new Generator(seed), { dtype: "float64" }).mul(std).to(dtype).setRequiresGrad();

  /** Values and gradients, under a random linear functional of the results, of both ways. */
  function compare(inputs: readonly Tensor[], fused: () => Tensor[], composed: () => Tensor[]): void {
    const [a, b] = [fused(), composed()];
    expect(difference(a, b)).toBeLessThan(limits[dtype]);
    const weights = a.map((result, index) => randn(result.shape, new Generator(90 + index), { dtype: "float64" }));
    const gradients = (results: Tensor[]): Tensor[] =>
      grad(
        results.map((result, index) => result.mul(weights[index].to(result.dtype)).sum()),
        inputs,
      );
    expect(difference(gradients(a), gradients(b))).toBeLessThan(5 * limits[dtype]);
  }

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

  test.each([false, true])("selfAttention, causal %s", (causal) => {
    scope(() => {
      const packed = draw([2, 7, 3 * 12], 1);
      compare(
        [packed],
        () => [selfAttention(packed, 3, causal)],
        () => {
          const [q, k, v] = packed.reshape(2, 7, 3, 3, 4).permute(2, 0, 3, 1, 4).unbind(0);
          let scores = q.matmul(k.transpose(2, 3)).mul(0.5);
          if (causal) {
            const hidden = tensor(
              Array.from({ length: 49 }, (_, index) => (index % 7 > Math.floor(index / 7) ? 1 : 0)),
              [7, 7],
              { dtype: "bool" },
            );
            scores = scores.maskedFill(hidden, Number.NEGATIVE_INFINITY);
          }
          return [scores.softmax(-1).matmul(v).transpose(1, 2).reshape(2, 7, 12)];
        },
      );
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

test("fused operators refuse what does not fit, in words", () => {
  scope(() => {
    const x = randn([2, 4, 6], new Generator(1));
    const ones = randn([6], new Generator(1));
    expect(() => scaleShift(x, ones, ones, [4])).toThrow("one count a row");
    expect(() => scaleShift(x, ones, ones, [4, 5])).toThrow("out of range");
    expect(() => biasResidual(x, x, randn([5], new Generator(1)))).toThrow("one entry a column");
    expect(() => selfAttention(x, 4, false)).toThrow("heads that divide");
  });
});
