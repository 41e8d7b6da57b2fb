import { describe, expect, it } from "vitest";
import type { TextFlow } from "../../src/flow/index.ts";
import { memory, noGrad, type Tensor } from "../../src/torch/index.ts";
import type { StepBatch } from "../../src/train/gradients.ts";
import { stepGradients } from "../../src/train/gradients.ts";
import { NonFiniteError } from "../../src/train/index.ts";
import { explainNonFinite } from "../../src/train/nanGuard.ts";
import { microConfig, microModel, texts } from "./support.ts";

function stepOf(model: TextFlow, indices: readonly number[], step = 5): StepBatch {
  return { step, indices, texts: indices.map((index) => model.prepare(texts[index])) };
}

function modelWith(accumulate: number, dropout: number): TextFlow {
  const model = microModel(microConfig({ accumulate }, { dropout }));
  const { batch, noise } = ((): { batch: ReturnType<TextFlow["batch"]>; noise: Tensor } => {
    const first = model.batch(texts.slice(0, 16).map((text) => model.prepare(text)));
    return {
      batch: first,
      noise: model.drawNoise(
        first,
        Array.from({ length: 16 }, (_, row) => BigInt(row)),
      ),
    };
  })();
  model.initialise(batch, noise);
  // Away from the start, where half of the gradients are zero.
  noGrad(() => {
    for (const parameter of model.parameters()) parameter.add_(0.02);
  });
  return model;
}

const flat = (gradients: readonly Tensor[]): number[] => gradients.flatMap((gradient) => gradient.toNumbers());
const indices = [3, 1, 4, 15, 9, 2, 6, 5];

describe("stepGradients", () => {
  it("gives one batch's gradient however many parts it is computed in", () => {
    for (const dropout of [0, 0.3]) {
      const one = modelWith(1, dropout);
      const four = modelWith(4, dropout);
      const whole = stepGradients(one, stepOf(one, indices), false);
      const parts = stepGradients(four, stepOf(four, indices), false);
      expect(parts.loss).toBeCloseTo(whole.loss, 6);
      const expected = flat(whole.gradients);
      const scale = Math.max(...expected.map(Math.abs));
      flat(parts.gradients).forEach((value, index) => {
        expect(Math.abs(value - expected[index])).toBeLessThan(2e-5 * scale);
      });
    }
  });

  it("is bits per dimension, and its gradient is the slope", () => {
    const model = modelWith(1, 0);
    const step = stepOf(model, indices);
    const { loss, gradients } = stepGradients(model, step, false);
    const square = flat(gradients).reduce((sum, value) => sum + value * value, 0);
    const rate = 1e-3 / Math.sqrt(square);
    noGrad(() => {
      model.parameters().forEach((parameter, index) => parameter.add_(gradients[index], -rate));
    });
    const moved = stepGradients(model, step, false).loss;
    expect((loss - moved) / (rate * square)).toBeCloseTo(1, 1);
  });

  it("is the same, to the last bit, on a logged step, whose figures agree with it", () => {
    const model = modelWith(2, 0.2);
    const plain = stepGradients(model, stepOf(model, indices), false);
    const logged = stepGradients(model, stepOf(model, indices), true);
    expect(logged.loss).toBe(plain.loss);
    expect(flat(logged.gradients)).toEqual(flat(plain.gradients));
    expect(plain.figures).toBeUndefined();
    expect(Object.keys(logged.figures?.latents ?? {})).toEqual(["latent 1", "latent 2"]);
    expect(Number.isFinite(logged.figures?.nelboPerToken)).toBe(true);
  });

  it("draws other noise at other steps", () => {
    const model = modelWith(1, 0);
    expect(stepGradients(model, stepOf(model, indices, 6), false).loss).not.toBe(
      stepGradients(model, stepOf(model, indices, 5), false).loss,
    );
  });

  it("frees what it makes", () => {
    const model = modelWith(2, 0.2);
    const run = (): void => {
      const { gradients } = stepGradients(model, stepOf(model, indices), true);
      for (const gradient of gradients) gradient.dispose();
    };
    run();
    const before = memory().liveTensors;
    for (let repeat = 0; repeat < 5; repeat++) run();
    // Masks live as long as their batch's context, which the garbage collector ends.
    expect(memory().liveTensors - before).toBeLessThan(5 * 80);
  });
});

describe("explainNonFinite", () => {
  it("names the first layer that gives a number that is not finite, the step, the texts and one of them", () => {
    const model = modelWith(2, 0.1);
    const name = [...model.namedParameters().keys()].find((key) => key.includes("2."));
    if (name === undefined) throw new Error("the flow has no third part");
    noGrad(() => model.namedParameters().get(name)?.fill_(Number.NaN));
    const step = stepOf(model, indices);
    const { loss, gradients } = stepGradients(model, step, false);
    expect(Number.isFinite(loss)).toBe(false);
    const error = explainNonFinite(model, step, gradients);
    expect(error).toBeInstanceOf(NonFiniteError);
    expect(error.where).toMatch(/level \d/);
    expect(error.where).toContain(name);
    expect(error.message).toContain("step 5");
    expect(error.message).toContain(texts[error.examples[0]].slice(0, 20));
    expect(error.message).toContain("--resume");
  });

  it("names the gradient where every output is finite", () => {
    const model = modelWith(1, 0);
    const step = stepOf(model, indices);
    const { gradients } = stepGradients(model, step, false);
    noGrad(() => gradients[3].fill_(Number.POSITIVE_INFINITY));
    const error = explainNonFinite(model, step, gradients);
    expect(error.where).toContain([...model.namedParameters().keys()][3]);
    expect(error.examples).toEqual(indices);
  });
});
