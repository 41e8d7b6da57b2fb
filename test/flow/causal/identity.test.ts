import { describe, expect, test } from "vitest";
import {
  CausalFlow,
  type Config,
  type PreparedText,
  presetConfig,
  scoresOf,
  TextFlow,
} from "../../../src/flow/index.ts";
import { tokenizerByName } from "../../../src/text/tokenizer-names.ts";
import { Vocabulary } from "../../../src/text/vocabulary.ts";
import { type DType, noGrad, scope } from "../../../src/torch/index.ts";
import { describeWithSharedData, sharedLines } from "../../support/sharedData.ts";
import { disturb } from "../support.ts";

const sigmas = [0.1, 0.5, 1, 2];

function modelOf(texts: readonly string[], sigma: number, dtype: DType, flow: Partial<Config["flow"]> = {}): TextFlow {
  const preset = presetConfig("tiny-ar");
  const config = { ...preset, data: { ...preset.data, sigma }, flow: { ...preset.flow, ...flow } };
  const tokenizer = tokenizerByName(config.data.tokenizer);
  const vocabulary = Vocabulary.build(texts.map((text) => tokenizer.tokenize(text)));
  const table = Float32Array.from({ length: vocabulary.size * config.data.dimensions }, (_, index) =>
    Math.sin(index * index + 1),
  );
  const model = TextFlow.build({ config, vocabulary, table, dtype });
  disturb(model.flow, 0.3);
  return model;
}

/** Nats of each text: the flow's bound, and the cross-entropy of the language model that reads the same noisy points. */
function bothNats(
  model: TextFlow,
  texts: readonly PreparedText[],
): { readonly bound: number; readonly entropy: number }[] {
  return noGrad(() =>
    scope(() => {
      const { flow } = model;
      if (!(flow instanceof CausalFlow)) throw new Error("expected a causal flow");
      const batch = model.batch(texts);
      const noise = model.drawNoise(
        batch,
        texts.map((_, index) => BigInt(index + 5)),
      );
      const scores = scoresOf(model, batch, model.likelihood(batch, noise));
      const logPi = flow.wordLogProbabilities(model.points(batch, noise), batch.context);
      const chosen = logPi.gather(2, batch.ids.unsqueeze(2)).squeeze(2);
      const entropies = batch.context.masked(chosen.unsqueeze(2).to(model.dtype)).sum([1, 2]).neg().toNumbers();
      return scores.map(({ nelbo }, index) => ({ bound: nelbo, entropy: entropies[index] }));
    }),
  );
}

const made = [
  "the boat waits by the quiet mill",
  "a boat sank",
  "who waits for whom by the river , and why does the mill stand still ?",
  "rain",
];

describe.each(sigmas)("with the codebook as components and the Bayes decoder at sigma %d", (sigma) => {
  test("the bound is the softmax language model's cross-entropy, text by text, to 1e-9 nats", () => {
    const model = modelOf(made, sigma, "float64");
    const texts = made.map((text) => model.prepare(text));
    for (const { bound, entropy } of bothNats(model, texts)) {
      expect(entropy).toBeGreaterThan(1);
      expect(Math.abs(bound - entropy)).toBeLessThanOrEqual(1e-9);
    }
    model.dispose();
  });
});

test("behind couplings the components are no longer the words' points, and the bound is another number", () => {
  const model = modelOf(made, 0.5, "float64", { steps: 1 });
  const batch = model.batch(made.map((text) => model.prepare(text)));
  const noise = model.drawNoise(batch, [1n, 2n, 3n, 4n]);
  const { flow } = model;
  if (!(flow instanceof CausalFlow)) throw new Error("expected a causal flow");
  expect(flow.wordHead).toBeUndefined();
  expect(() => flow.scoreWords(model.points(batch, noise), batch.ids, batch.context)).toThrow(
    "does not mix over the words",
  );
  model.dispose();
});

describeWithSharedData("on real text in float32", () => {
  test.each(sigmas)("at sigma %d the two agree to 1e-3 nats a token", (sigma) => {
    const lines = sharedLines("text/meld_utterances.txt").slice(0, 400);
    const model = modelOf(lines, sigma, "float32");
    const texts = lines.slice(0, 64).map((text) => model.prepare(text));
    bothNats(model, texts).forEach(({ bound, entropy }, index) => {
      expect(Math.abs(bound - entropy) / texts[index].tokensCounted).toBeLessThanOrEqual(1e-3);
    });
    model.dispose();
  });
});
