import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { UsageError } from "../../src/base/errors.ts";
import { Bpe, joinBpePieces, type Merge } from "../../src/text/bpe/bpe.ts";
import { Heap } from "../../src/text/bpe/heap.ts";
import { trainBpe } from "../../src/text/bpe/train.ts";
import { tokenizerByName } from "../../src/text/tokenizer-names.ts";
import { describeWithSharedData } from "../support/sharedData.ts";
import subwordNmt from "./golden/bpe-subword-nmt.json" with { type: "json" };
import huggingFace from "./golden/bpe-tokenizers.json" with { type: "json" };
import { bpeMerges, bpeTraining } from "./golden/choices.ts";
import learnPlainly from "./golden/learn-plainly.json" with { type: "json" };
import learnSubwordNmt from "./golden/learn-subword-nmt.json" with { type: "json" };
import { chosenLines, differingLines, type GoldenFile, wholeHash } from "./golden/lines.ts";

const written = (merges: readonly Merge[]): string[] => merges.map((merge) => merge.join(" "));

const own = [
  "low low low low low",
  "lower lower",
  "newest newest newest newest newest newest",
  "widest widest widest",
  "x xx xxx xxxx aaaa",
  "\u00een\u021belege \u00een\u021belept \u00een\u021belegere",
];

describe("trainBpe", () => {
  it("merges the most frequent pair, of equals the first seen: the paper's example", () => {
    // python test/text/golden/oracle.py learn-plainly 40
    const expected =
      "e s;es t</w>;l o;n e;ne w;new est</w>;lo w</w>;w i;wi d;wid est</w>;x x</w>;\u00ee n;\u00een \u021b;\u00een\u021b e;\u00een\u021be l;\u00een\u021bel e;lo w;low e;lowe r</w>;x xx</w>;a a;\u00een\u021bele g";
    expect(written(trainBpe(own, { merges: 40 })).join(";")).toBe(expected);
  });

  it("merges of equals the one that sorts last, as subword-nmt does", () => {
    // python test/text/golden/oracle.py learn-subword-nmt 40
    const expected =
      "s t</w>;e st</w>;l o;w est</w>;n e;ne west</w>;lo w</w>;\u021b e;\u021be l;\u021bel e;\u00ee n;\u00een \u021bele;x x</w>;w i;wi d;wid est</w>;\u00een\u021bele g;x xx</w>;w e;we r</w>;lo wer</w>;a a";
    expect(written(trainBpe(own, { merges: 40, ties: "greatest" })).join(";")).toBe(expected);
  });

  it("stops at the asked number and at rare pairs", () => {
    expect(trainBpe(own, { merges: 3 })).toHaveLength(3);
    expect(trainBpe(["ab cd"], { merges: 9 })).toEqual([]);
    expect(written(trainBpe(["ab cd"], { merges: 9, minFrequency: 1 }))).toEqual(["a b</w>", "c d</w>"]);
    expect(trainBpe([], { merges: 5 })).toEqual([]);
  });

  it("refuses numbers that make no sense", () => {
    for (const options of [{ merges: -1 }, { merges: 1.5 }, { merges: 1, minFrequency: 0 }]) {
      expect(() => trainBpe(own, options)).toThrow(UsageError);
    }
  });

  it("equals counting anew after each merge, on random words", () => {
    const word = fc.string({ unit: fc.constantFrom(..."abc"), minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(fc.array(word, { maxLength: 30 }), (words) => {
        expect(trainBpe([words.join(" ")], { merges: 20, minFrequency: 1 })).toEqual(plainly(words, 20));
      }),
      { numRuns: 200, seed: 3 },
    );
  });
});

/** The paper's algorithm as it stands. */
function plainly(words: readonly string[], most: number): Merge[] {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  const cut = [...counts].map(([word, count]) => ({ symbols: [...word.slice(0, -1), `${word.slice(-1)}</w>`], count }));
  const learned: Merge[] = [];
  for (let step = 0; step < most; step++) {
    const pairs = new Map<string, number>();
    for (const { symbols, count } of cut) {
      for (let at = 0; at + 1 < symbols.length; at++) {
        const key = `${symbols[at]} ${symbols[at + 1]}`;
        pairs.set(key, (pairs.get(key) ?? 0) + count);
      }
    }
    const best = [...pairs].reduce<[string, number]>((a, b) => (b[1] > a[1] ? b : a), ["", 0])[0];
    if (best === "") break;
    const [left, right] = best.split(" ");
    learned.push([left, right]);
    for (const { symbols } of cut) {
      for (let at = 0; at + 1 < symbols.length; at++) {
        if (symbols[at] === left && symbols[at + 1] === right) symbols.splice(at, 2, left + right);
      }
    }
  }
  return learned;
}

describe("Bpe", () => {
  const bpe = new Bpe(trainBpe(own, { merges: 20 }));

  it("marks pieces that go on and says where they stand", () => {
    const text = " lowest  \u00een\u021belege low\n";
    expect(bpe.tokenize(text)).toEqual(["low@@", "est", "\u00een\u021bele@@", "g@@", "e", "low"]);
    expect(bpe.tokenizeWithOffsets(text).map(({ start, end }) => text.slice(start, end))).toEqual([
      ...["low", "est", "\u00een\u021bele", "g", "e", "low"],
    ]);
  });

  it("cuts the tokens of another tokenizer, whose changed tokens keep their span", () => {
    const over = new Bpe(bpe.merges, tokenizerByName("ptb-cased"));
    const text = 'newest "low" (low)';
    expect(over.tokenize(text).join(" ")).toBe("newest `@@ ` low '@@ ' -@@ L@@ R@@ B@@ - low -@@ R@@ R@@ B@@ -");
    const spans = over.tokenizeWithOffsets(text).map(({ start, end }) => text.slice(start, end));
    expect([...new Set(spans)]).toEqual(["newest", '"', "low", "(", ")"]);
    expect(over.detokenize(over.tokenize(text))).toBe(text);
  });

  it("gives words back, whatever they are", () => {
    const word = fc
      .string({ unit: "grapheme", minLength: 1 })
      .filter((text) => /^[^\s\u001c-\u001f\u0085\ufeff]+$/.test(text) && !text.includes("@@"));
    fc.assert(
      fc.property(fc.array(word), (words) => {
        const text = words.join(" ");
        expect(bpe.detokenize(bpe.tokenize(text))).toBe(text);
      }),
      { numRuns: 500, seed: 4 },
    );
  });

  it("never throws, and its spans are the pieces", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const wrong = bpe.tokenizeWithOffsets(text).filter(({ token, start, end }) => {
          const span = text.slice(start, end);
          return token !== span && token !== `${span}@@`;
        });
        expect(wrong).toEqual([]);
      }),
      { numRuns: 500, seed: 4 },
    );
  });

  it("joins pieces that end too early", () => {
    expect(joinBpePieces(["a@@", "b", "c@@"])).toEqual(["ab", "c"]);
    expect(joinBpePieces(["@@", "a"])).toEqual(["@@", "a"]);
    expect(joinBpePieces([])).toEqual([]);
  });

  it("comes back from its file", () => {
    expect(Bpe.parse(bpe.toString(), "codes").merges).toEqual(bpe.merges);
    expect(Bpe.parse(bpe.toString().replaceAll("\n", "\r\n"), "codes").merges).toEqual(bpe.merges);
  });

  it.each([
    ["no header", "a b\n", /codes:1: expected "#version: 0\.2"/],
    ["one symbol", "#version: 0.2\na b\nc\n", /codes:3: expected two symbols/],
    ["three symbols", "#version: 0.2\na b c\n", /codes:2: expected two symbols/],
  ])("refuses %s", (_, text, message) => {
    expect(() => Bpe.parse(text, "codes")).toThrow(UsageError);
    expect(() => Bpe.parse(text, "codes")).toThrow(message);
  });
});

describe("Heap", () => {
  it("gives its entries in order", () => {
    fc.assert(
      fc.property(fc.array(fc.integer()), (numbers) => {
        const heap = new Heap<number>((a, b) => a < b);
        for (const number of numbers) heap.push(number);
        expect(numbers.map(() => heap.pop())).toEqual([...numbers].sort((a, b) => a - b));
        expect(heap.pop()).toBeUndefined();
      }),
    );
  });
});

describeWithSharedData("BPE on real lines", () => {
  const expectEqual = (golden: GoldenFile, rows: readonly string[]): void => {
    expect(rows.length).toBe(golden.lines);
    expect(differingLines(golden, rows)).toEqual([]);
    expect(wholeHash(rows)).toBe(golden.sha256);
  };

  it("learns what the paper's algorithm learns", () => {
    expectEqual(learnPlainly, written(trainBpe(chosenLines(learnPlainly), { merges: 800 })));
  });

  it("learns what subword-nmt learns, with its rule for ties", () => {
    const merges = trainBpe(chosenLines(learnSubwordNmt), { merges: bpeMerges, ties: "greatest" });
    expectEqual(learnSubwordNmt, written(merges));
  });

  it("cuts 10,000 lines as subword-nmt and tokenizers do", () => {
    const bpe = new Bpe(trainBpe(chosenLines(bpeTraining), { merges: bpeMerges }));
    const rows = chosenLines(huggingFace).map((line) => bpe.tokenize(line).join(" "));
    expect(rows.length).toBeGreaterThan(10_000);
    expectEqual(huggingFace, rows);
    expectEqual(subwordNmt, rows);
  });
});
