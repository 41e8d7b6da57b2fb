/** Hand cases: what each metric must say of texts small enough to count by hand. */
import { describe, expect, it } from "vitest";
import { UsageError } from "../../src/base/errors.ts";
import {
  accuracy,
  bleu,
  builtinMeteorTables,
  corpusScore,
  distinctN,
  exampleScores,
  Meteor,
  normalizeAnswer,
  rouge,
  rougeL,
  scoreAnswer,
  selfBleu,
  squad,
} from "../../src/metrics/index.ts";

describe("BLEU", () => {
  it("of identical texts is 100, of texts without a common word 0", () => {
    for (const name of ["13a", "none", "coco"] as const) {
      expect(corpusScore(bleu(["a b c d e"], [["a b c d e"]], name))).toBeCloseTo(100, 5);
      expect(corpusScore(bleu(["a b c d e"], [["v w x y z"]], name))).toBeCloseTo(0, 9);
    }
  });

  it("clips counts, smooths orders without a match and punishes short texts", () => {
    // Matches 2/4, 1/3, 0/2, 0/1 with the reference of 5 words; zero precisions become 1/(2*2) and 1/(4*1).
    const expected = 100 * Math.exp(1 - 5 / 4) * ((2 / 4) * (1 / 3) * (1 / 4) * (1 / 4)) ** (1 / 4);
    expect(corpusScore(bleu(["a b b b"], [["a b c d e"]], "none"))).toBeCloseTo(expected, 9);
  });

  it("takes the closest length of several references, the shorter of two equally close", () => {
    const { statistics } = bleu(["a b c"], [["a b c d", "a b", "a b c d e f"]], "none");
    expect(statistics[1]).toBe(2);
  });

  it("refuses what is not aligned", () => {
    expect(() => bleu(["a", "b"], [["a"]])).toThrow(UsageError);
    expect(() => bleu(["a"], [[]])).toThrow("example 1 has no reference");
    expect(() => bleu([], [])).toThrow("no hypotheses");
  });
});

describe("ROUGE-L", () => {
  it("weighs the longest common subsequence", () => {
    // lcs = 3 of 4 and 5 words.
    const [p, r] = [3 / 4, 3 / 5];
    expect(rougeL(["a", "x", "b", "c"], [["a", "b", "y", "c", "z"]])).toBeCloseTo(
      ((1 + 1.44) * p * r) / (r + 1.44 * p),
      12,
    );
    expect(rougeL(["a", "b"], [["a", "b"]])).toBe(1);
    expect(rougeL([], [["a"]])).toBe(0);
  });

  it("takes precision and recall from the best reference each", () => {
    expect(rougeL(["a", "b"], [["a"], ["a", "b", "c", "d"]])).toBeCloseTo(1, 12);
    expect(corpusScore(rouge(["a b", "c"], [["a b"], ["d"]]))).toBe(50);
  });
});

describe("METEOR", () => {
  const scorer = new Meteor(builtinMeteorTables());
  const score = (a: string, b: string): number => scorer.pairScore(scorer.tokens(a), scorer.tokens(b));

  it("of identical texts is 1, a swap of two chunks lowers it, nothing in common is 0", () => {
    expect(score("the old bridge was opened in 1901", "the old bridge was opened in 1901")).toBeCloseTo(1, 12);
    const swapped = score("in 1901 the old bridge was opened", "the old bridge was opened in 1901");
    // P = R = 1, frag = 2 chunks of 7 words.
    expect(swapped).toBeCloseTo(1 - 0.6 * (2 / 7) ** 0.2, 12);
    expect(score("red", "blue")).toBe(0);
    expect(score("", "blue")).toBe(0);
    expect(score("", "")).toBe(0);
  });

  it("counts a stem match by 0.6", () => {
    const [p, r] = [0.6, 0.6];
    const mean = 1 / (0.15 / p + 0.85 / r);
    expect(score("ferries", "ferry")).toBeCloseTo(mean, 12);
  });

  it("says what did not run and what the score is then called", () => {
    expect(scorer.modules).toEqual(["exact", "stem"]);
    expect(scorer.missing).toEqual(["synonym", "paraphrase"]);
    expect(scorer.name).toBe("METEOR 1.5 (exact, stem; riverrun's word lists)");
    expect(() => new Meteor(builtinMeteorTables(), { modules: ["exact", "synonym"] })).toThrow(
      "riverrun data fetch meteor",
    );
  });

  it("sums statistics: the corpus score is not the mean of the examples", () => {
    const corpus = scorer.corpus(
      [["cat"], "one two three four".split(" ")],
      [[["cat"]], ["one two five six".split(" ")]],
    );
    // "one" and "two" are function words (0.25), the others content words (0.75). The chunk of the perfect pair is left
    // out, its words are not: 1 chunk of 3 matched words.
    const share = (0.75 + 2 * 0.25) / (0.75 + 2 * 0.25 + 2 * 0.75);
    expect(corpusScore(corpus) / 100).toBeCloseTo(share * (1 - 0.6 * (1 / 3) ** 0.2), 12);
    const [perfect, other] = exampleScores(corpus);
    expect(perfect).toBeCloseTo(100, 12);
    expect(corpusScore(corpus)).not.toBeCloseTo((perfect + other) / 2, 1);
  });
});

describe("SQuAD", () => {
  it("normalises in the official order", () => {
    expect(normalizeAnswer("The  Cat, a DOG & an ox!")).toBe("cat dog ox");
    expect(normalizeAnswer("a-b")).toBe("ab");
    expect(normalizeAnswer("thé theatre")).toBe("thé theatre");
    expect(normalizeAnswer("“the” end")).toBe("“ ” end");
  });

  it("scores by the best gold answer", () => {
    expect(scoreAnswer("The cat!", ["cat"])).toEqual({ exactMatch: 1, f1: 1 });
    expect(scoreAnswer("black cat", ["dog", "big black cat cat"])).toEqual({ exactMatch: 0, f1: (2 * 1 * 0.5) / 1.5 });
    expect(scoreAnswer("the", ["a"])).toEqual({ exactMatch: 1, f1: 0 });
    expect(scoreAnswer("x", ["y"])).toEqual({ exactMatch: 0, f1: 0 });
  });

  it("counts a question without a prediction as 0", () => {
    const scores = squad(
      [
        { id: "1", answers: ["cat"] },
        { id: "2", answers: ["dog"] },
      ],
      new Map([["1", "a cat"]]),
    );
    expect(corpusScore(scores.exactMatch)).toBe(50);
    expect(corpusScore(scores.f1)).toBe(50);
    expect(scores.missing).toEqual(["2"]);
    expect(() => squad([], new Map())).toThrow("no questions");
    expect(() => squad([{ id: "7", answers: [] }], new Map())).toThrow("question 7 has no gold answer");
  });
});

it("accuracy is the share of equal answers", () => {
  expect(corpusScore(accuracy([1, 2, 3, 4], [1, 2, 0, 0]))).toBe(50);
  expect(() => accuracy([1], [1, 2])).toThrow("1 answers stand against 2");
});

describe("diversity", () => {
  it("distinct-n counts different n-grams", () => {
    expect(distinctN(["a b a", "a b"], 1)).toBeCloseTo(2 / 5, 12);
    expect(distinctN(["a b a", "a b"], 2)).toBeCloseTo(2 / 3, 12);
    expect(distinctN([""], 1)).toBe(0);
    expect(() => distinctN([], 0)).toThrow("distinct-n");
  });

  it("self-BLEU equals BLEU of each text against the others", () => {
    const texts = ["a b c d e f", "a b c d x y", "a b c z e f g", "q r s t", "a a a b c d"];
    const direct =
      texts.reduce((sum, text, i) => sum + corpusScore(bleu([text], [texts.filter((_, j) => j !== i)], "none")), 0) /
      texts.length;
    expect(selfBleu(texts)).toBeCloseTo(direct, 9);
    expect(selfBleu(["a b c d", "a b c d"])).toBeCloseTo(100, 9);
    expect(() => selfBleu(["a"])).toThrow("at least two");
  });
});
