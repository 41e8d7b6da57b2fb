import { expect, test } from "vitest";
import { parseConfig, presetConfig, TextFlow } from "../../src/flow/index.ts";
import { DenoisedTally, denoiseTexts, reconstructTexts, totalsOf } from "../../src/generate/index.ts";
import { tokensOf } from "../../src/generate/tokens.ts";
import { Vocabulary } from "../../src/text/vocabulary.ts";
import { memory, noGrad, scope } from "../../src/torch/index.ts";
import { disturb } from "../flow/support.ts";

const words = "the cat sat on a mat while dogs ran".split(" ");
const texts = ["the cat sat on a mat", "dogs ran", "a mat sat on the dogs"];

function modelOf(preset: string, sigma: number, flow: object = {}, text = words): TextFlow {
  const config = presetConfig(preset);
  const vocabulary = Vocabulary.build([text]);
  const table = Float32Array.from({ length: vocabulary.size * 4 }, (_, index) => Math.sin(index * index + 1));
  const data = { ...config.data, tokenizer: "riverrun-words", minCount: 1, dimensions: 4, positions: 8, sigma };
  const checked = parseConfig({ ...config, data, flow: { ...config.flow, hidden: 8, heads: 2, ...flow } }, "test");
  return TextFlow.build({ config: checked, vocabulary, table, positionCounts: [2, 4, 6, 8], dtype: "float64" });
}

test("noisy texts lose some of their noise and what came back is counted", () => {
  scope(() => {
    const sigma = 0.4;
    const model = modelOf("tiny-ar", sigma);
    const prepared = texts.map((text) => model.prepare(text));
    const rows = denoiseTexts(model, prepared, { seed: 3 });
    const plain = totalsOf(reconstructTexts(model, prepared));
    expect(plain.tokenAccuracy).toBe(1);
    for (const [row, text] of rows.entries()) {
      expect(text.text).toBe(texts[row]);
      expect(text.maxAbsError).toBeLessThan(1e-9);
      expect(text.tokens).toBe(prepared[row].tokensCounted);
      expect(text.denoisedRms).not.toBe(text.noiseRms);
    }
    const tally = new DenoisedTally();
    for (const row of rows) tally.add(row);
    const totals = tally.totals();
    // The untrained mixture gives all words like weights: its mean of the words is nearer to the true one than the noise.
    expect(totals.denoisedRms).toBeLessThan(totals.noiseRms);
    expect(totals.noiseRms).toBeGreaterThan(0.7 * sigma);
    expect(totals.noiseRms).toBeLessThan(1.3 * sigma);
    expect(totals.tokenAccuracyBefore).toBeCloseTo(
      rows.reduce((sum, { correctBefore }) => sum + correctBefore, 0) / totals.tokens,
      12,
    );
  });
});

test("the noise is the evaluation noise: of a text alone, and of a seed", () => {
  scope(() => {
    const model = modelOf("tiny", 0.3, { steps: 1 });
    disturb(model.flow, 0.05);
    const prepared = texts.map((text) => model.prepare(text));
    const rows = denoiseTexts(model, prepared, { seed: 3 });
    const [alone] = denoiseTexts(model, [prepared[2]], { seed: 3 });
    expect(alone.noiseRms).toBe(rows[2].noiseRms);
    expect(Math.abs(alone.denoisedRms - rows[2].denoisedRms)).toBeLessThan(1e-12);
    expect(denoiseTexts(model, [prepared[2]], { seed: 4 })[0].noiseRms).not.toBe(alone.noiseRms);
    const little = denoiseTexts(modelOf("tiny", 1e-3, { steps: 1 }), prepared, { seed: 3 });
    expect(little.every(({ exact }) => exact)).toBe(true);
  });
});

test("a word that is nearest is the one with the least distance, whatever its frequency", () => {
  noGrad(() =>
    scope(() => {
      const often = new Array<string>(10_000).fill("the");
      const model = modelOf("tiny", 2, {}, [...words, ...often]);
      const batch = model.batch([model.prepare(words.slice(0, 7).join(" "))]);
      const own = model.points(batch).mul(1.01);
      expect(tokensOf(model, own, batch.context, { rule: "nearest" })[0]).toEqual(batch.texts[0].ids);
      // With this much noise the Bayes rule goes by the frequencies.
      const the = model.vocabulary.encode(["the"])[0];
      expect(tokensOf(model, own, batch.context, { rule: "bayes" })[0]).toEqual(new Array<number>(8).fill(the));
    }),
  );
});

test("with unknown false the nearest other word stands for <unk>, and all else stays", () => {
  noGrad(() =>
    scope(() => {
      const model = modelOf("tiny", 0.1);
      const batch = model.batch([model.prepare("the zebra sat on a mat ran")]);
      const own = model.points(batch);
      const [all] = tokensOf(model, own, batch.context);
      expect(all).toEqual(batch.texts[0].ids);
      const [known] = tokensOf(model, own, batch.context, { unknown: false });
      expect(all.flatMap((id, place) => (id === known[place] ? [] : [place]))).toEqual([1]);
      expect(known[1]).not.toBe(Vocabulary.unk);
    }),
  );
});

test.each(["tiny", "tiny-ar", "tiny-tarflow"])("frees what it makes: %s", (preset) => {
  const model = modelOf(preset, 0.5);
  const prepared = texts.map((text) => model.prepare(text));
  denoiseTexts(model, prepared, { seed: 1 });
  const before = memory().liveTensors;
  denoiseTexts(model, prepared, { seed: 1 });
  expect(memory().liveTensors).toBe(before);
  model.dispose();
});

test("Language Flow+ is refused: its words do not come from points", () => {
  scope(() => {
    const model = modelOf("tiny-plus", 0.3);
    expect(() => denoiseTexts(model, [model.prepare("dogs ran")], { seed: 1 })).toThrow(/take its flow/);
  });
});
