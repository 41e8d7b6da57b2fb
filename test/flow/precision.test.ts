/** bf16 beside float32: the likelihood of trained models, where latents go and come back, and what is refused. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { builtinCorpus } from "../../src/corpora/index.ts";
import { type Config, presetConfig, TextFlow } from "../../src/flow/index.ts";
import { scoreTexts } from "../../src/generate/index.ts";
import { LanguageModel, languageModelNats } from "../../src/lm/index.ts";
import { Adam } from "../../src/nn/index.ts";
import { Vocabulary } from "../../src/text/vocabulary.ts";
import { grad, scope } from "../../src/torch/index.ts";
import { train } from "../../src/train/index.ts";
import { microConfig, microModel, scratch } from "../train/support.ts";

const sentences = builtinCorpus({ sentences: 400 }).sentences.slice(0, 400);
const held = sentences.slice(0, 64);

/** A small configuration, yet of products that are large enough to be worth rounding for, of 25 steps. */
function configOf(preset: string, flow: Partial<Config["flow"]>, data: Partial<Config["data"]> = {}): Config {
  const base = presetConfig(preset);
  return {
    ...base,
    data: { ...base.data, dimensions: 32, positions: 16, minCount: 1, ...data },
    vectors: { ...base.vectors, iterations: 3 },
    flow: { ...base.flow, ...flow },
    train: {
      ...base.train,
      ...{ maxSteps: 25, batchSize: 32, warmupSteps: 5, ema: 0, learningRate: 1e-3, patience: 0 },
      ...{ validateEvery: 1000, checkpointEvery: 1000, logEvery: 100, validationTexts: 8 },
    },
  };
}

const wide = { hidden: 192, heads: 4 } as const;
const families: [string, Config][] = [
  ["paper-nar", configOf("paper-nar", { steps: 2, levels: 2, heads: 4 }, { dimensions: 128, positions: 32 })],
  ["paper-nar of LSTMs", configOf("paper-nar", { steps: 1, levels: 1, network: "lstm" }, { dimensions: 96 })],
  ["riverrun-nar", configOf("riverrun-nar", { ...wide, steps: 2, levels: 2, layers: 1 })],
  ["riverrun-ar", configOf("riverrun-ar", { ...wide, layers: 2, deepLayers: null })],
  ["riverrun-ar with couplings", configOf("riverrun-ar", { ...wide, steps: 2, layers: 1, deepLayers: 1 })],
  ["riverrun-ar of logistics", configOf("riverrun-ar", { ...wide, layers: 1, deepLayers: 1, head: "logistic" })],
  ["riverrun-tarflow", configOf("riverrun-tarflow", { ...wide, steps: 2, layers: 1, deepLayers: 1 })],
  ["paper-ar", configOf("paper-ar", { steps: 2, heads: 4 }, { dimensions: 192 })],
  [
    "paper-ar of LSTMs without context",
    configOf("paper-ar", { steps: 2, network: "lstm", acContext: "none" }, { dimensions: 192 }),
  ],
  ["bilstm-density", configOf("bilstm-density", { steps: 1 }, { dimensions: 256 })],
];

/** Sum of the bounds of the held-out texts, and the largest relative difference of one, bf16 beside float32. */
function compare(float32: readonly number[], bf16: readonly number[]): { total: number; worst: number } {
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
  const differences = float32.map((value, index) => Math.abs(bf16[index] / value - 1));
  return { total: Math.abs(sum(bf16) / sum(float32) - 1), worst: Math.max(...differences) };
}

describe.each(families)("%s", (_, config) => {
  let model: TextFlow;
  beforeAll(async () => {
    model = (await train({ config, texts: sentences, out: scratch() })).model;
  }, 120_000);
  afterAll(() => model.dispose());

  test("states the same likelihood within 0.5 %, and not the same number", () => {
    const texts = held.map((text) => model.prepare(text));
    const nelbo = (): number[] => scoreTexts(model, texts, { seed: 1 }).map((score) => score.nelbo);
    const single = nelbo();
    const low = model.withNetworks("bf16", nelbo);
    const { total, worst } = compare(single, low);
    expect(total).toBeGreaterThan(0);
    expect(total).toBeLessThan(0.005);
    expect(worst).toBeLessThan(0.02);
    // What was put in force is over.
    expect(nelbo()).toEqual(single);
  });
});

test.each(["transformer", "lstm"] as const)(
  "a language model (%s) states the same likelihood within half a per cent",
  (kind) => {
    const vocabulary = Vocabulary.build(sentences.map((text) => text.split(" ")));
    const ids = sentences.map((text) => [...vocabulary.encode(text.split(" ")).slice(0, 15), Vocabulary.eos]);
    const config = { kind, seed: 1, tokenizer: "t", positions: 16, dimensions: 96, width: 192, layers: 2, heads: 4 };
    const model = new LanguageModel({ ...config, dropout: 0 }, vocabulary);
    const optimiser = new Adam(model.namedParameters());
    for (let step = 0; step < 30; step++) {
      scope(() => {
        const loss = model
          .negLogLikelihood(ids.slice((step * 32) % 384, ((step * 32) % 384) + 32))
          .sum()
          .div(300);
        optimiser.step(grad([loss], model.parameters()), 2e-3);
      });
    }
    const low = new LanguageModel({ ...config, dropout: 0 }, vocabulary, { networks: "bf16" });
    low.loadStateDict(model.stateDict());
    const [single, rounded] = [model, low].map((one) => languageModelNats(one, ids.slice(0, 64), 64));
    const { total, worst } = compare(single, rounded);
    expect(total).toBeGreaterThan(0);
    expect(total).toBeLessThan(0.005);
    expect(worst).toBeLessThan(0.02);
    for (const part of [model, low, optimiser]) part.dispose();
  },
);

test("the word decoder of Language Flow+ says given texts the same within half a per cent", () => {
  const { attentionDecoder } = presetConfig("tiny-plus");
  const base = microConfig();
  const decoder = attentionDecoder && { ...attentionDecoder, width: 256, flowTrain: base.train };
  const model = microModel({ ...base, preset: "tiny-plus", attentionDecoder: decoder });
  const prepared = held.map((text) => model.prepare(text));
  const nats = (): number[] =>
    scope(() => {
      const batch = model.batch(prepared);
      const noise = model.drawNoise(
        batch,
        prepared.map((_, row) => BigInt(row)),
      );
      const found = model.decoderNats(batch, noise).toNumbers();
      batch.context.release();
      return found;
    });
  const { total, worst } = compare(nats(), model.withNetworks("bf16", nats));
  expect(total).toBeGreaterThan(0);
  expect(total).toBeLessThan(0.005);
  expect(worst).toBeLessThan(0.02);
  model.dispose();
});

describe("refusals", () => {
  test("a float64 model, of either kind", () => {
    const single = microModel();
    const { config, vocabulary } = single;
    const double = TextFlow.blank({ config, vocabulary, dtype: "float64" });
    expect(() => {
      double.networkPrecision = "bf16";
    }).toThrow(/bf16: the networks of a float64 model compute in float64; expected a model in float32/);
    expect(double.networkPrecision).toBe("float32");
    const lm = { kind: "lstm", seed: 1, tokenizer: "t", positions: 4, dimensions: 4, width: 4, layers: 1 } as const;
    const place = { dtype: "float64", networks: "bf16" } as const;
    expect(() => new LanguageModel({ ...lm, heads: 1, dropout: 0 }, vocabulary, place)).toThrow(/in float64/);
    for (const model of [single, double]) model.dispose();
  });

  test("withNetworks puts the precision back after a throw", () => {
    const model = microModel();
    expect(() =>
      model.withNetworks("bf16", () => {
        throw new Error(model.networkPrecision);
      }),
    ).toThrow("bf16");
    expect(model.networkPrecision).toBe("float32");
    model.dispose();
  });
});
