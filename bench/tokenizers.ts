/**
 * How fast text is cut on one core: `npx tsx bench/tokenizers.ts [--word-pieces DIR] [FILE...]` prints one JSON object a
 * tokenizer, the best of five passes over the lines of the files (without files, over the built-in corpus). DIR is the
 * folder of a BERT-family model. Time is processor time of this process, so that other load shows little.
 */
import { readFileSync } from "node:fs";
import { Tokenizer as HuggingFaceTokenizer } from "@huggingface/tokenizers";
import { builtinCorpus } from "../src/corpora/index.ts";
import { Bpe } from "../src/text/bpe/bpe.ts";
import { trainBpe } from "../src/text/bpe/train.ts";
import { tokenize13a, tokenize13aWithOffsets } from "../src/text/mteval13a.ts";
import { splitSentences } from "../src/text/sentences.ts";
import { tokenizerByName, tokenizerNames } from "../src/text/tokenizer-names.ts";
import { readWordPiece } from "../src/text/wordPieceFolder.ts";
import { programOptions } from "./options.ts";

const PASSES = 5;
const MERGES = 4000;
const LINES_FOR_MERGES = 20_000;

const { values, positionals } = programOptions("[--word-pieces DIR] [FILE...]", {
  allowPositionals: true,
  options: { "word-pieces": { type: "string" } },
});

const lines =
  positionals.length > 0
    ? positionals.flatMap((file) => readFileSync(file, "utf8").split("\n"))
    : Array.from({ length: 10 }, () => builtinCorpus().sentences).flat();
const megabytes = lines.reduce((sum, line) => sum + Buffer.byteLength(line) + 1, 0) / 1e6;

/** Passes over all lines and prints the best. */
function measure(name: string, count: (line: string) => number): void {
  let best = Number.POSITIVE_INFINITY;
  let tokens = 0;
  for (let pass = 0; pass < PASSES; pass++) {
    const before = process.cpuUsage();
    tokens = 0;
    for (const line of lines) tokens += count(line);
    const { user, system } = process.cpuUsage(before);
    best = Math.min(best, (user + system) / 1e6);
  }
  const round = (value: number): number => Number(value.toPrecision(3));
  const result = {
    name,
    megabytesPerSecond: round(megabytes / best),
    millionTokensPerSecond: round(tokens / best / 1e6),
  };
  process.stdout.write(`${JSON.stringify({ ...result, megabytes: round(megabytes), tokens })}\n`);
}

for (const name of tokenizerNames) {
  const tokenizer = tokenizerByName(name);
  measure(name, (line) => tokenizer.tokenize(line).length);
  measure(`${name} with offsets`, (line) => tokenizer.tokenizeWithOffsets(line).length);
}
measure("13a", (line) => tokenize13a(line).length);
measure("13a with offsets", (line) => tokenize13aWithOffsets(line).length);
measure("sentences", (line) => splitSentences(line).length);

const start = process.hrtime.bigint();
const bpe = new Bpe(trainBpe(lines.slice(0, LINES_FOR_MERGES), { merges: MERGES }));
const seconds = Number(process.hrtime.bigint() - start) / 1e9;
process.stdout.write(`${JSON.stringify({ name: "bpe training", merges: bpe.merges.length, seconds })}\n`);
measure("bpe", (line) => bpe.tokenize(line).length);

const folder = values["word-pieces"];
if (folder !== undefined) {
  const wordPiece = readWordPiece(folder);
  measure("wordpiece with offsets", (line) => wordPiece.encode(line).ids.length);
  const { lowerCase, stripAccents, splitIdeographs, unknown, continuation, longestWord } = wordPiece.options;
  const library = new HuggingFaceTokenizer(
    {
      added_tokens: [],
      normalizer: {
        type: "BertNormalizer",
        clean_text: true,
        handle_chinese_chars: splitIdeographs,
        strip_accents: stripAccents,
        lowercase: lowerCase,
      },
      pre_tokenizer: { type: "BertPreTokenizer" },
      post_processor: null,
      decoder: null,
      model: {
        type: "WordPiece",
        unk_token: unknown,
        continuing_subword_prefix: continuation,
        max_input_chars_per_word: longestWord,
        vocab: Object.fromEntries(wordPiece.pieces.map((piece, id) => [piece, id])),
      },
    },
    {},
  );
  measure("@huggingface/tokenizers, without offsets", (line) => library.encode(line).ids.length);
}
