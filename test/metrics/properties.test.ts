/** What holds for any text, broken ones too. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  bleu,
  type CorpusScores,
  corpusScore,
  exampleScores,
  loadMeteorTables,
  Meteor,
  type MeteorTables,
  rouge,
  scoreAnswer,
  squad,
  tokenizationNames,
} from "../../src/metrics/index.ts";
import { ParaphraseTable } from "../../src/metrics/meteor/paraphrases.ts";
import { stemEnglish } from "../../src/metrics/meteor/stem.ts";
import { ownExamples, writeOwnTables } from "./ownTexts.ts";

let folder = "";
let tables: MeteorTables;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "riverrun-meteor-"));
  writeOwnTables(folder);
  tables = await loadMeteorTables(folder);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const ownTexts = ownExamples.flatMap(({ hypothesis, references }) => [hypothesis, ...references]);

/** Texts: ours with characters cut, doubled and replaced by anything, and arbitrary ones. */
const text = fc.oneof(
  fc
    .tuple(
      fc.constantFrom(...ownTexts),
      fc.array(fc.tuple(fc.nat(), fc.nat(3), fc.string({ unit: "binary", maxLength: 4 })), { maxLength: 4 }),
    )
    .map(([own, edits]) => {
      let result = own;
      for (const [at, cut, put] of edits) {
        const place = at % (result.length + 1);
        result = result.slice(0, place) + put + result.slice(place + cut);
      }
      return result;
    }),
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.string({ maxLength: 40 }),
);

/** Texts of few words, so that matches, repetitions and chunks are many. */
const words = fc
  .array(
    fc.constantFrom(
      "the",
      "old",
      "many",
      "a",
      "lot",
      "of",
      "took",
      "part",
      "participated",
      "big",
      "large",
      "run",
      "running",
    ),
    { minLength: 1, maxLength: 14 },
  )
  .map((list) => list.join(" "));

function meteorOf(hypotheses: readonly string[], references: readonly (readonly string[])[]): CorpusScores {
  const scorer = new Meteor(tables);
  return scorer.corpus(
    hypotheses.map((line) => scorer.tokens(line)),
    references.map((list) => list.map((line) => scorer.tokens(line))),
  );
}

function allMetrics(hypotheses: readonly string[], references: readonly (readonly string[])[]): CorpusScores[] {
  return [
    ...tokenizationNames.map((name) => bleu(hypotheses, references, name)),
    ...tokenizationNames.map((name) => rouge(hypotheses, references, name)),
    meteorOf(hypotheses, references),
  ];
}

describe("any texts", () => {
  it("3,000 mutated inputs, three a run, never crash; scores stay between 0 and 100", () => {
    fc.assert(
      fc.property(text, text, text, (hypothesis, first, second) => {
        for (const scores of allMetrics([hypothesis, first], [[first, second], [second]])) {
          for (const score of [corpusScore(scores), ...exampleScores(scores)]) {
            expect(score).toBeGreaterThanOrEqual(0);
            expect(score).toBeLessThanOrEqual(100 + 1e-6);
          }
        }
        const answer = scoreAnswer(hypothesis, [first, second]);
        expect(answer.f1).toBeGreaterThanOrEqual(0);
        expect(answer.f1).toBeLessThanOrEqual(1);
        expect(answer.exactMatch === 0 || answer.exactMatch === 1).toBe(true);
      }),
      { numRuns: 1000, seed: 15 },
    );
  });

  it("a text scores 100 against itself", () => {
    fc.assert(
      fc.property(text, (line) => {
        const own = scoreAnswer(line, [line]);
        expect(own.exactMatch).toBe(1);
        for (const scores of [rouge([line], [[line]]), rouge([line], [["other", line]])]) {
          expect(corpusScore(scores)).toBeCloseTo(100, 9);
        }
        const tokens = new Meteor(tables).tokens(line);
        if (tokens.length > 0) expect(corpusScore(meteorOf([line], [[line]]))).toBeCloseTo(100, 9);
        if (line.trim().split(/\s+/).length >= 4) {
          expect(corpusScore(bleu([line], [[line]], "13a"))).toBeCloseTo(100, 5);
        }
      }),
      { numRuns: 300, seed: 16 },
    );
  });

  it("another reference never lowers ROUGE-L and METEOR of an example", () => {
    fc.assert(
      fc.property(words, words, words, (hypothesis, first, second) => {
        for (const metric of [rouge, meteorOf]) {
          const one = corpusScore(metric([hypothesis], [[first]]));
          const two = corpusScore(metric([hypothesis], [[first, second]]));
          expect(two).toBeGreaterThanOrEqual(one - 1e-9);
        }
      }),
      { numRuns: 300, seed: 17 },
    );
  });

  it("corpus scores do not depend on the order of the examples", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(words, words), { minLength: 2, maxLength: 5 }), (pairs) => {
        const back = [...pairs].reverse();
        const scoresOf = (list: readonly (readonly [string, string])[]): number[] =>
          allMetrics(
            list.map(([hypothesis]) => hypothesis),
            list.map(([, reference]) => [reference]),
          ).map(corpusScore);
        const [forward, backward] = [scoresOf(pairs), scoresOf(back)];
        for (const [k, score] of forward.entries()) expect(backward[k]).toBeCloseTo(score, 9);
      }),
      { numRuns: 100, seed: 18 },
    );
  });

  it("a stem is no longer than its word plus a letter", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(..."aeiouyYbdlmnrst'ngzé"), maxLength: 12 }), (word) => {
        expect(stemEnglish(word).length).toBeLessThanOrEqual(word.length + 1);
      }),
      { numRuns: 2000, seed: 19 },
    );
  });

  it("predictions of any kind leave SQuAD's figures between 0 and 100", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(text, text), { minLength: 1, maxLength: 6 }), (pairs) => {
        const { exactMatch, f1 } = squad(
          pairs.map(([, gold], i) => ({ id: String(i), answers: [gold] })),
          new Map(pairs.map(([prediction], i) => [String(i), prediction])),
        );
        expect(corpusScore(exactMatch)).toBeLessThanOrEqual(100);
        expect(corpusScore(f1)).toBeGreaterThanOrEqual(0);
      }),
      { numRuns: 300, seed: 20 },
    );
  });
});

describe("broken tables", () => {
  it("a paraphrase table that is cut says where", async () => {
    const path = join(folder, "cut.gz");
    writeFileSync(path, gzipSync("0.5\na\nb\n0.5\nc"));
    await expect(ParaphraseTable.read(path)).rejects.toThrow(/cut\.gz ends within an entry \(line 5\)/);
    writeFileSync(path, gzipSync("0.5\na\nb\n".repeat(1000)).subarray(0, 30));
    await expect(ParaphraseTable.read(path)).rejects.toThrow("cannot be read as a gzipped paraphrase table");
    await expect(ParaphraseTable.read(join(folder, "none.gz"))).rejects.toThrow("is not there");
  });
});
