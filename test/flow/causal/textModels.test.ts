import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { hashSeed } from "../../../src/base/random.ts";
import { builtinCorpus } from "../../../src/corpora/index.ts";
import {
  type Config,
  loadModel,
  parseConfig,
  presetConfig,
  presetNames,
  saveModel,
  TextFlow,
} from "../../../src/flow/index.ts";
import {
  interpolateTexts,
  perturbTexts,
  reconstructTexts,
  sampleTexts,
  scoreTexts,
  totalsOf,
} from "../../../src/generate/index.ts";
import { AdamW } from "../../../src/nn/index.ts";
import { tokenizerByName } from "../../../src/text/tokenizer-names.ts";
import { Vocabulary } from "../../../src/text/vocabulary.ts";
import { grad, noGrad, scope, setThreads } from "../../../src/torch/index.ts";
import { stepGradients } from "../../../src/train/gradients.ts";

setThreads(1);
const sentences = builtinCorpus({ sentences: 120 }).sentences.slice(0, 100);

function modelOf(preset: string, flow: Partial<Config["flow"]> = {}): TextFlow {
  const base = presetConfig(preset);
  const config = { ...base, flow: { ...base.flow, ...flow } };
  parseConfig(config, preset);
  const tokenizer = tokenizerByName(config.data.tokenizer);
  const vocabulary = Vocabulary.build(sentences.map((text) => tokenizer.tokenize(text)));
  const table = Float32Array.from({ length: vocabulary.size * config.data.dimensions }, (_, index) =>
    Math.sin(index * index + 1),
  );
  return TextFlow.build({ config, vocabulary, table, positionCounts: [9, 10, 12] });
}

const models: [string, string, Partial<Config["flow"]>][] = [
  ["codebook", "tiny-ar", {}],
  ["codebook behind couplings", "tiny-ar", { steps: 2 }],
  ["logistics", "tiny-ar", { head: "logistic", channelOrder: "autoregressive", steps: 1, components: 2 }],
  ["tarflow", "tiny-tarflow", {}],
  ["tarflow, codebook", "tiny-tarflow", { head: "codebook" }],
];

describe.each(models)("%s", (_, preset, flow) => {
  test("scores, reconstructs, interpolates and rewrites through the bijection; a score knows no batch", () => {
    const model = modelOf(preset, flow);
    const texts = sentences.slice(0, 6).map((text) => model.prepare(text));
    expect(texts.every(({ positions, tokensCounted }) => positions === tokensCounted)).toBe(true);
    const scores = scoreTexts(model, texts, { seed: 3 });
    const [alone] = scoreTexts(model, texts.slice(2, 3), { seed: 3 });
    expect(Math.abs(alone.nelbo - scores[2].nelbo)).toBeLessThanOrEqual(1e-3);
    const totals = totalsOf(reconstructTexts(model, texts));
    expect(totals.maxAbsError).toBeLessThanOrEqual(1e-4);
    const [first] = interpolateTexts(model, texts[0], texts[1], { ratios: [1] });
    const [same] = perturbTexts(model, texts.slice(0, 1), { noiseVariance: 0, variants: 1, seed: 1 });
    expect(same.tokens).toEqual(first.tokens);
    model.dispose();
  });

  test("its training objective is the density of the bound", () => {
    const model = modelOf(preset, flow);
    const texts = sentences.slice(0, 4).map((text) => model.prepare(text));
    const indices = [0, 1, 2, 3];
    const step = { step: 1, indices, texts };
    scope(() => {
      const plain = stepGradients(model, step, false);
      const detailed = stepGradients(model, step, true);
      expect(Math.abs(plain.loss - detailed.loss)).toBeLessThanOrEqual(1e-6);
      const batch = model.batch(texts);
      const noise = model.drawNoise(
        batch,
        indices.map((index) => hashSeed(model.config.seed, "noise", 1, index)),
      );
      const density = noGrad(() => model.likelihood(batch, noise))
        .negLogDensity.sum()
        .item();
      const positions = texts.reduce((sum, text) => sum + text.positions, 0);
      expect(
        Math.abs(plain.loss - density / (positions * model.config.data.dimensions * Math.LN2)),
      ).toBeLessThanOrEqual(1e-6);
      for (const gradient of [...plain.gradients, ...detailed.gradients]) gradient.dispose();
    });
    model.dispose();
  });
});

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

test.each(["tiny-ar", "tiny-tarflow"])("%s comes back from its folder", (preset) => {
  const folder = mkdtempSync(join(tmpdir(), "riverrun-causal-"));
  folders.push(folder);
  const model = modelOf(preset);
  saveModel(model, join(folder, "model"));
  const loaded = loadModel(join(folder, "model"));
  const scores = [model, loaded].map((one) => scoreTexts(one, [one.prepare(sentences[0])], { seed: 1 })[0].nelbo);
  expect(scores[1]).toBe(scores[0]);
  model.dispose();
  loaded.dispose();
});

test("a configuration of a flow that is far larger than its file is refused before anything is allocated", () => {
  const folder = mkdtempSync(join(tmpdir(), "riverrun-causal-"));
  folders.push(folder);
  const model = modelOf("tiny-ar");
  saveModel(model, folder);
  model.dispose();
  const path = join(folder, "config.json");
  const config = JSON.parse(readFileSync(path, "utf8")) as Config;
  const flow = { ...config.flow, hidden: 16_384, deepLayers: 128 };
  writeFileSync(path, JSON.stringify({ ...config, flow }));
  expect(() => loadModel(folder)).toThrow("they do not belong together");
});

test("words are drawn at a temperature: each sample is its seed's alone, 0 takes the likeliest word", () => {
  const model = modelOf("tiny-ar");
  const samples = sampleTexts(model, { count: 5, seed: 10 });
  expect(new Set(samples.map(({ text }) => text)).size).toBeGreaterThan(3);
  expect(sampleTexts(model, { count: 1, seed: 12 })[0]).toEqual(samples[2]);
  expect(sampleTexts(model, { count: 5, seed: 10, batchSize: 2 })).toEqual(samples);
  expect(samples.every(({ tokens }) => !tokens.includes("<pad>") && !tokens.includes("<sos>"))).toBe(true);
  model.dispose();
});

test("drawn words follow the model: a text is drawn as often as its probability says", () => {
  // Two words and no more than two positions, so that every text can be counted.
  const preset = presetConfig("tiny-ar");
  const config = { ...preset, data: { ...preset.data, positions: 2, dimensions: 4, sigma: 0.1 } };
  const vocabulary = Vocabulary.build([["a", "b"]]);
  const table = Float32Array.from({ length: vocabulary.size * 4 }, (_, index) => Math.cos(3 * index * index));
  const model = TextFlow.build({ config, vocabulary, table });
  const count = 3000;
  const drawn = sampleTexts(model, { count, seed: 1, batchSize: 1000 }).map(({ tokens }) => tokens.join(" "));
  for (const text of ["a", "b"]) {
    // exp(-NELBO) is exact on average over the noise of the first word.
    const prepared = model.prepare(text);
    let probability = 0;
    for (let seed = 0; seed < 40; seed++)
      probability += Math.exp(-scoreTexts(model, [prepared], { seed })[0].nelbo) / 40;
    const share = drawn.filter((other) => other === text).length / count;
    expect(Math.abs(share - probability)).toBeLessThan(4 * Math.sqrt((probability * (1 - probability)) / count) + 1e-3);
  }
  model.dispose();
});

test("words are drawn from the likely ones: of all of them nothing changes, of next to none the likeliest", () => {
  const model = modelOf("tiny-ar");
  const given = { count: 40, seed: 10 };
  const samples = sampleTexts(model, given);
  expect(sampleTexts(model, { ...given, topK: 0, topP: 1, minP: 0 })).toEqual(samples);
  expect(sampleTexts(model, { ...given, topK: 1e6 })).toEqual(samples);
  const greedy = sampleTexts(model, { ...given, temperature: 0 });
  for (const rule of [{ topK: 1 }, { topP: 1e-12 }, { minP: 1 }]) {
    expect(sampleTexts(model, { ...given, ...rule })).toEqual(greedy);
  }
  const variety = (texts: typeof samples): number => new Set(texts.flatMap(({ tokens }) => tokens)).size;
  for (const rule of [{ topK: 3 }, { topP: 0.3 }, { minP: 0.5 }]) {
    const some = sampleTexts(model, { ...given, ...rule });
    expect(variety(some)).toBeLessThan(variety(samples));
    expect(variety(some)).toBeGreaterThan(variety(greedy));
  }
  for (const topP of [0, -1, 1.5, Number.NaN]) {
    expect(() => sampleTexts(model, { ...given, topP })).toThrow(/top-p: expected a number above 0, at most 1/);
  }
  expect(() => sampleTexts(model, { ...given, topK: 1.5 })).toThrow(/top-k: expected a whole number .*, got 1.5/);
  expect(() => sampleTexts(model, { ...given, minP: -1 })).toThrow(/min-p: expected a number from 0 to 1, got -1/);
  expect(() => sampleTexts(model, { ...given, topP: 0.9, beam: 2 })).toThrow(/a search draws no words/);
  model.dispose();
});

test("a model whose numbers are not finite says no words, but which it is and what to do", () => {
  const model = modelOf("tiny-ar");
  noGrad(() => {
    for (const parameter of model.parameters()) parameter.mul_(1e30);
  });
  const samples = (choices: object) => () => sampleTexts(model, { count: 2, seed: 1, ...choices });
  for (const choices of [{}, { temperature: 0 }, { topK: 2, topP: 0.9, minP: 0.1 }, { unknown: false }]) {
    expect(samples(choices)).toThrow(/^the tiny-ar model: logits of words are not finite: .*take an earlier model/);
  }
  expect(samples({ beam: 2 })).toThrow(/^the tiny-ar model: log-probabilities of the words of text 1 .*not finite/);
  model.folder = "runs/lines";
  expect(samples({})).toThrow(/^runs\/lines: /);
  model.dispose();
});

test("with unknown false the words are drawn from the distribution given that they are not <unk>", () => {
  const model = modelOf("tiny-ar");
  const count = 2000;
  const starts = (unknown: boolean | undefined): Map<string, number> => {
    const shares = new Map<string, number>();
    for (const { tokens } of sampleTexts(model, { count, seed: 1, batchSize: 1000, unknown })) {
      const [first = "<eos>"] = tokens;
      shares.set(first, (shares.get(first) ?? 0) + 1 / count);
      if (unknown === false) expect(tokens).not.toContain("<unk>");
    }
    return shares;
  };
  const [all, known] = [starts(undefined), starts(false)];
  const lost = all.get("<unk>") ?? 0;
  expect(lost).toBeGreaterThan(0);
  for (const [word, share] of all) {
    if (word === "<unk>") continue;
    const expected = share / (1 - lost);
    // Both shares are counted.
    expect(Math.abs((known.get(word) ?? 0) - expected)).toBeLessThan(5 * Math.sqrt((2 * expected) / count));
  }
  model.dispose();
});

test("a source of known entropy: the mixture comes near it from above, at every noise level the same", () => {
  // Words are independent of each other: H = 1.75 bits a token, and -ln(1/3) / 3 for the end, which comes after 3.
  const words = [..."aaaabbcd"];
  const preset = presetConfig("tiny-ar");
  const entropy = 1.75 * Math.LN2;
  for (const sigma of [0.2, 1]) {
    const config = { ...preset, data: { ...preset.data, positions: 4, dimensions: 4, sigma } };
    const vocabulary = Vocabulary.build([words]);
    const table = Float32Array.from({ length: vocabulary.size * 4 }, (_, index) => Math.cos(3 * index * index));
    const model = TextFlow.build({ config, vocabulary, table });
    const optimiser = new AdamW(model.namedParameters());
    const texts = (step: number): string[] =>
      Array.from({ length: 64 }, (_, row) =>
        Array.from({ length: 3 }, (_unused, place) => words[Number(hashSeed(step, row, place) % 8n)]).join(" "),
      );
    for (let step = 1; step <= 120; step++) {
      scope(() => {
        const batch = model.batch(texts(step).map((text) => model.prepare(text)));
        const noise = model.drawNoise(
          batch,
          batch.texts.map((_, row) => hashSeed("noise", step, row)),
        );
        const loss = model.flow.logDensity(model.points(batch, noise), batch.context).sum().div(-256);
        optimiser.step(grad([loss], model.parameters()), step < 90 ? 0.01 : 0.002);
      });
    }
    const held = texts(1000).concat(texts(1001), texts(1002), texts(1003), texts(1004), texts(1005));
    const scores = scoreTexts(
      model,
      held.map((text) => model.prepare(text)),
      { seed: 1 },
    );
    const perWord = scores.reduce((sum, { nelbo }) => sum + nelbo, 0) / (3 * scores.length);
    // The standard error of the mean surprise of 1,152 words is about 0.02 nats.
    expect(perWord).toBeGreaterThan(entropy - 0.08);
    expect(perWord).toBeLessThan(entropy + 0.08);
    model.dispose();
  }
});

test("every preset is a valid configuration, and what does not go together is refused by key", () => {
  for (const name of presetNames) expect(parseConfig(presetConfig(name), name)).toEqual(presetConfig(name));
  const ar = presetConfig("tiny-ar");
  const refused: [Partial<Config["flow"]>, string][] = [
    [{ head: "none" }, "flow.head"],
    [{ levels: 2 }, "flow.couplings: causal"],
    [{ network: "lstm" }, "flow.couplings: causal"],
    [{ heads: 5 }, "flow.heads: 5"],
    [{ couplings: "alternating", head: "codebook" }, "flow.head"],
    [{ couplings: "tarflow", steps: 2, head: "logistic" }, "flow.head"],
    [{ couplings: "tarflow", steps: 0 }, "flow.steps"],
  ];
  for (const [flow, key] of refused) {
    expect(() => parseConfig({ ...ar, flow: { ...ar.flow, ...flow } }, "here")).toThrow(key);
  }
});
