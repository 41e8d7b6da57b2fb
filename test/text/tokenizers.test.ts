import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { UsageError } from "../../src/base/errors.ts";
import { RandomStream } from "../../src/base/random.ts";
import { Bpe } from "../../src/text/bpe/bpe.ts";
import { splitSentences } from "../../src/text/sentences.ts";
import { tokenizerByName, tokenizerNames } from "../../src/text/tokenizer-names.ts";
import { prose, treebankProse } from "./prose.ts";

fc.configureGlobal({ seed: 20210801 });

const anyText = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.string({ unit: "grapheme" }),
  fc.string({
    unit: fc.constantFrom(..."ab1. ,:'\"`-()[]{}$%&/\\@_…–—’“\ud800\udc00\t\u0301\u200d\u0085\u001c\ufeff"),
  }),
);

describe.each(tokenizerNames)("tokenizer %s", (name) => {
  const tokenizer = tokenizerByName(name);

  it("has its name", () => {
    expect(tokenizer.name).toBe(name);
  });

  it("never throws and gives tokens that are neither empty nor hold white space", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const tokens = tokenizer.tokenize(text);
        // Telephone numbers and mixed fractions of the Treebank hold no-break spaces.
        const white = name.startsWith("ptb")
          ? /^\u00a0?[^\t-\r \u001c-\u001f\u0085\ufeff]+$/
          : /^[^\s\u001c-\u001f\u0085\ufeff]+$/;
        for (const token of tokens) expect(token).toMatch(white);
        tokenizer.detokenize(tokens);
      }),
      { numRuns: 1000 },
    );
  });

  it("gives the same tokens with spans that are in order and hold what the tokens are made of", () => {
    const bare = (part: string): string => part.toLowerCase().replace(/[^\p{L}\p{Nd}]/gu, "");
    fc.assert(
      fc.property(anyText, (text) => {
        const spans = tokenizer.tokenizeWithOffsets(text);
        expect(spans.map(({ token }) => token)).toEqual(tokenizer.tokenize(text));
        let last = 0;
        for (const { token, start, end } of spans) {
          // An abbreviation's final period stands in two tokens.
          expect(start).toBeGreaterThanOrEqual(token === "." ? last - 1 : last);
          expect(end).toBeGreaterThan(start);
          last = end;
          const span = text.slice(start, end);
          if (/^[a-z0-9.,'-]+$/i.test(span)) expect(bare(token)).toBe(bare(span));
        }
        expect(last).toBeLessThanOrEqual(text.length);
      }),
      { numRuns: 500 },
    );
  });

  it("detokenises any tokens", () => {
    fc.assert(fc.property(fc.array(fc.string()), (tokens) => typeof tokenizer.detokenize(tokens) === "string"));
    expect(tokenizer.detokenize([])).toBe("");
  });

  it("finds nothing in white space", () => {
    expect(tokenizer.tokenize("")).toEqual([]);
    expect(tokenizer.tokenize(" \t\n\u00a0\u3000 ")).toEqual([]);
  });

  it("keeps the tokens of prose when they are joined and split again", () => {
    fc.assert(
      fc.property(name.startsWith("ptb") ? treebankProse : prose, (text) => {
        const tokens = tokenizer.tokenize(text);
        expect(tokenizer.tokenize(tokenizer.detokenize(tokens))).toEqual(tokens);
      }),
      { numRuns: 500 },
    );
  });

  it("handles a long text without white space", () => {
    for (const unit of ["a", "a.", "1,", "-", "'", "a'", "a-", "a@", "(", ". ", "'s", "n't", "a-b."]) {
      expect(tokenizer.tokenize(unit.repeat(20_000)).length).toBeGreaterThan(0);
    }
  });
});

describe.each(["riverrun-words", "ptb"])("round trip of %s", (name) => {
  const tokenizer = tokenizerByName(name);
  it("gives prose back to the letter", () => {
    fc.assert(
      fc.property(name === "ptb" ? treebankProse : prose, (text) => {
        expect(tokenizer.detokenize(tokenizer.tokenize(text))).toBe(text);
      }),
      { numRuns: 1000 },
    );
  });
});

describe("tvqa-words", () => {
  it("splits lower-cased text at white space and drops lone commas", () => {
    const { tokenize } = tokenizerByName("tvqa-words");
    expect(tokenize("Well , What\tdid Amy,  say ,, ?\n")).toEqual(["well", "what", "did", "amy,", "say", ",,", "?"]);
  });

  it("keeps commas where asked", () => {
    const { tokenize } = tokenizerByName("tvqa-words-commas");
    expect(tokenize("Well , what ?")).toEqual(["well", ",", "what", "?"]);
  });
});

describe("riverrun-words", () => {
  const { tokenize, detokenize } = tokenizerByName("riverrun-words");
  it.each([
    ["What?", "what ?"],
    ["Sheldon's not sure: he can't.", "sheldon 's not sure : he ca n't ."],
    ["It’s “fine”…", `it 's " fine " ...`],
    ["He said 'no' to the dogs' owner", "he said ` no ' to the dogs ' owner"],
    ["the u.s.'s plan, e.g. this", "the u.s. 's plan , e.g. this"],
    ["rock 'n' roll in the '90s", "rock 'n ' roll in the '90s"],
    ["3.5 of 1,000 at 10:30 for $5 (50%)", "3.5 of 1,000 at 10:30 for $ 5 ( 50 % )"],
    ["pre- and post-war -- at&t", "pre- and post-war -- at&t"],
    ["no... wait -5 .5", "no ... wait -5 .5"],
    ["Ünïcode \u{1f469}\u200d\u{1f467} 東京", "ünïcode \u{1f469}\u200d \u{1f467} 東京"],
  ])("%s", (text, tokens) => {
    expect(tokenize(text).join(" ")).toBe(tokens);
  });

  it("ties numeric ranges and em dashes, and keeps spaced dots apart", () => {
    for (const text of ["from 24–10 on", "one—two", "a word – another"]) {
      expect(detokenize(tokenize(text))).toBe(text);
    }
    expect(tokenize(detokenize(["wait", ".", ".", ".", "what"]))).toEqual(["wait", ".", ".", ".", "what"]);
  });
});

describe("ptb", () => {
  const { tokenize, detokenize } = tokenizerByName("ptb");
  it.each([
    ["Mr. Smith can't say \"I won't\".", "mr. smith ca n't say `` i wo n't '' ."],
    [
      "the army (e.g. the U.S. army) [sic] {x}",
      "the army -lrb- e.g. the u.s. army -rrb- -lsb- sic -rsb- -lcb- x -rcb-",
    ],
    ["It happened in the U.S.", "it happened in the u.s."],
    ["In the U.S. The army, etc.", "in the u.s. . the army , etc. ."],
    ["Was it in the U.S.?", "was it in the u.s. ?"],
    ["He works at Apple Inc. in Texas.", "he works at apple inc. in texas ."],
    ["$5,000.50 or 50% at 10:30 a.m. or .5", "$ 5,000.50 or 50 % at 10:30 a.m. or .5"],
    ["well... no - yes -- maybe – so", "well ... no - yes -- maybe -- so"],
    ["J. Smith's U.S.-based 103.5FM, 2 1/2", "j. smith 's u.s.-based 103.5 fm , 2\u00a01/2"],
    ["They'll've gonna cannot et al.'s 'em", "they 'll 've gon na can not et al. 's 'em"],
    ["'Hello,' she said. “Go!”", "` hello , ' she said . `` go ! ''"],
    ["see www.example.com, a.b@c.org or example.net.", "see www.example.com , a.b@c.org or example.net ."],
    ["US$ 3 at 20 °C", "us$ 3 at 20 ° c"],
    ["Conan O'Brien's 16-game schedule", "conan o'brien 's 16-game schedule"],
  ])("%s", (text, tokens) => {
    expect(tokenize(text).join(" ")).toBe(tokens);
  });

  it("undoes brackets, quotes, contractions and the doubled final period", () => {
    const text = "he \"can't\" (in the u.s.) say 'no', cannot, gonna... in the u.s.";
    expect(detokenize(tokenize(text))).toBe(text);
  });

  it("keeps case where asked", () => {
    const cased = tokenizerByName("ptb-cased");
    expect(cased.tokenize("He (Mr. X) CAN'T")).toEqual(["He", "-LRB-", "Mr.", "X", "-RRB-", "CA", "N'T"]);
    expect(cased.detokenize(cased.tokenize("He (Mr. X) CAN'T, I'M"))).toBe("He (Mr. X) CAN'T, I'M");
  });
});

describe("tokenizerByName", () => {
  it("names what exists when a name is unknown", () => {
    expect(() => tokenizerByName("words")).toThrow(UsageError);
    expect(() => tokenizerByName("words")).toThrow(/riverrun-words.*ptb/);
  });
});

describe("damaged text", () => {
  it("is cut by every tokenizer: 3,000 mutations of the bytes of prose", () => {
    const random = new RandomStream(20_210_801n);
    const seed = Buffer.from(
      '\u201cDon\u2019t,\u201d said Dr. O\'Brien of the U.S. (e.g. a.b@c.org, http://x.org/y?z) \u2014 5 1/2 \u00a35, &lt;a&gt; \u021bar\u0103 \u4e2d\u6587 \ud83d\ude00... <b c="d">',
    );
    const tokenizers = [...tokenizerNames.map(tokenizerByName), new Bpe([["a", "b"]])];
    for (let round = 0; round < 3000; round++) {
      const bytes = Buffer.from(seed);
      for (let change = 0; change <= round % 8; change++) {
        bytes[Math.floor(random.uniform() * bytes.length)] = Math.floor(random.uniform() * 256);
      }
      const text = bytes.toString(round % 2 === 0 ? "utf8" : "latin1");
      const tokenizer = tokenizers[round % tokenizers.length];
      const spans = tokenizer.tokenizeWithOffsets(text);
      if (spans.some(({ start, end }) => start < 0 || end <= start || end > text.length)) expect(spans).toBe(text);
      expect(typeof tokenizer.detokenize(spans.map(({ token }) => token))).toBe("string");
      expect(splitSentences(text).length).toBeGreaterThan(0);
    }
  });
});
