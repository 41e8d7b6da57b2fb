import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { UsageError } from "../../src/base/errors.ts";
import { compareCodePoints } from "../../src/text/code-point-order.ts";
import { SPECIAL_TOKENS, Vocabulary } from "../../src/text/vocabulary.ts";

fc.configureGlobal({ seed: 20210801 });

const texts = [
  ["b", "a", "c", "a"],
  ["b", "d", "\u{1f600}", "\uff5e"],
];

describe("Vocabulary", () => {
  it("orders by falling count, then by code point, after the specials", () => {
    const vocabulary = Vocabulary.build(texts);
    expect(vocabulary.tokens).toEqual([...SPECIAL_TOKENS, "a", "b", "c", "d", "\uff5e", "\u{1f600}"]);
    expect(vocabulary.counts).toEqual([0, 0, 2, 2, 2, 2, 1, 1, 1, 1]);
    expect(vocabulary.size).toBe(10);
    expect([Vocabulary.pad, Vocabulary.unk, Vocabulary.eos, Vocabulary.sos].map((id) => vocabulary.token(id))).toEqual([
      ...SPECIAL_TOKENS,
    ]);
  });

  it("does not depend on the order of the texts", () => {
    const shuffled = [...texts].reverse().map((text) => [...text].reverse());
    expect(Vocabulary.build(shuffled).toJSON()).toEqual(Vocabulary.build(texts).toJSON());
  });

  it("leaves rare words out and counts them as <unk>", () => {
    const rare = Vocabulary.build(texts, { minCount: 2 });
    expect(rare.tokens.slice(4)).toEqual(["a", "b"]);
    expect(rare.counts[Vocabulary.unk]).toBe(4);
    const small = Vocabulary.build(texts, { maxSize: 5 });
    expect(small.tokens.slice(4)).toEqual(["a"]);
    expect(small.counts[Vocabulary.unk]).toBe(6);
  });

  it("gives special tokens in a text their own ids and counts", () => {
    const vocabulary = Vocabulary.build([["a", "<eos>", "<unk>", "<unk>"]]);
    expect(vocabulary.tokens).toEqual([...SPECIAL_TOKENS, "a"]);
    expect(vocabulary.counts).toEqual([0, 2, 2, 1, 1]);
    expect(vocabulary.encode(["a", "<eos>", "zzz"])).toEqual([4, 2, 1]);
  });

  it("takes counts of specials from the caller", () => {
    const vocabulary = Vocabulary.build(texts, { specialCounts: { pad: 100, eos: 7 } });
    expect(vocabulary.counts.slice(0, 4)).toEqual([100, 0, 7, 2]);
  });

  it("encodes and decodes", () => {
    const vocabulary = Vocabulary.build(texts);
    expect(vocabulary.decode(vocabulary.encode(["c", "nothing", "a"]))).toEqual(["c", "<unk>", "a"]);
    expect(vocabulary.has("c")).toBe(true);
    expect(vocabulary.has("nothing")).toBe(false);
    expect(vocabulary.id("constructor")).toBe(Vocabulary.unk);
    for (const id of [-1, 10, 1.5, Number.NaN]) expect(() => vocabulary.token(id)).toThrow(UsageError);
  });

  it("has a smoothed unigram prior", () => {
    const vocabulary = Vocabulary.build([["a", "a", "a"]]);
    // Counts: unk 0, eos 1, a 3; plus one each: 1, 2, 4 of 7.
    expect([...vocabulary.logPrior()].map(Math.exp)).toEqual([
      0,
      expect.closeTo(1 / 7, 12),
      expect.closeTo(2 / 7, 12),
      0,
      expect.closeTo(4 / 7, 12),
    ]);
    const padded = vocabulary.logPrior({ pad: 9, eos: false, unk: false }).map(Math.exp);
    expect(padded[0]).toBeCloseTo(10 / 14, 12);
    expect(() => vocabulary.logPrior({ pad: -1 })).toThrow(/<pad>/);
    expect(() => Vocabulary.build([]).logPrior({ unk: false, eos: false })).toThrow(UsageError);
  });

  it("always has a prior that sums to one", () => {
    fc.assert(
      fc.property(fc.array(fc.array(fc.string({ minLength: 1 }))), (lines) => {
        const total = Vocabulary.build(lines)
          .logPrior()
          .reduce((sum, value) => sum + Math.exp(value), 0);
        expect(total).toBeCloseTo(1, 9);
      }),
    );
  });

  it("refuses bad options", () => {
    for (const options of [{ minCount: 0 }, { minCount: 1.5 }, { maxSize: 4 }, { specialCounts: { eos: -1 } }]) {
      expect(() => Vocabulary.build(texts, options)).toThrow(UsageError);
    }
  });

  it("comes back from JSON", () => {
    fc.assert(
      fc.property(fc.array(fc.array(fc.string({ minLength: 1 }))), (lines) => {
        const vocabulary = Vocabulary.build(lines, { maxSize: 20 });
        const again = Vocabulary.parse(JSON.stringify(vocabulary), "vocabulary.json");
        expect(again.toJSON()).toEqual(vocabulary.toJSON());
        expect(again.id("a")).toBe(vocabulary.id("a"));
      }),
    );
  });

  const good = { version: 1, tokens: [...SPECIAL_TOKENS, "a", "b"], counts: [0, 1, 2, 3, 4, 5] };
  it.each([
    ["not JSON", "{", /not JSON/],
    ["a list", "[]", /expected an object/],
    ["null", "null", /expected an object/],
    ["another version", { ...good, version: 2 }, /version is 2; expected 1/],
    ["no version", { tokens: good.tokens, counts: good.counts }, /version is missing/],
    ["an unknown key", { ...good, extra: 1 }, /unknown key "extra"/],
    ["tokens of another type", { ...good, tokens: {} }, /"tokens" is not a list/],
    ["counts of another type", { ...good, counts: "x" }, /"counts" is not a list/],
    ["too few counts", { ...good, counts: [1] }, /6 tokens but 1 counts/],
    ["a number as token", { ...good, tokens: [...SPECIAL_TOKENS, "a", 5] }, /token 5 is 5/],
    ["an empty token", { ...good, tokens: [...SPECIAL_TOKENS, "a", ""] }, /token 5 is ""/],
    ["a duplicate", { ...good, tokens: [...SPECIAL_TOKENS, "a", "a"] }, /"a" is token 4 and again token 5/],
    [
      "a special missing",
      { ...good, tokens: ["<pad>", "<unk>", "<eos>", "a", "b", "c"] },
      /token 3 is "a"; expected "<sos>"/,
    ],
    ["too few tokens", { version: 1, tokens: ["<pad>"], counts: [0] }, /1 tokens; expected at least/],
    ["a negative count", { ...good, counts: [0, 1, 2, 3, 4, -5] }, /count of "b" is -5/],
    ["a broken count", { ...good, counts: [0, 1, 2, 3, 4, null] }, /count of "b" is null/],
  ])("refuses %s", (_, json, message) => {
    const read = (): unknown =>
      Vocabulary.parse(typeof json === "string" ? json : JSON.stringify(json), "m/vocabulary.json");
    expect(read).toThrow(UsageError);
    expect(read).toThrow(/^m\/vocabulary\.json: /);
    expect(read).toThrow(message);
  });
});

describe("compareCodePoints", () => {
  it("is the order of the UTF-8 bytes", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), fc.string({ unit: "grapheme" }), (a, b) => {
        expect(Math.sign(compareCodePoints(a, b))).toBe(Math.sign(Buffer.compare(Buffer.from(a), Buffer.from(b))));
      }),
    );
    expect(compareCodePoints("\uff5e", "\u{1f600}")).toBeLessThan(0);
  });
});
