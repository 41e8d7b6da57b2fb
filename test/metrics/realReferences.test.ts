/** Agreement with the references on 2,000 real pairs; needs the data beside the clone, METEOR also its tables. */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, it } from "vitest";
import {
  bleu,
  corpusScore,
  exampleScores,
  Meteor,
  meteor,
  meteorFiles,
  meteorFolder,
  rouge,
  squad,
} from "../../src/metrics/index.ts";
import { stemEnglish } from "../../src/metrics/meteor/stem.ts";
import { readSmallTables } from "../../src/metrics/meteor/tables.ts";
import { tokenizationByName } from "../../src/metrics/tokenization.ts";
import { describeWithSharedData, sharedLines } from "../support/sharedData.ts";
import { realGolden } from "./golden.ts";
import { type Pairs, realAnswers, realPairs } from "./realPairs.ts";

const folder = meteorFolder();
const hasTables = existsSync(join(folder, meteorFiles.paraphrases)) && readSmallTables(folder).missing.length === 0;

describeWithSharedData("2,000 real pairs", () => {
  let pairs: Pairs;
  let references: readonly string[][];
  beforeAll(() => {
    pairs = realPairs();
    references = pairs.references.map((text) => [text]);
  });

  it("are the ones of the golden figures", () => {
    expect(pairs.hypotheses.length).toBe(2000);
    expect(pairs.sha256).toBe(realGolden.sha256);
  });

  it("have coco-caption's BLEU-4 and ROUGE-L", () => {
    expect(corpusScore(bleu(pairs.hypotheses, references, "coco"))).toBeCloseTo(realGolden.scores.coco.bleu, 6);
    expect(corpusScore(rouge(pairs.hypotheses, references))).toBeCloseTo(realGolden.scores.coco.rouge, 6);
  });

  it("have coco-caption's tokens and its figures after tokenising", () => {
    const tokens = tokenizationByName("ptb");
    const lines = JSON.stringify(pairs.hypotheses.map((text) => tokens(text).join(" ")));
    expect(createHash("sha256").update(lines).digest("hex")).toBe(realGolden.ptbSha256);
    expect(corpusScore(bleu(pairs.hypotheses, references, "ptb"))).toBeCloseTo(realGolden.scores.ptb.bleu, 6);
    expect(corpusScore(rouge(pairs.hypotheses, references, "ptb"))).toBeCloseTo(realGolden.scores.ptb.rouge, 6);
  });

  it("have sacrebleu's BLEU and signature", () => {
    for (const name of ["13a", "none"] as const) {
      const scores = bleu(pairs.hypotheses, references, name);
      expect(corpusScore(scores)).toBeCloseTo(realGolden.scores[name].bleu, 6);
      expect(scores.signature).toBe(realGolden.scores[name].signature);
    }
  });

  it.skipIf(!hasTables)(
    hasTables
      ? "have METEOR 1.5's scores, each and all"
      : `have METEOR 1.5's scores (skipped: needs its tables, riverrun data fetch meteor)`,
    async () => {
      const scores = await meteor(pairs.hypotheses, references, folder);
      expect(scores.name).toBe("METEOR 1.5");
      const { segments, system } = realGolden.meteor.full;
      const worst = exampleScores(scores).reduce(
        (most, score, i) => Math.max(most, Math.abs(score / 100 - segments[i])),
        0,
      );
      expect(worst).toBeLessThan(1e-7);
      expect(corpusScore(scores) / 100).toBeCloseTo(system, 9);
      const of2007 = await meteor(pairs.hypotheses, references, folder, { version: "2007" });
      expect(corpusScore(of2007) / 100).toBeCloseTo(realGolden.meteor.of2007.system, 9);
      const exactStem = new Meteor(readSmallTables(folder), { modules: ["exact", "stem"] });
      const [ours, theirs] = [pairs.hypotheses, pairs.references].map((texts) =>
        texts.map((text) => exactStem.tokens(text)),
      );
      const restricted = exactStem.corpus(
        ours,
        theirs.map((tokens) => [tokens]),
      );
      expect(corpusScore(restricted) / 100).toBeCloseTo(realGolden.meteor.exactStem.system, 9);
    },
  );
});

describeWithSharedData("real answers and words", () => {
  it("1,000 predictions have the exact match and F1 of SQuAD's own script", () => {
    const { questions, predictions, sha256 } = realAnswers();
    expect(sha256).toBe(realGolden.squad.sha256);
    expect(predictions.size).toBe(1000);
    const scores = squad(questions, predictions);
    expect(corpusScore(scores.exactMatch)).toBeCloseTo(realGolden.squad.exact_match, 9);
    expect(corpusScore(scores.f1)).toBeCloseTo(realGolden.squad.f1, 9);
    expect(scores.missing.length).toBe(10);
  });

  it("the words of a large corpus have the stems of METEOR 1.5", () => {
    const text = sharedLines("text/brown.txt").join(" ").toLowerCase();
    const words = [...new Set(text.match(/[\p{L}'-]+/gu) ?? [])].filter((word) => /\p{L}/u.test(word));
    expect(words.length).toBe(realGolden.stems.words);
    const stems = JSON.stringify(words.map(stemEnglish));
    expect(createHash("sha256").update(stems).digest("hex")).toBe(realGolden.stems.sha256);
  });
});
