import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { splitSentences } from "../../src/text/sentences.ts";
import { describeWithSharedData, sharedLines, sharedPath } from "../support/sharedData.ts";

const split = (text: string): string[] => splitSentences(text).map(({ start, end }) => text.slice(start, end));

describe("splitSentences", () => {
  it.each([
    ["One. Two! Three? Four\u2026 Five", ["One.", "Two!", "Three?", "Four\u2026", "Five"]],
    ['He said "Go." Then (he left.) 5 stayed.', ['He said "Go."', "Then (he left.)", "5 stayed."]],
    ["Mr. Smith met Dr. J. R. Roe vs. Wade.", ["Mr. Smith met Dr. J. R. Roe vs. Wade."]],
    [
      "It is in the U.S. The army, e.g. the U.S. Army, left.",
      ["It is in the U.S.", "The army, e.g. the U.S. Army, left."],
    ],
    ["See fig. 3, No. 5 and p. 7. It costs 3.5 million.", ["See fig. 3, No. 5 and p. 7.", "It costs 3.5 million."]],
    ["On Jan. 5 Apple Inc. sold it. apples too.", ["On Jan. 5 Apple Inc. sold it. apples too."]],
    ["wait ... what? no. yes.", ["wait ... what? no. yes."]],
    ["A title\n\nA text. End", ["A title", "A text.", "End"]],
    [
      "Dl. Popescu vine. \u0218i pleac\u0103 la str. Lung\u0103.",
      ["Dl. Popescu vine.", "\u0218i pleac\u0103 la str. Lung\u0103."],
    ],
    ["The I. A. P. A. found it.", ["The I. A. P. A. found it."]],
    ["", []],
    [" \n\n ", []],
  ])("%j", (text, sentences) => {
    expect(split(text)).toEqual(sentences);
  });

  it("keeps spans whole", () => {
    const text = "One. Two. Three. Four. Five.";
    const at = (part: string): { start: number; end: number } => {
      const start = text.indexOf(part);
      return { start, end: start + part.length };
    };
    const cut = (...keep: string[]): string[] =>
      splitSentences(text, keep.map(at)).map(({ start, end }) => text.slice(start, end));
    expect(cut("Two. Th")).toEqual(["One.", "Two. Three.", "Four.", "Five."]);
    expect(cut("Two.", "Three.")).toEqual(["One.", "Two.", "Three.", "Four.", "Five."]);
    expect(cut("e. Four", "wo. Three. F")).toEqual(["One.", "Two. Three. Four.", "Five."]);
    expect(cut(text)).toEqual([text]);
  });

  it("never throws, loses nothing but white space and cuts no kept span", () => {
    const piece = fc.constantFrom(..."aB1.!?\"') \n\u00e9\ud83d\ude00\ud83d", ". A", "Mr. ", "U.S. The");
    const texts = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.array(piece).map((parts) => parts.join("")),
    );
    fc.assert(
      fc.property(texts, fc.array(fc.tuple(fc.nat(40), fc.nat(10))), (text, keep) => {
        const kept = keep.map(([start, length]) => ({ start, end: Math.min(text.length, start + length) }));
        const whole = kept.filter(
          ({ start, end }) => end > start && text.slice(start, end).trim() === text.slice(start, end),
        );
        const spans = splitSentences(text, whole);
        let last = 0;
        for (const { start, end } of spans) {
          expect(text.slice(last, start).trim()).toBe("");
          expect(end).toBeGreaterThan(start);
          last = end;
        }
        expect(text.slice(last).trim()).toBe("");
        const cut = whole.filter((span) => !spans.some(({ start, end }) => start <= span.start && end >= span.end));
        expect(cut).toEqual([]);
      }),
      { numRuns: 1000, seed: 8 },
    );
  });
});

describeWithSharedData("splitSentences on real text", () => {
  it("finds the sentences of the Brown corpus, ten lines joined at a time", () => {
    const lines = sharedLines("text/brown.txt").filter(
      (line) => /^["'`(]*[A-Z]/.test(line) && /[.!?]["')]*$/.test(line),
    );
    let right = 0;
    let found = 0;
    for (let at = 0; at + 10 <= lines.length; at += 100) {
      const part = lines.slice(at, at + 10);
      const starts = new Set(splitSentences(part.join(" ")).map(({ start }) => start));
      found += starts.size;
      let position = 0;
      for (const line of part) {
        if (starts.has(position)) right++;
        position += line.length + 1;
      }
    }
    expect(right / found).toBeGreaterThan(0.99);
    expect(right / (Math.floor(lines.length / 100) * 10)).toBeGreaterThan(0.99);
  });

  it("cuts no answer of SQuAD's dev set", () => {
    interface Paragraph {
      readonly context: string;
      readonly qas: readonly {
        readonly answers: readonly { readonly answer_start: number; readonly text: string }[];
      }[];
    }
    const file = JSON.parse(readFileSync(sharedPath("squad/dev-v1.1.rebuilt.json"), "utf8")) as {
      readonly data: readonly { readonly paragraphs: readonly Paragraph[] }[];
    };
    let answers = 0;
    let crossing = 0;
    for (const { context, qas } of file.data.flatMap(({ paragraphs }) => paragraphs)) {
      const spans = qas.flatMap((qa) =>
        qa.answers.map(({ answer_start: start, text }) => ({ start, end: start + text.length })),
      );
      const inside = (sentences: readonly { start: number; end: number }[]): number =>
        spans.filter((span) => sentences.some(({ start, end }) => start <= span.start && end >= span.end)).length;
      answers += spans.length;
      crossing += spans.length - inside(splitSentences(context));
      expect(inside(splitSentences(context, spans))).toBe(spans.length);
    }
    expect(answers).toBe(34_726);
    // Without being told, it cuts few: answers that are really two sentences, and short forms of the text.
    expect(crossing / answers).toBeLessThan(0.005);
  });
});
