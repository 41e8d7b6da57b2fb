import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Tokenizer as HuggingFaceTokenizer } from "@huggingface/tokenizers";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { DataMissingError, UsageError } from "../../src/base/errors.ts";
import { CodePointOffsets } from "../../src/corpora/squad/codePoints.ts";
import { WordPiece } from "../../src/text/wordPiece.ts";
import { readWordPiece, wordPieceFromTokenizerJson, wordPieceFromVocabulary } from "../../src/text/wordPieceFolder.ts";
import { describeWithSharedData, sharedPath } from "../support/sharedData.ts";
import { chosenLines, differingLines, wholeHash } from "./golden/lines.ts";
import golden from "./golden/wordpiece.json" with { type: "json" };
import cased from "./golden/wordpiece-cased.json" with { type: "json" };

const folder = mkdtempSync(join(tmpdir(), "riverrun-wordpiece-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const pieces = [
  ...[
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    "the",
    "river",
    "run",
    "##s",
    "##run",
    "un",
    "##a",
    "##ff",
    "##able",
  ],
  ...["naive", "cafe", "Cafe", "na\u00efve", "a", "##b", "\u4e2d", "\u6587", ",", ".", "'", "[", "]", "t", "don", "-"],
  ...["\u1112", "##\u1161", "##\u11ab", "5", "\u00b0", "##c", "istanbul", "!", "x", "##x", "A", "##B"],
];
const uncased = new WordPiece(pieces);

const read = (text: string, by = uncased): string =>
  by
    .tokenizeWithOffsets(text)
    .map(({ token, start, end }) => `${token}@${text.slice(start, end)}`)
    .join(" ");

describe("WordPiece", () => {
  // As Hugging Face tokenizers 0.23.3 cuts them.
  it.each([
    ["The river runs.", "the@The river@river run@run ##s@s .@."],
    ["riverrun, unaffable", "river@river ##run@run ,@, un@un ##a@a ##ff@ff ##able@able"],
    ["na\u00efve cafe\u0301!", "naive@na\u00efve cafe@cafe !@!"],
    ["\u4e2d\u6587the", "\u4e2d@\u4e2d \u6587@\u6587 the@the"],
    ["don't [SEP] [sep]", "don@don '@' t@t [SEP]@[SEP] [@[ [UNK]@sep ]@]"],
    ["a\u200db\u00ad \u0000the\u2028run\u0085s", "a@a ##b@b the@the run@run ##s@s"],
    ["\ud55c", "\u1112@\ud55c ##\u1161@\ud55c ##\u11ab@\ud55c"],
    ["\u0130stanbul 5\u00b0C", "istanbul@\u0130stanbul [UNK]@5\u00b0C"],
    [`${"x".repeat(100)}`, `x@x ${Array.from({ length: 99 }, () => "##x@x").join(" ")}`],
    [`${"x".repeat(101)}`, `[UNK]@${"x".repeat(101)}`],
    ["", ""],
    [" \t\u3000", ""],
  ])("%j", (text, expected) => {
    expect(read(text)).toBe(expected);
  });

  it("keeps case and accents for a cased model", () => {
    const by = new WordPiece(pieces, { lowerCase: false });
    expect(read("Cafe na\u00efve AB the", by)).toBe("Cafe@Cafe na\u00efve@na\u00efve A@A ##B@B the@the");
  });

  it("joins pieces into prose", () => {
    const { detokenize } = { detokenize: (tokens: string[]): string => uncased.detokenize(tokens) };
    expect(detokenize(["un", "##a", "##ff", "##able", ",", "don", "'", "t", "well", "-", "known", ".", ".", "."])).toBe(
      "unaffable, don't well-known...",
    );
    expect(detokenize(["##s", "$", "3", ".", "5", "(", "1", ",", "000", ")", "o", "'", "brien", "'", "s", "!"])).toBe(
      "##s $3.5 (1,000) o'brien's!",
    );
  });

  it("names an id that is none, an unknown special piece, a piece that stands twice, a missing [UNK]", () => {
    expect(uncased.piece(5)).toBe("the");
    expect(() => uncased.piece(-1)).toThrow(UsageError);
    expect(() => new WordPiece(["[UNK]", "a", "a"])).toThrow(/"a" is 1 and again 2/);
    expect(() => new WordPiece(["a"])).toThrow(/no \[UNK\]/);
    expect(() => new WordPiece(["[UNK]"], { special: ["[X]"] })).toThrow(/no "\[X\]"/);
  });

  it("never throws; spans are in order, pieces without change equal what they were made from", () => {
    const piece = fc.constantFrom(
      ..."thermunx'.,[]- \t\u00e9\u4e2d\u0301\u200d\u0000\ud83d\ude00\u0130\ud55c",
      "[SEP]",
      "river",
    );
    const texts = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.array(piece).map((parts) => parts.join("")),
    );
    fc.assert(
      fc.property(texts, (text) => {
        const spans = uncased.tokenizeWithOffsets(text);
        const wrong = spans.filter(({ token, start, end }, index) => {
          const before = spans[index - 1];
          // Pieces of one character share its span.
          if (before && start < before.end && start !== before.start) return true;
          if (end <= start || end > text.length) return true;
          const bare = token.replace(/^##/, "");
          return (
            token !== "[UNK]" &&
            /^[\x21-\x7e]+$/.test(text.slice(start, end)) &&
            bare !== text.slice(start, end).toLowerCase() &&
            bare !== text.slice(start, end)
          );
        });
        expect(wrong).toEqual([]);
      }),
      { numRuns: 1000, seed: 5 },
    );
  });
});

describe("readWordPiece", () => {
  let count = 0;
  const made = (files: Readonly<Record<string, string>>): string => {
    const path = join(folder, String(count++));
    mkdirSync(path);
    for (const [name, text] of Object.entries(files)) writeFileSync(join(path, name), text);
    return path;
  };
  const vocabulary = `${pieces.join("\n")}\n`;
  const json = (change: object = {}): object => ({
    normalizer: {
      type: "BertNormalizer",
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase: false,
    },
    pre_tokenizer: { type: "BertPreTokenizer" },
    added_tokens: [{ id: 3, content: "[SEP]" }],
    model: {
      type: "WordPiece",
      unk_token: "[UNK]",
      continuing_subword_prefix: "##",
      max_input_chars_per_word: 7,
      vocab: Object.fromEntries(pieces.map((piece, id) => [piece, id])),
    },
    ...change,
  });

  it("reads vocab.txt, uncased unless tokenizer_config.json says otherwise", () => {
    expect(readWordPiece(made({ "vocab.txt": vocabulary })).tokenize("The CAFE")).toEqual(["the", "cafe"]);
    const files = {
      "vocab.txt": vocabulary.replaceAll("\n", "\r\n"),
      "tokenizer_config.json": '{"do_lower_case":false}',
    };
    expect(readWordPiece(made(files)).tokenize("The Cafe")).toEqual(["[UNK]", "Cafe"]);
  });

  it("reads tokenizer.json with all that decides ids", () => {
    const wordPiece = readWordPiece(made({ "tokenizer.json": JSON.stringify(json()) }));
    expect(wordPiece.tokenize("Cafe river [SEP] [CLS] riverrun")).toEqual([
      ...["Cafe", "river", "[SEP]", "[", "[UNK]", "]", "[UNK]"],
    ]);
  });

  it.each([
    ["no folder", () => join(folder, "none"), DataMissingError, /is not a folder/],
    ["neither file", () => made({}), DataMissingError, /neither tokenizer\.json nor vocab\.txt/],
    ["an empty line", () => made({ "vocab.txt": "[UNK]\n\na\n" }), UsageError, /vocab\.txt:2: the line is empty/],
    [
      "a piece twice",
      () => made({ "vocab.txt": "[UNK]\na\na\n" }),
      UsageError,
      /vocab\.txt:3: "a" already stands in line 2/,
    ],
    ["no [UNK]", () => made({ "vocab.txt": "a\n" }), UsageError, /no \[UNK\]/],
    ["bad JSON", () => made({ "tokenizer.json": "{" }), UsageError, /tokenizer\.json: expected JSON/],
    [
      "another model",
      () => made({ "tokenizer.json": '{"model":{"type":"BPE"}}' }),
      UsageError,
      /WordPiece.*normalizer/s,
    ],
    [
      "a gap in the ids",
      () =>
        made({
          "tokenizer.json": JSON.stringify(
            json({ model: { ...(json() as { model: object }).model, vocab: { "[UNK]": 0, a: 4 } } }),
          ),
        }),
      UsageError,
      /no word piece has the id 1/,
    ],
    [
      "bad settings",
      () => made({ "vocab.txt": vocabulary, "tokenizer_config.json": '{"do_lower_case":1}' }),
      UsageError,
      /do_lower_case/,
    ],
  ])("refuses %s", (_, path, kind, message) => {
    const reading = (): unknown => readWordPiece(path());
    expect(reading).toThrow(kind);
    expect(reading).toThrow(message);
  });

  it("refuses bytes that are no UTF-8", () => {
    const path = made({});
    writeFileSync(join(path, "vocab.txt"), Buffer.from([0x5b, 0xff, 0x0a]));
    expect(() => wordPieceFromVocabulary(join(path, "vocab.txt"))).toThrow(/expected UTF-8/);
  });

  it("gives the ids of @huggingface/tokenizers for the same tokenizer.json", () => {
    const path = made({ "tokenizer.json": JSON.stringify(json()) });
    const ours = wordPieceFromTokenizerJson(join(path, "tokenizer.json"));
    const theirs = new HuggingFaceTokenizer({ ...json(), added_tokens: [], post_processor: null, decoder: null }, {});
    for (const text of ["The river runs, don't!", "Cafe na\u00efve A AB", "\u4e2d\u6587 x-x", "unaffable riverrun"]) {
      expect(ours.encode(text).ids).toEqual(theirs.encode(text).ids);
    }
  });
});

describeWithSharedData("WordPiece on real lines with MiniLM's vocabulary", () => {
  it.each([
    ["uncased", golden],
    ["cased", cased],
  ])("gives the ids and spans of tokenizers 0.23.3, %s", (kind, expected) => {
    const wordPiece = wordPieceFromVocabulary(sharedPath("minilm/vocab.txt"), { lowerCase: kind === "uncased" });
    const rows = chosenLines(expected).map((line) => {
      const { ids, starts, ends } = wordPiece.encode(line);
      const offsets = new CodePointOffsets(line);
      return ids.map((id, at) => `${id}:${offsets.fromUnits(starts[at])}:${offsets.fromUnits(ends[at])}`).join(" ");
    });
    expect(rows.length).toBe(expected.lines);
    expect(rows.length).toBeGreaterThan(10_000);
    expect(differingLines(expected, rows)).toEqual([]);
    expect(wholeHash(rows)).toBe(expected.sha256);
  });
});
