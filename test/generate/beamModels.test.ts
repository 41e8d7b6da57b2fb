/** Beam search in flows that run left to right with a density a step, and in Language Flow+. */
import { describe, expect, test } from "vitest";
import { CausalFlow, type Config, parseConfig, presetConfig, TextFlow } from "../../src/flow/index.ts";
import {
  type BeamResult,
  beamDecode,
  decodeLatents,
  encodeTexts,
  interpolateTexts,
  perturbTexts,
  reconstructTexts,
  sampleTexts,
} from "../../src/generate/index.ts";
import { latentOf, latentShape } from "../../src/generate/latentRecord.ts";
import { stackLatents } from "../../src/generate/latents.ts";
import { Vocabulary } from "../../src/text/vocabulary.ts";
import { cat, Generator, noGrad, randn, scope, type Tensor, tensor } from "../../src/torch/index.ts";
import { contextOf, disturb } from "../flow/support.ts";

const words = "the cat sat on a mat while dogs ran".split(" ");
const { sos, eos, pad, unk } = Vocabulary;

/** A preset with few channels and positions. */
function configOf(
  preset: string,
  positions: number,
  over: { data?: object; flow?: object; attentionDecoder?: object },
): Config {
  const config = presetConfig(preset);
  const { attentionDecoder } = config;
  return parseConfig(
    {
      ...config,
      data: { ...config.data, tokenizer: "riverrun-words", minCount: 1, dimensions: 4, positions, ...over.data },
      flow: { ...config.flow, hidden: 8, heads: 2, ...over.flow },
      ...(attentionDecoder && { attentionDecoder: { ...attentionDecoder, width: 8, ...over.attentionDecoder } }),
    },
    "test",
  );
}

function modelOf(config: Config, text = words): TextFlow {
  const vocabulary = Vocabulary.build([text]);
  const table = scope(() => randn([vocabulary.size * config.data.dimensions], new Generator(4)).data()) as Float32Array;
  const counts = Array.from({ length: config.data.positions }, (_, n) => n + 1);
  const model = TextFlow.build({ config, vocabulary, table, positionCounts: counts, dtype: "float64" });
  disturb(model.flow, 0.1);
  return model;
}

function latentsOf(model: TextFlow, count: number, seed = 6): Tensor {
  const { positions, dimensions } = model.config.data;
  return randn([count, positions, dimensions], new Generator(seed), { dtype: "float64" });
}

function vectorsOf(model: TextFlow, ids: readonly number[]): Tensor {
  return model.embedder.lookUp(tensor(ids, [1, ids.length], { dtype: "int64" }));
}

/** log p of every next word, given the words so far. */
type NextWord = (ids: readonly number[]) => number[];

/** The next word of a causal flow by full passes: encode the words, append z_t, decode, ask the Bayes rule. */
function nextOfFlow(model: TextFlow, flow: CausalFlow, z: Tensor): NextWord {
  return (ids) =>
    noGrad(() =>
      scope(() => {
        const t = ids.length;
        const vectors = vectorsOf(model, [...ids, eos]);
        const { y } = flow.encode(vectors, contextOf([t + 1], t + 1));
        const latents = cat([y.slice(1, 0, t), z.slice(1, t, t + 1)], 1);
        const x = flow.decode(latents, contextOf([t + 1], t + 1)).x.slice(1, t);
        if (!flow.wordHead) return model.embedder.bayesLogProbabilities(x).toNumbers();
        // What stands at t itself changes nothing before it.
        const prior = flow
          .wordLogProbabilities(vectors, contextOf([t + 1], t + 1))
          .slice(1, t)
          .toNumbers();
        const point = x.toNumbers();
        const scores = prior.map((logPi, word) => {
          const e = vectorsOf(model, [word]).toNumbers();
          const square = e.reduce((sum, value, channel) => sum + (point[channel] - value) ** 2, 0);
          return logPi - square / (2 * model.config.data.sigma ** 2);
        });
        const most = Math.max(...scores);
        const total = most + Math.log(scores.reduce((sum, value) => sum + Math.exp(value - most), 0));
        return scores.map((value) => value - total);
      }),
    );
}

/** The next word of an attention decoder by the loss of whole texts: log p(w_1..w_t) - log p(w_1..w_{t-1}). */
function nextOfDecoder(model: TextFlow, z: Tensor, length: number): NextWord {
  const decoder = model.attentionDecoder;
  if (!decoder) throw new Error("no decoder");
  return (ids) =>
    noGrad(() =>
      scope(() => {
        const context = contextOf([length], z.size(1));
        const nats = (texts: readonly (readonly number[])[]): number[] => {
          const rows = contextOf(
            texts.map(() => length),
            z.size(1),
          );
          const latents = context.masked(z).expand(texts.length, -1, -1);
          return decoder.negLogLikelihood(decoder.memory(latents, rows), texts).toNumbers();
        };
        const spoken = ids.filter((id) => id !== sos);
        const before = spoken.length === 0 ? 0 : nats([spoken])[0];
        const possible = model.vocabulary.tokens.map((_, id) => id).filter((id) => id !== pad && id !== sos);
        const values = model.vocabulary.tokens.map(() => Number.NEGATIVE_INFINITY);
        nats(possible.map((id) => [...spoken, id])).forEach((value, index) => {
          values[possible[index]] = before - value;
        });
        return values;
      }),
    );
}

interface Search {
  readonly model: TextFlow;
  readonly next: NextWord;
  /** Most ids. */
  readonly length: number;
  /** Tokens of log-probability 0 in the mean. */
  readonly free: number;
}

const startOf = (model: TextFlow): number[] => (model.config.data.fixedLength ? [sos] : []);
const allowedIn = (model: TextFlow): number[] =>
  model.vocabulary.tokens.map((_, id) => id).filter((id) => ![sos, pad, unk].includes(id));

function isOver({ model, length }: Search, ids: readonly number[]): boolean {
  const ended = ids.at(-1) === eos && (!model.config.data.fixedLength || ids.at(-2) === eos);
  return ended || ids.length === length;
}

/** The best of all texts by mean log-probability, found by trying every one. */
function bestOfAll(search: Search): BeamResult {
  const { model, next, free } = search;
  const start = startOf(model);
  let best: BeamResult = { ids: [], score: Number.NEGATIVE_INFINITY };
  const visit = (ids: readonly number[], sum: number): void => {
    if (ids.length > start.length && isOver(search, ids)) {
      const score = sum / (ids.length - start.length + free);
      if (score > best.score) best = { ids, score };
      return;
    }
    const values = next(ids);
    for (const id of allowedIn(model)) visit([...ids, id], sum + values[id]);
  };
  visit(start, 0);
  return best;
}

function greedy(search: Search): BeamResult {
  const { model, next, free } = search;
  const start = startOf(model);
  const ids = [...start];
  let sum = 0;
  while (ids.length === start.length || !isOver(search, ids)) {
    const values = next(ids);
    const best = allowedIn(model).reduce((a, b) => (values[b] > values[a] ? b : a));
    ids.push(best);
    sum += values[best];
  }
  return { ids, score: sum / (ids.length - start.length + free) };
}

function expectSame(found: BeamResult, expected: BeamResult): void {
  expect(found.ids).toEqual(expected.ids);
  expect(Math.abs(found.score - expected.score)).toBeLessThan(1e-8);
}

const causal = {
  "the codebook's mixture": { flow: {}, data: { sigma: 0.6 } },
  "a Gaussian behind couplings": { flow: { steps: 2, head: "gaussian" }, data: { sigma: 0.6 } },
};

describe.each(Object.entries(causal))("a flow of %s", (_, over) => {
  const lengths = [3, 2, 3];
  const searchOf = (model: TextFlow, z: Tensor, row: number, length: number): Search => {
    const { flow } = model;
    if (!(flow instanceof CausalFlow)) throw new Error("not causal");
    return { model, next: nextOfFlow(model, flow, z.slice(0, row, row + 1)), length, free: 0 };
  };

  test("a beam that prunes nothing finds the best of all texts of the latents' length", () => {
    scope(() => {
      const model = modelOf(configOf("tiny-ar", 4, over), words.slice(0, 4));
      const z = latentsOf(model, 3);
      for (const [row, result] of beamDecode(model, z, { beam: 200, lengths }).entries()) {
        expectSame(result, bestOfAll(searchOf(model, z, row, lengths[row])));
      }
    });
  });

  test("beam 1 takes the best allowed word at every position; a batch changes nothing", () => {
    scope(() => {
      const model = modelOf(configOf("tiny-ar", 8, over));
      const z = latentsOf(model, 3);
      const lengths = [8, 5, 8];
      for (const [row, result] of beamDecode(model, z, { beam: 1, lengths }).entries()) {
        expectSame(result, greedy(searchOf(model, z, row, lengths[row])));
      }
      const together = beamDecode(model, z, { beam: 3, lengths });
      for (const [row, result] of together.entries()) {
        const [alone] = beamDecode(model, z.slice(0, row, row + 1), { beam: 3, lengths: [lengths[row]] });
        expectSame(alone, result);
      }
    });
  });
});

test("in riverrun-ar a beam is searched where one is asked for, and gives a text's words back", () => {
  scope(() => {
    const model = modelOf(configOf("tiny-ar", 8, { data: { sigma: 0.25 } }));
    const [a, b] = ["the cat sat on a mat", "dogs ran"].map((text) => model.prepare(text));
    const latents = encodeTexts(model, [a, b]);
    for (const beam of [1, 4]) {
      expect(decodeLatents(model, latents, { beam }).map(({ text }) => text)).toEqual([a.text, b.text]);
    }
    expect(sampleTexts(model, { count: 2, seed: 5, beam: 2 })).toHaveLength(2);
    expect(sampleTexts(model, { count: 1, seed: 6, beam: 2 })[0].text).toBe(
      sampleTexts(model, { count: 2, seed: 5, beam: 2 })[1].text,
    );
    const [long] = beamDecode(model, stackLatents(model, [latents[1]], 8), { beam: 2, minTokens: 4 });
    expect(long.ids.filter((id) => id !== eos).length).toBeGreaterThanOrEqual(4);
    const [end, , start] = interpolateTexts(model, a, b, { ratios: [1, 0.5, 0], beam: 2 });
    expect([end.text, start.text]).toEqual([a.text, b.text]);
    const alternating = modelOf(configOf("tiny-tarflow", 8, {}));
    expect(() => decodeLatents(alternating, latents, { beam: 2 })).toThrow(/decodes all positions of a text at once/);
  });
});

const plus = {
  "with a length of its own": { preset: "tiny-plus", data: {}, flow: { steps: 1 } },
  "of fixed length": {
    preset: "paper-plus",
    data: {},
    flow: { levels: 1, steps: 1, heads: 2, hidden: null },
    attentionDecoder: { minTokens: 0 },
  },
} as const;

describe.each(Object.entries(plus))("a Language Flow+ %s", (_, { preset, ...over }) => {
  test("a beam that prunes nothing finds the best of all texts", () => {
    scope(() => {
      const model = modelOf(configOf(preset, 4, over), words.slice(0, 4));
      const z = latentsOf(model, 2);
      const lengths = model.config.data.fixedLength ? [4, 4] : [4, 2];
      const context = contextOf(lengths, 4);
      const found = beamDecode(model, context.masked(z), { beam: 400, lengths });
      for (const [row, result] of found.entries()) {
        const next = nextOfDecoder(model, z.slice(0, row, row + 1), lengths[row]);
        expectSame(result, bestOfAll({ model, next, length: 4, free: 1 }));
      }
    });
  });

  test("beam 1 takes the best word at every position", () => {
    scope(() => {
      const model = modelOf(configOf(preset, 8, over));
      const z = latentsOf(model, 2);
      for (const [row, result] of beamDecode(model, z, { beam: 1 }).entries()) {
        const next = nextOfDecoder(model, z.slice(0, row, row + 1), 8);
        expectSame(result, greedy({ model, next, length: 8, free: 1 }));
      }
    });
  });

  test("samples, blends, rewrites and gives back texts by its decoder", () => {
    scope(() => {
      const model = modelOf(configOf(preset, 8, over));
      const [a, b] = ["the cat sat on a mat", "dogs ran"].map((text) => model.prepare(text));
      const samples = sampleTexts(model, { count: 2, seed: 5 });
      expect(sampleTexts(model, { count: 1, seed: 6 })[0].text).toBe(samples[1].text);
      const said = decodeLatents(model, encodeTexts(model, [a, b]));
      const between = interpolateTexts(model, a, b, { ratios: [1, 0] });
      expect(between.map(({ text }) => text)).toEqual(said.map(({ text }) => text));
      const rewrites = perturbTexts(model, [a, b], { noiseVariance: 0.5, variants: 2, seed: 1 });
      expect(rewrites.map(({ source, variant }) => `${source} ${variant}`)).toEqual(
        [a, a, b, b].map(({ text }, index) => `${text} ${index % 2}`),
      );
      expect(perturbTexts(model, [b], { noiseVariance: 0.5, variants: 1, seed: 1 })[0].text).toBe(rewrites[2].text);
      const still = perturbTexts(model, [a], { noiseVariance: 0, variants: 1, seed: 1 });
      expect(still[0].text).toBe(said[0].text);
      const back = reconstructTexts(model, [a, b]);
      expect(back.map(({ tokens }) => tokens)).toEqual([7, 3]);
      for (const row of back) expect(row.maxAbsError).toBeLessThan(1e-9);
    });
  });
});

test("latents that leave no word a probability are refused in words, as lines and in tensors", () => {
  scope(() => {
    const model = modelOf(configOf("riverrun-plus", 8, {}));
    const values = new Array<number>(32).fill(0);
    values[3] = 1e39;
    expect(() => latentOf({ positions: 8, values }, latentShape(model))).toThrow("values: number 4 is 1e+39");
    const z = latentsOf(model, 2);
    z.slice(0, 1, 2).fill_(Number.NaN);
    expect(() => beamDecode(model, z)).toThrow(
      /: log-probabilities of the words of text 2 in the beam search are not finite: /,
    );
  });
});
