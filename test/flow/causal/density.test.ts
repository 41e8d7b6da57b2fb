import { describe, expect, test } from "vitest";
import { rowsAtOnce } from "../../../src/flow/causal/codebookDensity.ts";
import {
  CodebookHead,
  type CodebookMixture,
  codebookLogDensity,
  LogisticHead,
  logisticMixtureLogDensity,
} from "../../../src/flow/index.ts";
import { Generator, grad, linspace, noGrad, randint, randn, scope, type Tensor } from "../../../src/torch/index.ts";
import { checkGradient } from "../../support/gradients.ts";
import { initOf, largest } from "../support.ts";
import { wordPoints } from "./support.ts";

const draw = (dims: readonly number[], seed: number): Tensor => randn(dims, new Generator(seed), { dtype: "float64" });

const width = 5;

function mixtureOf(words: number, dimensions: number, sigma: number): CodebookMixture {
  const { values: codebook } = wordPoints(words, dimensions, sigma);
  return { codebook, sigma, weight: draw([words, width], 1), bias: draw([words], 2) };
}

/** ln sum_w pi_w N(x; e_w, sigma^2 I) word by word, by the graph alone. */
function plainLogDensity(x: Tensor, hidden: Tensor, { codebook, sigma, weight, bias }: CodebookMixture): Tensor {
  const logPi = hidden.matmul(weight.transpose()).add(bias).logSoftmax(1);
  const squares = x
    .unsqueeze(1)
    .sub(codebook.unsqueeze(0))
    .square()
    .sum(2)
    .div(2 * sigma * sigma);
  const constant = codebook.size(1) * Math.log(sigma * Math.sqrt(2 * Math.PI));
  return logPi.sub(squares).sub(constant).logSumExp(1);
}

/** Points near words drawn at random. */
function pointsOf({ codebook, sigma }: CodebookMixture, count: number): { x: Tensor; words: Tensor } {
  const words = randint(0, codebook.size(0), [count], new Generator(4));
  return { words, x: codebook.indexSelect(0, words).add(draw([count, codebook.size(1)], 5).mul(sigma)) };
}

describe.each([0.1, 0.5, 2])("the codebook's density at sigma %d", (sigma) => {
  test("is the plain sum over words, with its gradient in points, states and parameters", () => {
    scope(() => {
      const mixture = mixtureOf(9, 3, sigma);
      const { x, words } = pointsOf(mixture, 6);
      const hidden = draw([6, width], 6);
      const { logDensity, logJoint } = codebookLogDensity(x, hidden, mixture, words);
      expect(largest(logDensity.sub(plainLogDensity(x, hidden, mixture)))).toBeLessThanOrEqual(1e-11);
      const own = mixture.codebook.indexSelect(0, words);
      const logPi = hidden.matmul(mixture.weight.transpose()).add(mixture.bias).logSoftmax(1);
      const squares = x
        .sub(own)
        .square()
        .sum(1)
        .div(2 * sigma * sigma);
      const joint = logPi
        .gather(1, words.unsqueeze(1))
        .squeeze(1)
        .sub(squares)
        .sub(3 * Math.log(sigma * Math.sqrt(2 * Math.PI)));
      expect(logJoint && largest(logJoint.sub(joint))).toBeLessThanOrEqual(1e-11);
      const inputs = [x, hidden, mixture.weight, mixture.bias];
      for (const input of inputs) input.setRequiresGrad();
      // Another weight for every position, so that no gradient is right by symmetry.
      const upstream = draw([6], 7);
      const found = grad([codebookLogDensity(x, hidden, mixture).logDensity.mul(upstream).sum()], inputs);
      const expected = grad([plainLogDensity(x, hidden, mixture).mul(upstream).sum()], inputs);
      found.forEach((gradient, index) => {
        const scale = 1 + largest(expected[index]);
        expect(largest(gradient.sub(expected[index])) / scale).toBeLessThanOrEqual(1e-11);
      });
    });
  });

  test("goes with the Rosenblatt map: log-determinant and normal density of the latents are the same number", () => {
    noGrad(() =>
      scope(() => {
        const { values } = wordPoints(12, 6, sigma);
        const head = new CodebookHead(initOf(1), { values, sigma }, width);
        const hidden = draw([40, width], 6).mul(3);
        const latents = draw([40, 6], 8);
        const { x, logDet } = head.inverter()(latents, hidden);
        const { y, logDet: forward } = head.encode(x, hidden);
        const normal = y
          .square()
          .sum(1)
          .mul(-0.5)
          .sub(3 * Math.log(2 * Math.PI));
        expect(largest(head.logDensity(x, hidden).sub(normal.add(forward)))).toBeLessThanOrEqual(1e-8);
        expect(largest(forward.add(logDet))).toBeLessThanOrEqual(1e-9);
        const again = head.inverter()(y, hidden);
        expect(largest(again.x.sub(x))).toBeLessThanOrEqual(1e-9);
      }),
    );
  });
});

test("parts of bounded memory give what one part gives", () => {
  noGrad(() =>
    scope(() => {
      const words = 60_000;
      const mixture = mixtureOf(words, 2, 0.3);
      const rows = 2 * rowsAtOnce(words) + 3;
      const { x } = pointsOf(mixture, rows);
      const hidden = draw([rows, width], 6);
      const whole = codebookLogDensity(x, hidden, mixture).logDensity;
      for (const row of [0, rowsAtOnce(words), rows - 1]) {
        const alone = codebookLogDensity(x.slice(0, row, row + 1), hidden.slice(0, row, row + 1), mixture).logDensity;
        expect(Math.abs(alone.item() - whole.slice(0, row, row + 1).item())).toBeLessThanOrEqual(1e-11);
      }
    }),
  );
});

test("the logistic mixture's density integrates to 1 and has the right gradient; the head's too", () => {
  scope(() => {
    const parameters = {
      logPi: draw([1, 3], 1).logSoftmax(-1),
      mean: draw([1, 3], 2),
      logScale: draw([1, 3], 3).mul(0.3),
    };
    const grid = linspace(-60, 60, 60_001, { dtype: "float64" });
    const mass = logisticMixtureLogDensity(grid, parameters).exp().sum().item() * 0.002;
    expect(Math.abs(mass - 1)).toBeLessThanOrEqual(1e-9);
    for (const order of ["independent", "autoregressive"] as const) {
      const head = new LogisticHead(initOf(2), { channels: 3, width, components: 2, order, bound: 2 });
      const inputs = [draw([4, 3], 8), draw([4, width], 9)];
      checkGradient((x, hidden) => head.logDensity(x, hidden), inputs, 1e-7);
    }
  });
});

test("in the autoregressive order a channel reads the channels before it and no others, bit for bit", () => {
  noGrad(() =>
    scope(() => {
      const head = new LogisticHead(initOf(2), {
        channels: 5,
        width,
        components: 2,
        order: "autoregressive",
        bound: 2,
      });
      const hidden = draw([3, width], 9);
      const x = draw([3, 5], 8);
      const { y } = head.encode(x, hidden);
      for (let channel = 0; channel < 5; channel++) {
        const moved = x.clone();
        moved.slice(1, channel, channel + 1).add_(0.5);
        const after = head.encode(moved, hidden).y;
        expect(after.slice(1, 0, channel).equal(y.slice(1, 0, channel))).toBe(true);
        if (channel < 4)
          expect(largest(after.slice(1, channel + 1).sub(y.slice(1, channel + 1)))).toBeGreaterThan(1e-6);
      }
    }),
  );
});

test("a mixture over words has no mass on words that never stand in a text", () => {
  noGrad(() =>
    scope(() => {
      const { values } = wordPoints(6, 3, 1);
      const head = new CodebookHead(initOf(1), { values, sigma: 1, impossible: [0, 3] }, width);
      const probabilities = head.logProbabilities(draw([4, width], 9)).exp();
      expect(largest(probabilities.sum(1).sub(1))).toBeLessThanOrEqual(1e-12);
      expect(largest(probabilities.slice(1, 0, 1))).toBe(0);
      expect(largest(probabilities.slice(1, 3, 4))).toBe(0);
    }),
  );
});
