/** A WordPiece from the files of a BERT-family model: tokenizer.json, or vocab.txt with tokenizer_config.json. */
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { DataMissingError, messageOf, UsageError } from "../base/errors.ts";
import { WordPiece } from "./wordPiece.ts";

function readUtf8(path: string): string {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    throw new UsageError(`${path} cannot be read: ${messageOf(error)}`);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new UsageError(`${path}: expected UTF-8 text`);
  }
}

function readJson(path: string): unknown {
  const text = readUtf8(path);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new UsageError(`${path}: expected JSON: ${messageOf(error)}`);
  }
}

const normalizerSchema = z.object({
  type: z.literal("BertNormalizer"),
  clean_text: z.literal(true).optional(),
  handle_chinese_chars: z.boolean().optional(),
  strip_accents: z.boolean().nullish(),
  lowercase: z.boolean().optional(),
});

/** The parts of tokenizer.json that decide ids; what else it holds (post-processor, decoder, truncation) does not. */
const tokenizerSchema = z.object({
  normalizer: normalizerSchema,
  pre_tokenizer: z.object({ type: z.literal("BertPreTokenizer") }),
  added_tokens: z.array(z.object({ id: z.int(), content: z.string() })).optional(),
  model: z.object({
    type: z.literal("WordPiece").optional(),
    unk_token: z.string(),
    continuing_subword_prefix: z.string(),
    max_input_chars_per_word: z.int().positive(),
    vocab: z.record(z.string(), z.int().min(0)),
  }),
});

/** Pieces by id. Ids must be 0, 1, 2, ... without a gap. */
function orderedPieces(vocabulary: Iterable<readonly [string, number]>, path: string): string[] {
  const pieces: string[] = [];
  let count = 0;
  for (const [piece, id] of vocabulary) {
    if (pieces[id] !== undefined && pieces[id] !== piece) {
      throw new UsageError(
        `${path}: both ${JSON.stringify(pieces[id])} and ${JSON.stringify(piece)} have the id ${id}`,
      );
    }
    if (pieces[id] === undefined) count++;
    pieces[id] = piece;
  }
  if (count !== pieces.length) {
    const gap = Array.from(pieces).indexOf(undefined as unknown as string);
    throw new UsageError(`${path}: no word piece has the id ${gap}; expected ids from 0 to ${pieces.length - 1}`);
  }
  return pieces;
}

/**
 * A WordPiece from a tokenizer.json of Hugging Face.
 *
 * @throws UsageError where it describes another kind of tokenizer or is damaged
 */
export function wordPieceFromTokenizerJson(path: string): WordPiece {
  const result = tokenizerSchema.safeParse(readJson(path));
  if (!result.success) {
    const problems = result.error.issues.map(
      ({ path: key, message }) => `${key.join(".") || "(top level)"}: ${message}`,
    );
    throw new UsageError(`${path}: expected the tokenizer of a BERT-family model (WordPiece): ${problems.join("; ")}`);
  }
  const { model, normalizer, added_tokens: added = [] } = result.data;
  const pieces = orderedPieces(
    [...Object.entries(model.vocab), ...added.map(({ content, id }) => [content, id] as const)],
    path,
  );
  const lowerCase = normalizer.lowercase ?? true;
  return new WordPiece(pieces, {
    lowerCase,
    stripAccents: normalizer.strip_accents ?? lowerCase,
    splitIdeographs: normalizer.handle_chinese_chars ?? true,
    unknown: model.unk_token,
    continuation: model.continuing_subword_prefix,
    longestWord: model.max_input_chars_per_word,
    special: added.map(({ content }) => content),
  });
}

/**
 * A WordPiece from a vocab.txt, one piece a line, the line's number its id.
 *
 * @param lowerCase whether the model is an uncased one
 * @throws UsageError where a line is empty or stands twice, or [UNK] is missing
 */
export function wordPieceFromVocabulary(path: string, options: { readonly lowerCase?: boolean } = {}): WordPiece {
  const lines = readUtf8(path).split(/\r?\n/);
  if (lines.at(-1) === "") lines.pop();
  const seen = new Map<string, number>();
  for (const [index, piece] of lines.entries()) {
    if (piece === "") throw new UsageError(`${path}:${index + 1}: the line is empty; expected a word piece`);
    const other = seen.get(piece);
    if (other !== undefined) {
      throw new UsageError(`${path}:${index + 1}: ${JSON.stringify(piece)} already stands in line ${other + 1}`);
    }
    seen.set(piece, index);
  }
  if (!seen.has("[UNK]")) {
    throw new UsageError(`${path}: there is no [UNK]; expected the vocabulary of a BERT-family model, a piece a line`);
  }
  return new WordPiece(lines, options);
}

const settingsSchema = z.object({ do_lower_case: z.boolean().optional(), strip_accents: z.boolean().nullish() });

/**
 * The WordPiece of a folder: its tokenizer.json if there is one, else its vocab.txt with the `do_lower_case` of
 * tokenizer_config.json (uncased where that says nothing).
 *
 * @throws DataMissingError where the folder or both files are missing; UsageError where a file is damaged
 */
export function readWordPiece(folder: string): WordPiece {
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory())
    throw new DataMissingError(`${folder} is not a folder`);
  const json = join(folder, "tokenizer.json");
  if (existsSync(json)) return wordPieceFromTokenizerJson(json);
  const vocabulary = join(folder, "vocab.txt");
  if (!existsSync(vocabulary)) {
    throw new DataMissingError(
      `${folder} has neither tokenizer.json nor vocab.txt: expected the folder of a BERT-family model`,
    );
  }
  const settings = join(folder, "tokenizer_config.json");
  if (!existsSync(settings)) return wordPieceFromVocabulary(vocabulary);
  const result = settingsSchema.safeParse(readJson(settings));
  if (!result.success) throw new UsageError(`${settings}: expected do_lower_case to be true or false`);
  return wordPieceFromVocabulary(vocabulary, { lowerCase: result.data.do_lower_case });
}
