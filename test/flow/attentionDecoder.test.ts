import { describe, expect, it } from "vitest";
import { AttentionDecoder, type AttentionDecoderConfig, presetConfig, spokenIds } from "../../src/flow/index.ts";
import { Vocabulary } from "../../src/text/vocabulary.ts";
import { Generator, grad, noGrad, randn, scope, type Tensor } from "../../src/torch/index.ts";
import { contextOf, initOf } from "./support.ts";

const { sos, eos, pad } = Vocabulary;
const [words, channels, positions] = [9, 4, 5];
const tiny = presetConfig("tiny-plus").attentionDecoder as AttentionDecoderConfig;
const base: AttentionDecoderConfig = { ...tiny, width: 6, layers: 2, dropout: 0 };

function decoderOf(over: Partial<AttentionDecoderConfig> = {}, first = 0): AttentionDecoder {
  const codebook = randn([words, channels], new Generator(3), { dtype: "float64" }).keep();
  return new AttentionDecoder(initOf(7), { codebook, positions, first }, { ...base, ...over });
}

function latentsOf(rows: number, seed = 5): Tensor {
  return randn([rows, positions, channels], new Generator(seed), { dtype: "float64" });
}

type Vector = readonly number[];
const dot = (a: Vector, b: Vector): number => a.reduce((sum, value, index) => sum + value * b[index], 0);
const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
function softmax(values: Vector): number[] {
  const most = Math.max(...values);
  const weights = values.map((value) => Math.exp(value - most));
  const total = weights.reduce((sum, value) => sum + value, 0);
  return weights.map((value) => value / total);
}

/** The decoder's loss of one text by the formulas alone, number by number. */
class PlainDecoder {
  readonly #values: ReadonlyMap<string, Tensor>;
  readonly #codebook: readonly Vector[];
  readonly #first: number;

  constructor(decoder: AttentionDecoder, codebook: Tensor, first: number) {
    this.#values = decoder.stateDict();
    this.#codebook = this.#rowsOf(codebook);
    this.#first = first;
  }

  #rowsOf(matrix: Tensor): Vector[] {
    return matrix.unbind(0).map((row) => row.toNumbers());
  }

  #named(name: string): Tensor {
    const value = this.#values.get(name);
    if (!value) throw new Error(`no ${name}`);
    return value;
  }

  #linear(name: string, x: Vector): number[] {
    const bias = this.#named(`${name}.bias`).toNumbers();
    return this.#rowsOf(this.#named(`${name}.weight`)).map((row, index) => dot(row, x) + bias[index]);
  }

  #lstm(layer: number, x: Vector, h: Vector, c: Vector): { h: number[]; c: number[] } {
    const of = (name: string): Tensor => this.#named(`layer${layer}.${name}0`);
    const [w, u] = [this.#rowsOf(of("inputWeight")), this.#rowsOf(of("hiddenWeight"))];
    const [bw, bu] = [of("inputBias").toNumbers(), of("hiddenBias").toNumbers()];
    const gate = (index: number): number => dot(w[index], x) + dot(u[index], h) + bw[index] + bu[index];
    const size = h.length;
    const cell = c.map(
      (value, i) => sigmoid(gate(size + i)) * value + sigmoid(gate(i)) * Math.tanh(gate(2 * size + i)),
    );
    return { h: cell.map((value, i) => sigmoid(gate(3 * size + i)) * Math.tanh(value)), c: cell };
  }

  nats(memory: readonly Vector[], targets: readonly number[]): number {
    const table = this.#values.get("positions");
    const places = table ? this.#rowsOf(table) : undefined;
    const plus = (a: Vector, b: Vector | undefined): number[] => a.map((value, index) => value + (b?.[index] ?? 0));
    const keys = memory.map((m, s) => plus(this.#linear("keys", m), places?.[s]));
    const mean = memory[0].map((_, channel) => memory.reduce((sum, m) => sum + m[channel], 0) / memory.length);
    const start = this.#linear("start", mean).map(Math.tanh);
    let states = Array.from({ length: base.layers }, () => ({ h: start, c: start }));
    let attended: Vector = start.map(() => 0);
    let previous: number = sos;
    let nats = 0;
    for (const [t, target] of targets.entries()) {
      let hidden: Vector = this.#linear("reduce", [...this.#codebook[previous], ...attended]);
      states = states.map((state, layer) => {
        const next = this.#lstm(layer, hidden, state.h, state.c);
        hidden = next.h;
        return next;
      });
      const query = plus(hidden, places?.[this.#first + t]);
      const weights = softmax(keys.map((key) => dot(query, key)));
      attended = start.map((_, i) =>
        dot(
          weights,
          keys.map((key) => key[i]),
        ),
      );
      const output = this.#linear("combine", [...hidden, ...attended]).map(Math.tanh);
      const logits = this.#linear("logits", output).map((value, id) =>
        id === pad || id === sos ? Number.NEGATIVE_INFINITY : value,
      );
      nats -= Math.log(softmax(logits)[target]);
      previous = target;
    }
    return nats;
  }
}

describe.each(["none", "learned"] as const)("with positions %s", (positionEncoding) => {
  const texts = [
    [4, 5, 6, 7, eos],
    [8, 4, eos],
  ];
  const lengths = [5, 3];

  it.each([0, 1])("the loss of true words is that of a plain loop, first word at %i", (first) => {
    scope(() => {
      const decoder = decoderOf({ positionEncoding }, first);
      const latents = latentsOf(2);
      const codebook = randn([words, channels], new Generator(3), { dtype: "float64" });
      const nats = decoder.negLogLikelihood(decoder.memory(latents, contextOf(lengths, positions)), texts).toNumbers();
      const plain = new PlainDecoder(decoder, codebook, first);
      for (const [row, text] of texts.entries()) {
        const memory = latents.select(0, row).slice(0, 0, lengths[row]).unbind(0);
        const expected = plain.nats(
          memory.map((m) => m.toNumbers()),
          text,
        );
        expect(Math.abs(nats[row] - expected)).toBeLessThan(1e-10);
      }
    });
  });

  it("pads of memory and of words never matter, nor does the batch", () => {
    scope(() => {
      const decoder = decoderOf({ positionEncoding });
      const latents = latentsOf(2).setRequiresGrad();
      const context = contextOf(lengths, positions);
      const nats = decoder.negLogLikelihood(decoder.memory(latents, context), texts);
      const alone = latents.slice(0, 1, 2).slice(1, 0, 3);
      const one = decoder.negLogLikelihood(decoder.memory(alone, contextOf([3], 3)), [texts[1]]);
      expect(Math.abs(one.item() - nats.toNumbers()[1])).toBeLessThan(1e-12);
      const [slope] = grad([nats.sum()], [latents]);
      expect(slope.select(0, 1).slice(0, 3).abs().amax().item()).toBe(0);
      expect(slope.select(0, 1).slice(0, 0, 3).abs().amin().item()).toBeGreaterThan(0);
      expect(slope.select(0, 0).abs().amin().item()).toBeGreaterThan(0);
    });
  });

  it("reading word by word says what the loss says, also after rows were chosen", () => {
    noGrad(() =>
      scope(() => {
        const decoder = decoderOf({ positionEncoding });
        const memory = decoder.memory(latentsOf(2), contextOf(lengths, positions));
        const [long, short] = decoder.negLogLikelihood(memory, texts).toNumbers();
        const reader = decoder.reader(memory);
        let nats = [0, 0];
        // The rows change places at every word; the short text ends first.
        let order = [0, 1];
        for (let t = 0; t < texts[0].length; t++) {
          const logs = reader.logProbabilities();
          expect(logs.shape).toEqual([order.length, words]);
          order.forEach((text, row) => {
            nats = nats.map((sum, index) =>
              index === text ? sum - logs.select(0, row).toNumbers()[texts[text][t]] : sum,
            );
          });
          const rows = order.flatMap((text, row) => (t + 1 < texts[text].length ? [row] : [])).reverse();
          if (rows.length === 0) break;
          const chosen = rows.map((row) => texts[order[row]][t]);
          reader.advance(rows, chosen);
          order = rows.map((row) => order[row]);
          expect(reader.rows).toBe(order.length);
        }
        reader.dispose();
        expect(Math.abs(nats[0] - long)).toBeLessThan(1e-12);
        expect(Math.abs(nats[1] - short)).toBeLessThan(1e-12);
      }),
    );
  });
});

describe("the attention decoder", () => {
  it("never says <sos> or <pad>, and what it says sums to 1", () => {
    noGrad(() =>
      scope(() => {
        const decoder = decoderOf();
        const reader = decoder.reader(decoder.memory(latentsOf(3), contextOf([5, 5, 5], positions)));
        const probabilities = reader.logProbabilities().exp();
        reader.dispose();
        for (const row of probabilities.unbind(0)) {
          const values = row.toNumbers();
          expect([values[sos], values[pad]]).toEqual([0, 0]);
          expect(Math.abs(values.reduce((sum, value) => sum + value, 0) - 1)).toBeLessThan(1e-12);
        }
      }),
    );
    expect(spokenIds([sos, 4, 5, eos, eos, pad, pad])).toEqual([4, 5, eos, eos]);
  });

  it("drops units by a text's own stream, whatever stands beside it", () => {
    scope(() => {
      const decoder = decoderOf({ dropout: 0.5 });
      const latents = latentsOf(2);
      const texts = [
        [4, 5, 6, 7, eos],
        [8, 4, eos],
      ];
      const streams = (...seeds: number[]): Generator[] => seeds.map((seed) => new Generator(seed));
      const memory = decoder.memory(latents, contextOf([5, 3], positions));
      const both = decoder.negLogLikelihood(memory, texts, streams(1, 2)).toNumbers();
      const alone = decoder.memory(latents.slice(0, 1, 2).slice(1, 0, 3), contextOf([3], 3));
      const one = decoder.negLogLikelihood(alone, [texts[1]], streams(2)).item();
      expect(Math.abs(one - both[1])).toBeLessThan(1e-12);
      expect(decoder.negLogLikelihood(alone, [texts[1]], streams(3)).item()).not.toBeCloseTo(one, 3);
      expect(decoder.negLogLikelihood(alone, [texts[1]]).item()).not.toBeCloseTo(one, 3);
    });
  });

  it("has the parameters that the specification counts: 18.4 million at 300 channels and 20,000 words", () => {
    const paper = presetConfig("paper-plus").attentionDecoder as AttentionDecoderConfig;
    const count = (v: number, d: number, w: number): number => {
      const lstm = 4 * w * (d + w) + 8 * w + 4 * w * 2 * w + 8 * w;
      return 2 * (d * w + w) + (d + w) * d + d + lstm + 2 * w * w + w + w * v + v;
    };
    scope(() => {
      expect(decoderOf({ positionEncoding: "none" }).parameterCount()).toBe(count(words, channels, base.width));
    });
    expect(paper).toMatchObject({ width: 600, layers: 2, positionEncoding: "none", dropout: 0.3, noiseVariance: 1 });
    expect(count(20_000, 300, 600)).toBe(18_421_700);
  });
});
