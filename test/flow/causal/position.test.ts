import { describe, expect, test } from "vitest";
import { RandomStream } from "../../../src/base/random.ts";
import { logNormalCdf } from "../../../src/flow/causal/normal.ts";
import { CausalNetwork } from "../../../src/flow/index.ts";
import {
  drawIndices,
  Generator,
  mixtureDecode,
  mixtureEncode,
  noGrad,
  randn,
  scope,
  stack,
  type Tensor,
  tensor,
} from "../../../src/torch/index.ts";
import { initOf, largest } from "../support.ts";
import { drawWord } from "./drawWord.ts";
import { Rosenblatt } from "./rosenblatt.ts";

const noise = (dims: readonly number[], seed: number): Tensor => randn(dims, new Generator(seed), { dtype: "float64" });
const rowsOf = (x: Tensor): Float64Array[] => x.unbind(0).map((row) => row.contiguous().data() as Float64Array);

describe("the Rosenblatt map of all rows at once", () => {
  /** Both ways row by row as they are defined, beside the operators. */
  function compare(rows: number, words: number, channels: number, sigma: number, spread: number): void {
    noGrad(() =>
      scope(() => {
        const means = noise([channels, words], 1);
        const logPi = noise([rows, words], 2).mul(spread).logSoftmax(1);
        // Near means, where the map is well-conditioned; a draw of the mixture nearly always is.
        const chosen = tensor(
          Array.from({ length: rows }, (_, row) => (7 * row) % words),
          [rows],
          { dtype: "int64" },
        );
        const x = means
          .transpose()
          .indexSelect(0, chosen)
          .add(noise([rows, channels], 3).mul(sigma));
        const [y, logDet] = mixtureEncode(x, logPi, { means, sigma });
        const [back, backLogDet] = mixtureDecode(y, logPi, { means, sigma });
        const reference = new Rosenblatt({ means: means.data() as Float64Array, count: words, channels, sigma });
        const [points, latents, weights, returned] = [x, y, logPi, back].map(rowsOf);
        for (let row = 0; row < rows; row++) {
          const expected = new Float64Array(channels);
          const expectedLogDet = reference.encode(points[row], weights[row], expected);
          expected.forEach((value, channel) => {
            expect(Math.abs(latents[row][channel] - value)).toBeLessThanOrEqual(1e-9 * (1 + Math.abs(value)));
          });
          expect(Math.abs(logDet.toNumbers()[row] - expectedLogDet)).toBeLessThanOrEqual(1e-9 * channels);
          const decodedLogDet = reference.decode(latents[row], weights[row], expected);
          expected.forEach((value, channel) => {
            expect(Math.abs(returned[row][channel] - value)).toBeLessThanOrEqual(1e-9);
          });
          expect(Math.abs(backLogDet.toNumbers()[row] - decodedLogDet)).toBeLessThanOrEqual(1e-9 * channels);
        }
        expect(largest(backLogDet.add(logDet))).toBeLessThanOrEqual(1e-8 * channels);
      }),
    );
  }

  test.each([
    [1, 1, 3, 0.5, 1],
    [1, 300, 8, 0.6, 1],
    [9, 7, 4, 0.6, 3],
    [5, 1003, 6, 0.8, 2],
    [6, 200, 5, 0.5, 60],
  ])("%d rows, %d components, %d channels: values and log-determinants are those of one at a time", compare);

  test("no rows give none, and rows do not see each other", () => {
    noGrad(() =>
      scope(() => {
        const mixture = { means: noise([4, 90], 1), sigma: 0.7 };
        const logPi = noise([7, 90], 2).logSoftmax(1);
        const y = noise([7, 4], 3);
        const [whole] = mixtureDecode(y, logPi, mixture);
        for (let row = 0; row < 7; row++) {
          const [alone] = mixtureDecode(y.slice(0, row, row + 1), logPi.slice(0, row, row + 1), mixture);
          expect(alone.equal(whole.slice(0, row, row + 1))).toBe(true);
        }
        expect(mixtureDecode(y.slice(0, 0, 0), logPi.slice(0, 0, 0), mixture)[0].shape).toEqual([0, 4]);
        expect(() => mixtureDecode(y, logPi.slice(0, 0, 2), mixture)).toThrow("expected (N, C), (N, V) and (C, V)");
        expect(() => mixtureDecode(y.to("float32"), logPi, mixture)).toThrow("float64 on the CPU");
        expect(() => mixtureDecode(y, logPi, { ...mixture, sigma: 0 })).toThrow("not positive");
      }),
    );
  });

  test("latents of every size are roots of their tail, between modes too", () => {
    noGrad(() =>
      scope(() => {
        const means = tensor([-4, -1, 0.5, 6], [1, 4], { dtype: "float64" });
        const weights = [0.3, 1e-30, 0.5, 0.2];
        const y = Array.from({ length: 161 }, (_, index) => (index - 80) / 4);
        const logPi = tensor(weights.map(Math.log), [1, 4], { dtype: "float64" });
        const [x] = mixtureDecode(tensor(y, [161, 1], { dtype: "float64" }), logPi.expand(161, -1).contiguous(), {
          means,
          sigma: 0.25,
        });
        x.toNumbers().forEach((point, index) => {
          const side = y[index] <= 0 ? 1 : -1;
          const terms = [-4, -1, 0.5, 6].map(
            (mean, k) => Math.log(weights[k]) + logNormalCdf((side * (point - mean)) / 0.25),
          );
          const most = Math.max(...terms);
          const tail = most + Math.log(terms.reduce((sum, term) => sum + Math.exp(term - most), 0));
          expect(Math.abs(tail - logNormalCdf(-Math.abs(y[index])))).toBeLessThanOrEqual(1e-11 * (1 + y[index] ** 2));
        });
      }),
    );
  });

  test("both tails stay exact where probabilities underflow", () => {
    noGrad(() =>
      scope(() => {
        const numbers = [-2, 3];
        const logPi = [Math.log(0.25), Math.log(0.75)];
        const mixture = { means: tensor(numbers, [1, 2], { dtype: "float64" }), sigma: 0.5 };
        const weights = tensor(logPi, [1, 2], { dtype: "float64" });
        for (const [point, side] of [
          [-25, 1],
          [40, -1],
        ] as const) {
          const [y] = mixtureEncode(tensor([point], [1, 1], { dtype: "float64" }), weights, mixture);
          // Far out one component is all there is: ln F(x) = ln pi + ln Phi.
          const nearest = side > 0 ? 0 : 1;
          const expected = logPi[nearest] + logNormalCdf((side * (point - numbers[nearest])) / 0.5);
          expect(Math.abs(logNormalCdf(side * y.item()) / expected - 1)).toBeLessThanOrEqual(1e-12);
          const [x] = mixtureDecode(y, weights, mixture);
          expect(Math.abs(x.item() - point)).toBeLessThanOrEqual(1e-9);
        }
      }),
    );
  });
});

describe("drawing words of all rows at once", () => {
  test.each([
    [1, 3],
    [1, 64],
    [5, 1000],
    [40, 129],
  ])("%d rows of %d words: the same draws as one weight after the other", (rows, words) => {
    scope(() => {
      const logits = noise([rows, words], 4).mul(2);
      const stream = new RandomStream(5);
      for (const given of [logits, logits.to("float32")]) {
        const numbers = rowsOf(given.to("float64"));
        for (const temperature of [1, 0.3, 2, 0]) {
          const uniforms = numbers.map(() => stream.uniform());
          const expected = numbers.map((row, index) => drawWord(row, temperature, uniforms[index]));
          expect(drawIndices(given, uniforms, temperature)).toEqual(expected);
        }
      }
    });
  });

  test("lays the words out on [0, 1), never takes one of no weight, and of the likeliest the first", () => {
    scope(() => {
      const logits = tensor([-1e4, 0, 2, 1, 2, -1e4], [1, 6], { dtype: "float64" });
      const weights = [0, 2, 1, 2].map((logit) => Math.exp(logit / 0.5));
      const total = weights.reduce((sum, weight) => sum + weight);
      const at = (uniform: number, temperature = 0.5): number => drawIndices(logits, [uniform], temperature)[0];
      expect(at(0.99, 0)).toBe(2);
      expect(at(0)).toBe(1);
      expect(at(weights[0] / total - 1e-9)).toBe(1);
      expect(at(weights[0] / total + 1e-9)).toBe(2);
      expect(at(1 - weights[3] / total + 1e-9)).toBe(4);
      expect(at(1 - 2 ** -53)).toBe(4);
      expect(() => drawIndices(logits, [0.5, 0.5], 1)).toThrow("expected 1 uniform numbers, got 2");
    });
  });

  test.each([
    ["NaN", [0, 1, 0, Number.NaN]],
    ["Infinity", [0, 1, 0, Number.POSITIVE_INFINITY]],
    ["-Infinity", new Array<number>(4).fill(Number.NEGATIVE_INFINITY)],
    ["-Infinity", [0, 1, Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY]],
  ])("refuses logits whose greatest is %s, at every temperature", (most, values) => {
    scope(() => {
      for (const temperature of [0, 1]) {
        for (const dtype of ["float32", "float64"] as const) {
          const logits = tensor(values, [2, 2], { dtype });
          expect(() => drawIndices(logits, [0.5, 0.5], temperature)).toThrow(`the greatest logit is ${most}`);
        }
      }
      // Words that may not be drawn are no fault.
      const banned = tensor([Number.NEGATIVE_INFINITY, 1], [1, 2], { dtype: "float64" });
      expect(drawIndices(banned, [0], 1)).toEqual([1]);
    });
  });
});

describe("one position through the transformer", () => {
  const size = { width: 24, layers: 2, heads: 3, positionEncoding: "learned", dropout: 0 } as const;

  test.each([
    ["float64", 1, 1e-12],
    ["float64", 5, 1e-12],
    ["float32", 37, 2e-5],
  ] as const)(
    "%s, %d rows: the cache gives what a full pass gives, rows that leave and return included",
    (dtype, rows, most) => {
      noGrad(() =>
        scope(() => {
          const network = new CausalNetwork(initOf(1, dtype), { input: 4, positions: 11 }, size);
          const x = noise([rows, 11, 4], 6).to(dtype);
          const reader = network.reader(rows);
          const steps = Array.from({ length: 11 }, (_, t) => reader.next(t > 0 ? x.select(1, t - 1) : undefined));
          expect(largest(stack(steps, 1).sub(network.forward(x)).to("float64"))).toBeLessThanOrEqual(most);
          reader.rewind(3);
          const left = rows > 1 ? [rows - 1, 0] : [0, 0];
          reader.select(left);
          const indices = tensor(left, [2], { dtype: "int64" });
          const chosen = x.indexSelect(0, indices);
          const expected = network.forward(chosen);
          for (let t = 3; t < 8; t++) {
            const hidden = reader.next(chosen.select(1, t - 1));
            expect(largest(hidden.sub(expected.select(1, t)).to("float64"))).toBeLessThanOrEqual(most);
          }
          reader.dispose();
        }),
      );
    },
  );

  test("reads the parameters as they are at each position, and refuses rows that the cache does not have", () => {
    noGrad(() =>
      scope(() => {
        const network = new CausalNetwork(initOf(2), { input: 4, positions: 5 }, size);
        const x = noise([2, 5, 4], 6);
        const reader = network.reader(2);
        reader.next(undefined);
        reader.rewind(0);
        for (const parameter of network.parameters()) parameter.add_(noise(parameter.shape, 7).mul(0.1));
        const steps = Array.from({ length: 5 }, (_, t) => reader.next(t > 0 ? x.select(1, t - 1) : undefined));
        expect(largest(stack(steps, 1).sub(network.forward(x)))).toBeLessThanOrEqual(1e-12);
        reader.rewind(2);
        expect(() => reader.next(x.select(1, 1).slice(0, 0, 1))).toThrow("do not fit");
        reader.dispose();
      }),
    );
  });
});
