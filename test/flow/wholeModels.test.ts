/** Whole models, from texts on, of every kind of flow: the density that is reported is the one of the map, alone and in a batch. */
import { expect, test } from "vitest";
import { builtinCorpus } from "../../src/corpora/index.ts";
import {
  type DataConfig,
  type FlowConfig,
  parseConfig,
  presetConfig,
  standardNormalLogDensity,
  TextFlow,
} from "../../src/flow/index.ts";
import { tokenizerByName } from "../../src/text/tokenizer-names.ts";
import { Vocabulary } from "../../src/text/vocabulary.ts";
import { noGrad, scope } from "../../src/torch/index.ts";
import { disturb, largest, logAbsDet, numericJacobian } from "./support.ts";

const dimensions = 4;
const corpus = builtinCorpus({ sentences: 60 }).sentences.slice(0, 60);

/** A model of 4 channels in float64, every parameter moved away from its start. */
function modelOf(preset: string, flow: Partial<FlowConfig>, data: Partial<DataConfig> = {}): TextFlow {
  const base = presetConfig(preset);
  const config = parseConfig(
    { ...base, data: { ...base.data, minCount: 1, dimensions, ...data }, flow: { ...base.flow, ...flow } },
    preset,
  );
  const tokenizer = tokenizerByName(config.data.tokenizer);
  const vocabulary = Vocabulary.build(corpus.map((text) => tokenizer.tokenize(text)));
  const table = Float32Array.from({ length: vocabulary.size * dimensions }, (_, index) => Math.sin(index * index + 1));
  const unit = 2 ** (config.flow.levels - 1);
  const model = TextFlow.build({ config, vocabulary, table, positionCounts: [unit, 2 * unit], dtype: "float64" });
  disturb(model.flow, 0.1);
  return model;
}

const narrow = { heads: 2, hidden: 8 } as const;
const paper = { heads: 2, levels: 2, steps: 2 } as const;
const recurrent = { heads: 2, layers: 1, hidden: 8, steps: 2 } as const;
const short = { positions: 8 } as const;

test.each<[string, Partial<FlowConfig>, Partial<DataConfig>?]>([
  ["tiny", narrow],
  ["tiny", { ...narrow, layout: "wide", levels: 3 }],
  ["tiny", { ...narrow, network: "lstm" }],
  ["tiny", { ...narrow, levels: 1, positionEncoding: "sinusoidal" }],
  ["tiny-ar", narrow],
  ["tiny-ar", { ...narrow, steps: 2 }],
  ["tiny-ar", { ...narrow, head: "logistic", channelOrder: "autoregressive", components: 3 }],
  ["tiny-tarflow", narrow],
  ["tiny-tarflow", { ...narrow, head: "codebook" }],
  ["paper-nar", paper, short],
  ["paper-nar-channel", { ...paper, network: "lstm" }, short],
  ["paper-ar", recurrent, short],
  ["paper-ar", { ...recurrent, network: "lstm", acContext: "none" }, short],
  ["bilstm-density", { steps: 2 }, short],
])("%s with %j", (preset, flow, data) => {
  const model = modelOf(preset, flow, data);
  const texts = [corpus[0], "mara", corpus[1], "mara slept .", corpus[3]].map((text) => model.prepare(text));
  const seeds = texts.map((_, row) => BigInt(row + 11));
  noGrad(() =>
    scope(() => {
      const batch = model.batch(texts);
      const noise = model.drawNoise(batch, seeds);
      const together = model.likelihood(batch, noise);
      for (const [row, text] of texts.entries()) {
        const own = model.batch([text]);
        const alone = model.likelihood(own, model.drawNoise(own, [seeds[row]]));
        for (const part of ["negLogDensity", "lengthNats", "logNoise", "decodeNats"] as const) {
          const [[a], b] = [alone[part].toNumbers(), together[part].toNumbers()];
          expect(Math.abs(a - b[row]) / Math.max(1, Math.abs(a)), `${part} of text ${row}`).toBeLessThan(1e-10);
        }
      }
      const points = model.points(batch, noise);
      const { y, logDet } = model.flow.encode(points, batch.context);
      const ofLatents = standardNormalLogDensity(y, batch.context).add(logDet);
      expect(largest(ofLatents.add(together.negLogDensity))).toBeLessThan(1e-9);
      const back = model.flow.decode(y, batch.context);
      expect(largest(back.x.sub(points))).toBeLessThan(1e-9);
      expect(largest(back.logDet.add(logDet))).toBeLessThan(1e-9);
      expect(largest(y.sub(batch.context.masked(y)))).toBe(0);
    }),
  );
  noGrad(() =>
    scope(() => {
      const [, mara] = texts;
      const one = model.batch([mara]);
      const point = model.points(one, model.drawNoise(one, [seeds[1]]));
      const jacobian = numericJacobian((x) => model.flow.encode(x, one.context).y, point, mara.positions);
      const stated = model.flow.encode(point, one.context).logDet.item();
      expect(Math.abs(stated - logAbsDet(jacobian))).toBeLessThan(1e-8);
    }),
  );
  model.dispose();
});
