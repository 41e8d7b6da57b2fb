import { describe, expect, it } from "vitest";
import { messageOf } from "../../src/base/errors.ts";
import type { Config } from "../../src/flow/index.ts";
import { Vocabulary } from "../../src/text/vocabulary.ts";
import { prepareModel } from "../../src/train/index.ts";
import { configChanges } from "../../src/train/resumable.ts";
import { fingerprintOf, TrainingSet, trainingTexts } from "../../src/train/trainingTexts.ts";
import { microConfig, texts } from "./support.ts";

const short = ["a b", "a b c d e f g h"];

describe("prepareModel", () => {
  it("counts the specials as the positions of the texts hold them", async () => {
    for (const fixedLength of [false, true]) {
      const config = microConfig();
      const { model } = await prepareModel({
        config: { ...config, data: { ...config.data, fixedLength } },
        texts: short,
      });
      const held = new Map<number, number>();
      for (const text of short) {
        for (const id of model.prepare(text).ids) held.set(id, (held.get(id) ?? 0) + 1);
      }
      const { counts } = model.vocabulary;
      expect(counts[Vocabulary.pad]).toBe(fixedLength ? 3 : 1);
      for (const special of [Vocabulary.pad, Vocabulary.eos]) expect(counts[special]).toBe(held.get(special));
    }
  });

  it("gives words that no text holds vectors that differ", async () => {
    const { model, trainedVectors } = await prepareModel({ config: microConfig(), texts });
    expect(trainedVectors?.words).not.toContain("<pad>");
    expect(trainedVectors?.words).toContain("<eos>");
    const codebook = model.namedBuffers().get("codebook")?.toNumbers() ?? [];
    const rows = new Set(model.vocabulary.tokens.map((_, id) => codebook.slice(8 * id, 8 * id + 8).join()));
    expect(rows.size).toBe(model.vocabulary.size);
  });
});

describe("trainingTexts", () => {
  it("leaves out texts without words and counts them", () => {
    const split = trainingTexts(microConfig(), [...texts, "", "   "], ["one", ""]);
    expect(split.training).toHaveLength(texts.length);
    expect(split.validation).toEqual(["one"]);
    expect(split.skipped).toBe(3);
  });

  it("says how many texts are left to learn from where some are held out", () => {
    const message = (seed: number): string => {
      try {
        trainingTexts({ ...microConfig(), seed }, ["one", ""]);
        return "";
      } catch (error) {
        return messageOf(error);
      }
    };
    const start = "the training data has 1 text with words (of 2 given)";
    const messages = new Set(Array.from({ length: 100 }, (_, seed) => message(seed)));
    expect([...messages].sort()).toEqual([
      `${start}, 0 of them left to learn from beside the held-out ones: expected at least 2, better thousands`,
      `${start}: expected at least 2, better thousands`,
    ]);
  });

  it("counts different texts where none is held out, for equal ones go the same way", () => {
    expect(() => trainingTexts(microConfig(), ["one", "one", "one"])).toThrow(
      /^none of the 3 texts \(different ones: 1\) falls into the 10 %/,
    );
  });

  it("has another fingerprint when a text moves, changes or is held out", () => {
    const base = { training: ["a", "b"], validation: ["c"], skipped: 0 };
    const all = [
      base,
      { ...base, training: ["b", "a"] },
      { ...base, training: ["a", "b "] },
      { ...base, training: ["a b"] },
      { training: ["a"], validation: ["b", "c"], skipped: 0 },
    ].map(fingerprintOf);
    expect(new Set(all).size).toBe(all.length);
    expect(fingerprintOf({ ...base, skipped: 9 })).toBe(all[0]);
  });
});

describe("TrainingSet", () => {
  it("does not know the word <unk>, which texts of the Penn Treebank hold", async () => {
    const config = microConfig();
    const { model } = await prepareModel({
      config: { ...config, data: { ...config.data, tokenizer: "ptb" } },
      texts: short,
    });
    expect(model.prepare("a <unk>")).toMatchObject({ tokens: ["a", "<unk>"], unknown: 1 });
    expect(new TrainingSet(model, ["a <unk>"]).knownShare).toBe(0.5);
  });

  it("knows sizes, cuts and unknown words", async () => {
    const { model } = await prepareModel({ config: microConfig(), texts: short });
    const set = new TrainingSet(model, [...short, "a zebra"]);
    expect(set.positions).toEqual([4, 8, 4]);
    expect(set.truncated).toBe(1);
    expect(set.knownShare).toBeCloseTo(11 / 12, 12);
    expect(set.at(2).tokens).toEqual(["a", "zebra"]);
  });
});

describe("configChanges", () => {
  it("names what may change and refuses what makes another model", () => {
    const saved = microConfig();
    const changes = (wanted: Config): string[] => configChanges(saved, wanted, "runs/lines");
    expect(changes(saved)).toEqual([]);
    expect(changes(microConfig({ maxSteps: 99, clipNorm: null }))).toEqual([
      "train.maxSteps: 10 is now 99",
      "train.clipNorm: 1 is now null",
    ]);
    expect(() => changes(microConfig({ ema: 0 }))).toThrow(/^runs\/lines: .*train\.ema: 0\.5 is now 0/);
    expect(() => changes({ ...saved, seed: 8 })).toThrow(/seed: 7 is now 8/);
    expect(() => changes({ ...saved, data: { ...saved.data, sigma: 0.1 } })).toThrow(/data\.sigma/);
  });
});
