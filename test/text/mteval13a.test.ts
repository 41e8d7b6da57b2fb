import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { tokenize13a, tokenize13aWithOffsets } from "../../src/text/mteval13a.ts";
import { describeWithSharedData } from "../support/sharedData.ts";
import golden from "./golden/13a.json" with { type: "json" };
import { chosenLines, differingLines, wholeHash } from "./golden/lines.ts";

describe("13a", () => {
  // Made by sacrebleu 2.6.0's Tokenizer13a.
  it.each([
    ["Hello, world.", "Hello , world ."],
    ["It's 3.5%, not 1,000.", "It's 3.5 % , not 1,000 ."],
    ["pages 10-12, well-known", "pages 10 - 12 , well-known"],
    ["&quot;A&quot; &amp;amp; &lt;b&gt;", '" A " & amp ; < b >'],
    ["a&amp;lt;b", "a < b"],
    ["end-\nof\nline<skipped>!", "endof line !"],
    [".5 5. ,5 5, ..a", ". 5 5 . , 5 5 , . . a"],
    ["{x}[y]~`^_|\\/@#", "{ x } [ y ] ~ ` ^ _ | \\ / @ #"],
    ["\u201cCe faci?\u201d \u2013 a\u00a0b\u3000c\u001cd\ufeffe", "\u201cCe faci ? \u201d \u2013 a b c d\ufeffe"],
    ["", ""],
  ])("%j", (text, tokens) => {
    expect(tokenize13a(text).join(" ")).toBe(tokens);
  });

  it("gives the span of every token", () => {
    const text = "He said: &quot;1,000-2&quot;.";
    const spans = tokenize13aWithOffsets(text);
    expect(spans.map(({ token }) => token)).toEqual(tokenize13a(text));
    expect(spans.map(({ start, end }) => text.slice(start, end))).toEqual([
      ...["He", "said", ":", "&quot;", "1,000", "-", "2", "&quot;", "."],
    ]);
  });

  it("never throws, and its spans are in order and cover what they stand for", () => {
    const piece = fc.constantFrom(..."a1.,-'&\"<>; \n\t\u00e9\ud83d\ude00\ud83d", "&amp;", "&lt;", "<skipped>");
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: "binary" }),
          fc.array(piece).map((parts) => parts.join("")),
        ),
        (text) => {
          let last = 0;
          const spans = tokenize13aWithOffsets(text);
          expect(spans.map(({ token }) => token)).toEqual(tokenize13a(text));
          for (const { token, start, end } of spans) {
            expect(start).toBeGreaterThanOrEqual(last);
            expect(end).toBeGreaterThan(start);
            last = end;
            const span = text.slice(start, end);
            if (!/[&\n]|<skipped>/.test(span)) expect(span).toBe(token);
          }
        },
      ),
      { numRuns: 500, seed: 13 },
    );
  });
});

describeWithSharedData("13a on real lines", () => {
  it("equals sacrebleu on every line", () => {
    const rows = chosenLines(golden).map((line) => tokenize13a(line).join(" "));
    expect(rows.length).toBe(golden.lines);
    expect(differingLines(golden, rows)).toEqual([]);
    expect(wholeHash(rows)).toBe(golden.sha256);
  });
});
