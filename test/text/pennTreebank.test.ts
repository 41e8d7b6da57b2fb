import { describe, expect, it } from "vitest";
import { tokenizerByName } from "../../src/text/tokenizer-names.ts";
import { describeWithSharedData } from "../support/sharedData.ts";
import { chosenLines, differingLines, wholeHash } from "./golden/lines.ts";
import golden from "./golden/penn-treebank.json" with { type: "json" };
import own from "./golden/penn-treebank-own.json" with { type: "json" };

const { tokenize, tokenizeWithOffsets } = tokenizerByName("ptb-cased");

/**
 * Lines (of the chosen ones) whose tokens differ, all for one reason: CoreNLP read them as one file and decided by the
 * next line's first word whether an abbreviation at the end of a line ends a sentence; here the line is all there is.
 */
const DECIDED_BY_THE_NEXT_LINE = [533, 1960, 3202, 3475];

describe("Penn-Treebank tokens against CoreNLP 3.4.1", () => {
  it.each(own.cases)("%s", (text, tokens) => {
    expect(tokenize(text).join(" ")).toBe(tokens);
  });

  it("keeps what CoreNLP throws away as unknown", () => {
    expect(tokenize("a \u{1f600} b \u300cc\u300d")).toEqual(["a", "\u{1f600}", "b", "\u300c", "c", "\u300d"]);
  });

  it("gives an abbreviation's period once more at the end of a text, an acronym's before a sentence's first word", () => {
    expect(tokenize("Smith Inc.")).toEqual(["Smith", "Inc.", "."]);
    expect(tokenize("the U.S.\nThe army")).toEqual(["the", "U.S.", ".", "The", "army"]);
    expect(tokenize("the U.S.\nArmy")).toEqual(["the", "U.S.", "Army"]);
  });

  it("says where tokens stand that read differently from the text", () => {
    const text = "\u201cI can\u2019t,\u201d (he) said\u2026 etc. The \u20ac5";
    const spans = tokenizeWithOffsets(text).map(({ token, start, end }) => [token, text.slice(start, end)]);
    expect(spans).toEqual([
      ...[
        ["``", "\u201c"],
        ["I", "I"],
        ["ca", "ca"],
        ["n't", "n\u2019t"],
        [",", ","],
        ["''", "\u201d"],
      ],
      ...[
        ["-LRB-", "("],
        ["he", "he"],
        ["-RRB-", ")"],
        ["said", "said"],
        ["...", "\u2026"],
        ["etc.", "etc."],
      ],
      ...[
        [".", "."],
        ["The", "The"],
        ["$", "\u20ac"],
        ["5", "5"],
      ],
    ]);
  });
});

describeWithSharedData("Penn-Treebank tokens of real lines", () => {
  const lines = chosenLines(golden);

  it("equal CoreNLP's on 99.9 % of lines, and the others are known", () => {
    expect(lines.length).toBe(golden.lines);
    const differing = differingLines(
      golden,
      lines.map((line) => tokenize(line).join(" ")),
    );
    expect(differing).toEqual(DECIDED_BY_THE_NEXT_LINE);
    expect(differing.length / lines.length).toBeLessThan(0.001);
  });

  it("equal all of CoreNLP's when the lines are read as one text, as CoreNLP did", () => {
    expect(wholeHash(tokenize(lines.join("\n")))).toBe(golden.tokensSha256);
  });

  it("cover the text with their spans", () => {
    const wrong = lines.filter((line) => {
      let last = 0;
      for (const { token, start, end } of tokenizeWithOffsets(line)) {
        // An abbreviation's final period stands in two tokens.
        if (line.slice(last, start).trim() !== "" || start < (token === "." ? last - 1 : last)) return true;
        if (/^[A-Za-z0-9]+$/.test(token) && token !== "cents" && line.slice(start, end) !== token) return true;
        last = end;
      }
      return line.slice(last).trim() !== "";
    });
    expect(wrong).toEqual([]);
  });
});
