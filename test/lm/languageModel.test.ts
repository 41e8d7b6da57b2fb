import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import {
  LanguageModel,
  type LanguageModelConfig,
  languageModelNats,
  loadLanguageModel,
  parseLanguageModelConfig,
  saveLanguageModel,
} from "../../src/lm/index.ts";
import { Adam } from "../../src/nn/index.ts";
import { Vocabulary } from "../../src/text/vocabulary.ts";
import { Generator, grad, noGrad, scope } from "../../src/torch/index.ts";

const folder = mkdtempSync(join(tmpdir(), "riverrun-lm-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const vocabulary = Vocabulary.build([["a", "b", "c", "a"]]);
const [a, b, c] = ["a", "b", "c"].map((word) => vocabulary.id(word));
const { eos, pad, sos } = Vocabulary;

const configOf = (kind: "lstm" | "transformer", over: Partial<LanguageModelConfig> = {}): LanguageModelConfig => ({
  kind,
  seed: 3,
  tokenizer: "riverrun-words",
  positions: 6,
  dimensions: 4,
  width: 4,
  layers: 1,
  heads: 2,
  dropout: 0,
  ...over,
});
const exact = { dtype: "float64" } as const;
const kinds = ["lstm", "transformer"] as const;

/** Rows of a parameter as plain numbers. */
function rowsOf(model: LanguageModel, name: string): number[][] {
  const value = model.namedParameters().get(name);
  if (!value) throw new Error(`no parameter ${name}: ${[...model.namedParameters().keys()].join(", ")}`);
  const flat = value.toNumbers();
  const columns = value.shape[value.shape.length - 1];
  return Array.from({ length: flat.length / columns }, (_, row) => flat.slice(row * columns, (row + 1) * columns));
}

const product = (matrix: readonly number[][], x: readonly number[]): number[] =>
  matrix.map((row) => row.reduce((sum, value, index) => sum + value * x[index], 0));
const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/** The LSTM language model written out by hand, number by number. */
function lstmByHand(model: LanguageModel, ids: readonly number[]): number {
  const embedding = rowsOf(model, "embedding.weight");
  const [start] = rowsOf(model, "history.start");
  const [w, u] = ["inputWeight0", "hiddenWeight0"].map((name) => rowsOf(model, `history.lstm.${name}`));
  const [[bw], [bu]] = ["inputBias0", "hiddenBias0"].map((name) => rowsOf(model, `history.lstm.${name}`));
  const [output, [bias]] = [rowsOf(model, "output.weight"), rowsOf(model, "output.bias")];
  const size = u[0].length;
  let h = new Array<number>(size).fill(0);
  let cell = new Array<number>(size).fill(0);
  let nats = 0;
  ids.forEach((id, t) => {
    const x = t === 0 ? start : embedding[ids[t - 1]];
    const [wx, uh] = [product(w, x), product(u, h)];
    const gate = (part: number, unit: number): number => {
      const index = part * size + unit;
      return wx[index] + uh[index] + bw[index] + bu[index];
    };
    cell = cell.map((old, i) => sigmoid(gate(1, i)) * old + sigmoid(gate(0, i)) * Math.tanh(gate(2, i)));
    h = cell.map((value, i) => sigmoid(gate(3, i)) * Math.tanh(value));
    const scores = product(output, h).map((value, index) => value + bias[index]);
    const allowed = scores.filter((_, index) => index !== pad && index !== sos);
    nats += Math.log(allowed.reduce((sum, value) => sum + Math.exp(value), 0)) - scores[id];
  });
  return nats;
}

test("the LSTM's cross-entropy is the one computed by hand", () => {
  const model = new LanguageModel(configOf("lstm"), vocabulary, exact);
  const texts = [[a, b, eos], [eos], [c, c, Vocabulary.unk, a, eos]];
  const nats = languageModelNats(model, texts);
  texts.forEach((ids, row) => expect(nats[row]).toBeCloseTo(lstmByHand(model, ids), 12));
  model.dispose();
});

describe.each(kinds)("%s", (kind) => {
  test("probabilities of all texts of two tokens sum to 1, and <pad> and <sos> have none", () => {
    const model = new LanguageModel(configOf(kind), vocabulary, exact);
    const words = [...Array(vocabulary.size).keys()].filter((id) => id !== pad && id !== sos);
    const texts = words.flatMap((first) => words.map((second) => [first, second]));
    const total = languageModelNats(model, texts).reduce((sum, nats) => sum + Math.exp(-nats), 0);
    expect(total).toBeCloseTo(1, 12);
    const logs = noGrad(() => scope(() => model.logProbabilities([[a, b]]).toNumbers()));
    for (let t = 0; t < 2; t++) {
      expect(logs[t * vocabulary.size + pad]).toBe(Number.NEGATIVE_INFINITY);
      expect(logs[t * vocabulary.size + sos]).toBe(Number.NEGATIVE_INFINITY);
    }
    model.dispose();
  });

  test("position t reads words before t alone, and a text costs the same in every batch", () => {
    const model = new LanguageModel(configOf(kind), vocabulary, exact);
    const size = vocabulary.size;
    const logs = (ids: number[]): number[] => noGrad(() => scope(() => model.logProbabilities([ids]).toNumbers()));
    const [one, other] = [logs([a, b, c, eos]), logs([a, b, a, eos])];
    for (let index = 0; index < 3 * size; index++) {
      if (Number.isFinite(one[index])) expect(other[index]).toBeCloseTo(one[index], 13);
    }
    const later = one.slice(3 * size).map((value, index) => Math.abs(value - other[3 * size + index]));
    expect(Math.max(...later.filter(Number.isFinite))).toBeGreaterThan(1e-4);
    const alone = languageModelNats(model, [[b, eos]]);
    const beside = languageModelNats(
      model,
      [
        [a, b, c, a, c, eos],
        [b, eos],
      ],
      2,
    );
    expect(beside[1]).toBeCloseTo(alone[0], 12);
    model.dispose();
  });

  test("learns a rule, with dropout that does not reach the scores, and comes back from its folder", () => {
    const config = configOf(kind, { width: 8, layers: 2, dropout: 0.1 });
    const model = new LanguageModel(config, vocabulary);
    const texts = [
      [a, b, c, eos],
      [b, c, a, eos],
      [c, a, b, eos],
    ];
    const before = languageModelNats(model, texts).reduce((sum, value) => sum + value, 0);
    const optimiser = new Adam(model.namedParameters());
    const parameters = model.parameters();
    for (let step = 0; step < 120; step++) {
      const streams = texts.map((_, row) => new Generator(100 * step + row));
      scope(() => {
        const loss = model.negLogLikelihood(texts, streams).sum().div(12);
        optimiser.step(grad([loss], parameters), 0.02);
      });
      for (const stream of streams) stream.dispose();
    }
    const after = languageModelNats(model, texts);
    expect(after).toEqual(languageModelNats(model, texts));
    // The first token is one of three; all others follow from it.
    const sum = after.reduce((total, value) => total + value, 0);
    expect(sum).toBeLessThan(3 * Math.log(3) + 1);
    expect(sum).toBeLessThan(before / 3);
    const path = join(folder, kind);
    saveLanguageModel(model, path);
    const back = loadLanguageModel(path);
    expect(languageModelNats(back, texts)).toEqual(after);
    expect(back.config).toEqual(config);
    model.dispose();
    back.dispose();
  });
});

test("what cannot be scored is refused", () => {
  const model = new LanguageModel(configOf("lstm"), vocabulary);
  expect(() => model.negLogLikelihood([])).toThrow(/at least one/);
  expect(() => model.negLogLikelihood([[]])).toThrow(/0 tokens/);
  expect(() => model.negLogLikelihood([[a, a, a, a, a, a, eos]])).toThrow(/from 1 to 6/);
  expect(() => model.negLogLikelihood([[sos, a]])).toThrow(/<sos>/);
  expect(() => parseLanguageModelConfig({ ...configOf("transformer"), heads: 3 }, "x.json")).toThrow(/x\.json: heads/);
  expect(() => parseLanguageModelConfig({ ...configOf("lstm"), extra: 1 }, "x.json")).toThrow(/extra/);
  expect(() => loadLanguageModel(join(folder, "nowhere"))).toThrow(/does not exist/);
  saveLanguageModel(model, join(folder, "damaged"));
  writeFileSync(join(folder, "damaged", "config.json"), "{");
  expect(() => loadLanguageModel(join(folder, "damaged"))).toThrow(/expected JSON/);
  writeFileSync(join(folder, "damaged", "config.json"), JSON.stringify(configOf("lstm", { width: 6 })));
  expect(() => loadLanguageModel(join(folder, "damaged"))).toThrow(/do not fit/);
  rmSync(join(folder, "damaged", "config.json"));
  mkdirSync(join(folder, "damaged", "config.json"));
  expect(() => loadLanguageModel(join(folder, "damaged"))).toThrow(/^\S*damaged\/config\.json is not a file/);
  model.dispose();
});
