/** Agreement with the references on texts of our own; runs everywhere. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  bleu,
  corpusScore,
  exampleScores,
  loadMeteorTables,
  Meteor,
  type MeteorTables,
  meteor,
  rouge,
} from "../../src/metrics/index.ts";
import { stemEnglish } from "../../src/metrics/meteor/stem.ts";
import { tokenizationByName } from "../../src/metrics/tokenization.ts";
import { type Figures, ownGolden } from "./golden.ts";
import { ownExamples, stemWords, writeOwnTables } from "./ownTexts.ts";

const hypotheses = ownExamples.map(({ hypothesis }) => hypothesis);
const references = ownExamples.map((example) => example.references);
const first = references.map(([text]) => [text]);
const sets: readonly (readonly [string, readonly (readonly string[])[], Figures])[] = [
  ["two references", references, ownGolden.scores.own],
  ["one reference", first, ownGolden.scores.ownFirst],
];

describe.each(sets)("%s", (_, texts, figures) => {
  it("BLEU and its signature are sacrebleu's", () => {
    for (const name of ["13a", "none"] as const) {
      const scores = bleu(hypotheses, texts, name);
      expect(corpusScore(scores)).toBeCloseTo(figures[name].bleu, 6);
      expect(scores.signature).toBe(figures[name].signature);
    }
  });

  it("BLEU-4 and ROUGE-L are coco-caption's", () => {
    expect(corpusScore(bleu(hypotheses, texts, "coco"))).toBeCloseTo(figures.coco.bleu, 6);
    const scores = rouge(hypotheses, texts);
    expect(corpusScore(scores)).toBeCloseTo(figures.coco.rouge, 6);
    const each = exampleScores(scores);
    for (const [i, value] of (figures.coco.rouges ?? []).entries()) expect(each[i]).toBeCloseTo(value, 5);
  });
});

it("Penn-Treebank tokens are coco-caption's, but that CoreNLP 3.4.1 drops characters outside the basic plane", () => {
  const tokens = tokenizationByName("ptb");
  const expected = ownGolden.scores.own.ptb.lines ?? [];
  const differing = hypotheses.filter((text, i) => tokens(text).join(" ") !== expected[i]);
  expect(expected.length).toBe(hypotheses.length);
  expect(differing).toEqual(hypotheses.filter((text) => text.includes("🙂")));
});

describe("METEOR with tables of our own equals its jar", () => {
  let folder = "";
  let tables: MeteorTables;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "riverrun-meteor-"));
    writeOwnTables(folder);
    tables = await loadMeteorTables(folder);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  function check(
    scorer: Meteor,
    texts: readonly (readonly string[])[],
    figures: { segments: readonly number[]; system: number },
  ): void {
    const scores = scorer.corpus(
      hypotheses.map((text) => scorer.tokens(text)),
      texts.map((list) => list.map((text) => scorer.tokens(text))),
    );
    const each = exampleScores(scores);
    for (const [i, segment] of figures.segments.entries()) {
      expect(each[i] / 100, `segment ${i + 1}: ${hypotheses[i]}`).toBeCloseTo(segment, 7);
    }
    expect(figures.segments.length).toBe(hypotheses.length);
    expect(corpusScore(scores) / 100).toBeCloseTo(figures.system, 9);
  }

  it("with all modules and one reference or two", () => {
    expect(tables.missing).toEqual([]);
    const scorer = new Meteor(tables);
    expect(scorer.name).toBe("METEOR 1.5");
    check(scorer, first, ownGolden.meteor.ownFirst);
    check(scorer, references, ownGolden.meteor.own);
  });

  it("with exact and stem matches only, under another name", () => {
    const scorer = new Meteor(tables, { modules: ["exact", "stem"] });
    expect(scorer.name).toBe("METEOR 1.5 (exact, stem)");
    check(scorer, first, ownGolden.meteor.exactStem);
  });

  it("with the parameters of 2007", () => {
    check(new Meteor(tables, { version: "2007" }), first, ownGolden.meteor.of2007);
  });

  it("and keeps its score where only the paraphrases of known words are read", async () => {
    const scores = await meteor(hypotheses, references, folder);
    expect(scores.modules).toEqual(["exact", "stem", "synonym", "paraphrase"]);
    expect(corpusScore(scores) / 100).toBeCloseTo(ownGolden.meteor.own.system, 9);
  });
});

it("stems are Snowball's English ones, as METEOR 1.5 has them", () => {
  expect(stemWords.map(stemEnglish)).toEqual(ownGolden.stems);
});
