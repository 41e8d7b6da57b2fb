import { describe, expect, test } from "vitest";
import { type Config, type FlowConfig, parseConfig, presetConfig, TextFlow } from "../../src/flow/index.ts";
import {
  type BeamResult,
  beamDecode,
  decodeLatents,
  encodeTexts,
  interpolateTexts,
  perturbTexts,
  reconstructTexts,
  sampleTexts,
  scoreTexts,
} from "../../src/generate/index.ts";
import { drawLatents, stackLatents } from "../../src/generate/latents.ts";
import { Vocabulary } from "../../src/text/vocabulary.ts";
import { cat, Generator, noGrad, randn, scope, type Tensor, tensor } from "../../src/torch/index.ts";
import { contextOf, disturb } from "../flow/support.ts";

const words = "the cat sat on a mat while dogs ran".split(" ");

function configOf(positions: number, flow: Partial<FlowConfig> = {}): Config {
  const config = presetConfig("paper-ar");
  return parseConfig(
    {
      ...config,
      data: { ...config.data, tokenizer: "riverrun-words", minCount: 1, dimensions: 6, positions },
      flow: { ...config.flow, steps: 2, layers: 1, heads: 2, hidden: 8, ...flow },
    },
    "test",
  );
}

function modelOf(positions: number, flow: Partial<FlowConfig> = {}, text = words): TextFlow {
  const config = configOf(positions, flow);
  const vocabulary = Vocabulary.build([text]);
  const table = scope(() => randn([vocabulary.size * config.data.dimensions], new Generator(4)).data()) as Float32Array;
  const model = TextFlow.build({ config, vocabulary, table, dtype: "float64" });
  disturb(model.flow, 0.1);
  return model;
}

function latentsOf(model: TextFlow, count: number, std = 1, seed = 6): Tensor {
  const { positions, dimensions } = model.config.data;
  return randn([count, positions, dimensions], new Generator(seed), { dtype: "float64" }).mul(std);
}

/** The vectors of some ids, (1, n, D). */
function vectorsOf(model: TextFlow, ids: readonly number[]): Tensor {
  return model.embedder.lookUp(tensor(ids, [1, ids.length], { dtype: "int64" }));
}

/** log p of every word at the position after `ids`, by full passes over the words so far instead of caches. */
function fullLogProbabilities(model: TextFlow, ids: readonly number[], z: Tensor): number[] {
  return noGrad(() =>
    scope(() => {
      const t = ids.length;
      const prefix = model.flow.encode(vectorsOf(model, ids), contextOf([t], t)).y;
      const latents = cat([prefix, z.slice(1, t, t + 1)], 1);
      const x = model.flow.decode(latents, contextOf([t + 1], t + 1)).x.slice(1, t);
      return model.embedder.cosines(x).mul(model.config.generate.kappa).logSoftmax(-1).toNumbers();
    }),
  );
}

const { sos, eos, pad, unk } = Vocabulary;

/** The best of all texts by mean log-probability, found by trying every one. */
function bestOfAll(model: TextFlow, z: Tensor): BeamResult {
  const positions = model.config.data.positions;
  const allowed = model.vocabulary.tokens.map((_, id) => id).filter((id) => ![sos, pad, unk].includes(id));
  let best: BeamResult = { ids: [], score: Number.NEGATIVE_INFINITY };
  const search = (ids: readonly number[], sum: number): void => {
    const ended = ids.length === positions || (ids.at(-1) === eos && ids.at(-2) === eos);
    if (ended) {
      const score = sum / (ids.length - 1);
      if (score > best.score) best = { ids, score };
      return;
    }
    const values = fullLogProbabilities(model, ids, z);
    for (const id of allowed) search([...ids, id], sum + values[id]);
  };
  search([sos], 0);
  return best;
}

const networks = { "Att-AR": { network: "attention" }, "RNN-AR": { network: "lstm" } } as const;

describe.each(Object.entries(networks))("%s", (_, flow) => {
  test("a beam that prunes nothing finds the best of all texts", () => {
    scope(() => {
      const model = modelOf(4, flow, words.slice(0, 4));
      const z = latentsOf(model, 3);
      const found = beamDecode(model, z, { beam: 200 });
      for (const [row, result] of found.entries()) {
        const best = bestOfAll(model, z.slice(0, row, row + 1));
        expect(result.ids).toEqual(best.ids);
        expect(Math.abs(result.score - best.score)).toBeLessThan(1e-9);
      }
    });
  });

  test("beam 1 takes the best allowed word at every position, given the words before", () => {
    scope(() => {
      const model = modelOf(10, flow);
      const z = latentsOf(model, 2);
      for (const [row, { ids, score }] of beamDecode(model, z, { beam: 1 }).entries()) {
        let sum = 0;
        for (let t = 1; t < ids.length; t++) {
          const values = fullLogProbabilities(model, ids.slice(0, t), z.slice(0, row, row + 1));
          for (const id of [sos, pad, unk]) values[id] = Number.NEGATIVE_INFINITY;
          expect(ids[t]).toBe(values.indexOf(Math.max(...values)));
          sum += values[ids[t]];
        }
        expect(Math.abs(score - sum / (ids.length - 1))).toBeLessThan(1e-9);
      }
    });
  });

  test("a text's words do not depend on its batch, and a wider beam scores no worse on these", () => {
    scope(() => {
      const model = modelOf(10, flow);
      const z = latentsOf(model, 4);
      const greedy = beamDecode(model, z, { beam: 1 });
      const together = beamDecode(model, z, { beam: 4 });
      for (const [row, result] of together.entries()) {
        const [alone] = beamDecode(model, z.slice(0, row, row + 1), { beam: 4 });
        expect(alone.ids).toEqual(result.ids);
        expect(Math.abs(alone.score - result.score)).toBeLessThan(1e-9);
        expect(result.score).toBeGreaterThanOrEqual(greedy[row].score - 1e-12);
      }
    });
  });

  test("the latents of a text give its words back", () => {
    scope(() => {
      const model = modelOf(8, flow);
      const texts = ["the cat sat on a mat", "dogs ran", "a mat sat on the dogs while the cat ran"];
      const prepared = texts.map((text) => model.prepare(text));
      const decoded = decodeLatents(model, encodeTexts(model, prepared), { beam: 3 });
      expect(decoded.map(({ text }) => text)).toEqual([texts[0], texts[1], "a mat sat on the dogs while"]);
    });
  });
});

test("texts end at the second of two <eos> and not before they have their words", () => {
  scope(() => {
    const model = modelOf(10, { network: "lstm" });
    const prepared = model.prepare("the cat");
    const [latent] = encodeTexts(model, [prepared]);
    const z = stackLatents(model, [latent], 10);
    const [short] = beamDecode(model, z, { beam: 1 });
    expect(short.ids).toEqual([sos, ...model.vocabulary.encode(["the", "cat"]), eos, eos]);
    const [long] = beamDecode(model, z, { beam: 1, minTokens: 5 });
    expect(long.ids.length).toBeGreaterThan(5);
    const ended = long.ids.findIndex((id, index) => id === eos && long.ids[index - 1] === eos);
    const before = long.ids.slice(0, ended < 0 ? undefined : ended).filter((id) => id !== eos && id !== sos);
    expect(before.length).toBeGreaterThanOrEqual(5);
  });
});

test("sampling, interpolation, rewriting, reconstruction and scoring work on an autoregressive model", () => {
  scope(() => {
    const model = modelOf(8, { network: "lstm" });
    const [a, b] = ["the cat sat on a mat", "dogs ran on a mat"].map((text) => model.prepare(text));
    const samples = sampleTexts(model, { count: 3, seed: 5, beam: 2 });
    expect(sampleTexts(model, { count: 1, seed: 6, beam: 2 })[0].text).toBe(samples[1].text);
    const between = interpolateTexts(model, a, b, { ratios: [1, 0.5, 0], beam: 2 });
    expect(between[0].text).toBe(a.text);
    expect(between[2].text).toBe(b.text);
    const still = perturbTexts(model, [a], { noiseVariance: 0, variants: 1, seed: 1 });
    expect(still[0].text).toBe(a.text);
    const moved = perturbTexts(model, [a], { noiseVariance: 25, variants: 2, seed: 1 });
    expect(moved[0].text).not.toBe(a.text);
    const [back] = reconstructTexts(model, [a]);
    expect(back.correct).toBe(back.tokens);
    expect(back.maxAbsError).toBeLessThan(1e-9);
    const [score] = scoreTexts(model, [a], { seed: 1 });
    const [again] = scoreTexts(model, [b, a], { seed: 1 }).slice(1);
    expect(Math.abs(score.nelbo - again.nelbo)).toBeLessThan(1e-8);
    expect(Number.isFinite(score.nelboPerToken)).toBe(true);
  });
});

test("what is asked wrongly is refused", () => {
  scope(() => {
    const model = modelOf(4, { network: "lstm" });
    const z = latentsOf(model, 1);
    expect(() => beamDecode(model, z, { beam: 0 })).toThrow(/beam: expected a whole number of at least 1, got 0/);
    expect(() => beamDecode(model, z, { minTokens: -1 })).toThrow(/minTokens/);
    const config = presetConfig("tiny");
    const vocabulary = Vocabulary.build([words]);
    const table = new Float32Array(vocabulary.size * config.data.dimensions).map((_, index) => Math.sin(index));
    const parallel = TextFlow.build({ config, vocabulary, table });
    const latents = drawLatents(parallel, [4], [1n], 1);
    expect(() => decodeLatents(parallel, latents, { beam: 2 })).toThrow(/tiny decodes all positions of a text at once/);
    expect(() => configOf(4, { levels: 2 })).toThrow(/levels 1 and dropout 0/);
    expect(() => configOf(4, { dropout: 0.1 })).toThrow(/levels 1 and dropout 0/);
    expect(() => configOf(4, { heads: 4 })).toThrow(/4 heads do not divide the networks' width 6/);
    expect(() => configOf(4, { positionEncoding: "learned" })).toThrow(/sinusoidal/);
  });
});
