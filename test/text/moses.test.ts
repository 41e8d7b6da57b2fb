import { describe, expect, it } from "vitest";
import { withCedilla, withCommaBelow } from "../../src/text/romanian.ts";
import { tokenizerByName } from "../../src/text/tokenizer-names.ts";
import { describeWithSharedData } from "../support/sharedData.ts";
import { chosenLines, differingLines } from "./golden/lines.ts";
import english from "./golden/moses-en.json" with { type: "json" };
import romanian from "./golden/moses-ro.json" with { type: "json" };

const en = tokenizerByName("moses-en");
const ro = tokenizerByName("moses-ro");

describe("Moses tokens", () => {
  // As sacremoses 0.1.1 cuts them with escape=False.
  it.each([
    ["Hello, world! It's 5,000.50 (or so)...", "Hello , world ! It 's 5,000.50 ( or so ) ..."],
    ["Mr. Smith of the U.S. met No. 5 and No. He.", "Mr. Smith of the U.S. met No. 5 and No . He ."],
    ["He left etc. and so on. Then", "He left etc. and so on . Then"],
    ["the 1990's, dogs' well-known R&D", "the 1990 's , dogs ' well-known R & D"],
    ["10:30 $5 50% a/b a@b.com #x", "10 : 30 $ 5 50 % a / b a @ b.com # x"],
    ["He said \u201cno\u201d \u2014 2\u00bd\u2026", "He said \u201c no \u201d \u2014 2 \u00bd \u2026"],
    ["", ""],
  ])("English: %s", (text, tokens) => {
    expect(en.tokenize(text).join(" ")).toBe(tokens);
  });

  it.each([
    ["Dl. Popescu s-a dus la M.Ap.N. ieri.", "Dl. Popescu s-a dus la M.Ap.N. ieri ."],
    ["\u201eDa\u201d, a zis dvs. Ion, 3,5 % din '90.", "\u201e Da \u201d , a zis dvs. Ion , 3,5 % din ' 90 ."],
    ["un o'clock", "un o ' clock"],
  ])("Romanian: %s", (text, tokens) => {
    expect(ro.tokenize(text).join(" ")).toBe(tokens);
  });

  it.each([
    [en, "He said, \"I don't know John's R & D (or 10:30)\", in the '90s."],
    [en, "the dogs' bones, 'cheap money', don\u2019t; 50% of $5 and/or well-known..."],
    [ro, "\u201eDa\u201d, a zis dvs. Ion: 3,5% din anii '90 \u2013 s-a dus la 10:30."],
  ])("%#: joins tokens to the text they came from", (tokenizer, text) => {
    expect(tokenizer.detokenize(tokenizer.tokenize(text))).toBe(text);
  });
});

describe("Romanian letters", () => {
  it("get the comma below, also when written with combining marks", () => {
    const right = "\u0218tiin\u021ba \u0219i \u021ar\u0103";
    expect(withCommaBelow("\u015etiin\u0163a \u015fi \u0162r\u0103")).toBe(right);
    expect(withCommaBelow("S\u0327tiint\u0326a s\u0326i T\u0327r\u0103")).toBe(right);
    expect(withCommaBelow(right)).toBe(right);
    expect(withCommaBelow(withCedilla(right))).toBe(right);
    expect(withCedilla(right)).toBe("\u015etiin\u0163a \u015fi \u0162r\u0103");
  });
});

describeWithSharedData("Moses tokens of real lines", () => {
  it.each([
    [en, english],
    [ro, romanian],
  ])("%#: equal sacremoses' but for an apostrophe at either end of a line", (tokenizer, golden) => {
    const lines = chosenLines(golden);
    expect(lines.length).toBe(golden.lines);
    // The Perl original, as here, separates these apostrophes; sacremoses' rule needs a character on both sides.
    const differing = differingLines(
      golden,
      lines.map((line) => tokenizer.tokenize(line).join(" ")),
    );
    expect(differing.filter((index) => !/^'|'$/.test(lines[index]))).toEqual([]);
    expect(differing.length / lines.length).toBeLessThan(0.005);
  });

  it.each([
    [en, english],
    [ro, romanian],
  ])("%#: come back as the line nearly always", (tokenizer, golden) => {
    const lines = chosenLines(golden);
    const same = lines.filter((line) => tokenizer.detokenize(tokenizer.tokenize(line)) === line);
    expect(same.length / lines.length).toBeGreaterThan(0.97);
  });
});
