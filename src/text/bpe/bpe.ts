/** Byte-pair encoding: applying learned merges; the text format of subword-nmt. */
import { UsageError } from "../../base/errors.ts";
import { classAt, SPACE } from "../characters.ts";
import type { TextToken } from "../offsets.ts";
import type { Tokenizer } from "../tokenizer.ts";

/** Two symbols that become one. The last symbol of a word ends in {@link END_OF_WORD}. */
export type Merge = readonly [left: string, right: string];

/** What marks the last symbol of a word while merging. */
export const END_OF_WORD = "</w>";

/** What marks a piece that goes on in the next one. */
export const SEPARATOR = "@@";

const HEADER = "#version: 0.2";

/** Words remembered with their pieces; the store is emptied when it is full, so memory stays bounded. */
const REMEMBERED_WORDS = 1 << 16;

/**
 * Cuts words into learned pieces. Words are what white space separates, or the tokens of another tokenizer; a piece that
 * is not the last of its word ends in "@@". Pieces equal those of subword-nmt and of Hugging Face `tokenizers` with the
 * same merges.
 */
export class Bpe implements Tokenizer {
  readonly name = "bpe";
  readonly merges: readonly Merge[];
  readonly #ranks = new Map<string, Map<string, number>>();
  readonly #words: Tokenizer | undefined;
  readonly #pieces = new Map<string, readonly string[]>();

  /**
   * @param merges in the order in which they were learned; of merges that stand twice the first counts
   * @param words cuts the text into words; without it white space does
   */
  constructor(merges: readonly Merge[], words?: Tokenizer) {
    this.merges = merges;
    this.#words = words;
    for (const [rank, [left, right]] of merges.entries()) {
      let ranks = this.#ranks.get(left);
      if (!ranks) {
        ranks = new Map();
        this.#ranks.set(left, ranks);
      }
      if (!ranks.has(right)) ranks.set(right, rank);
    }
  }

  /** The pieces of a word, without marks; they make up the word. */
  segment(word: string): readonly string[] {
    const known = this.#pieces.get(word);
    if (known) return known;
    const pieces = this.#segmentAnew(word);
    if (word.length <= 64) {
      if (this.#pieces.size >= REMEMBERED_WORDS) this.#pieces.clear();
      this.#pieces.set(word, pieces);
    }
    return pieces;
  }

  #segmentAnew(word: string): readonly string[] {
    const symbols = [...word];
    if (symbols.length < 2) return symbols;
    symbols[symbols.length - 1] += END_OF_WORD;
    for (;;) {
      let best = Number.POSITIVE_INFINITY;
      for (let at = 0; at + 1 < symbols.length; at++) {
        const rank = this.#ranks.get(symbols[at])?.get(symbols[at + 1]);
        if (rank !== undefined && rank < best) best = rank;
      }
      if (best === Number.POSITIVE_INFINITY) break;
      const [left, right] = this.merges[best];
      let to = 0;
      for (let at = 0; at < symbols.length; at++, to++) {
        if (symbols[at] === left && symbols[at + 1] === right) {
          symbols[to] = left + right;
          at++;
        } else {
          symbols[to] = symbols[at];
        }
      }
      symbols.length = to;
    }
    const last = symbols.length - 1;
    symbols[last] = symbols[last].slice(0, -END_OF_WORD.length);
    return symbols;
  }

  tokenize(text: string): string[] {
    const tokens: string[] = [];
    this.#scan(text, (token) => tokens.push(token));
    return tokens;
  }

  /** Where a word is not the text it was made from (another tokenizer's quotes, say), its pieces all have its span. */
  tokenizeWithOffsets(text: string): TextToken[] {
    const tokens: TextToken[] = [];
    this.#scan(text, (token, start, end) => tokens.push({ token, start, end }));
    return tokens;
  }

  #scan(text: string, emit: (token: string, start: number, end: number) => void): void {
    if (this.#words) {
      for (const { token, start, end } of this.#words.tokenizeWithOffsets(text)) {
        this.#emitWord(token, start, end, text.startsWith(token, start) && end - start === token.length, emit);
      }
      return;
    }
    let at = 0;
    while (at < text.length) {
      while (at < text.length && classAt(text, at) === SPACE) at++;
      const start = at;
      while (at < text.length && classAt(text, at) !== SPACE) at++;
      if (at > start) this.#emitWord(text.slice(start, at), start, at, true, emit);
    }
  }

  #emitWord(
    word: string,
    start: number,
    end: number,
    isVerbatim: boolean,
    emit: (token: string, start: number, end: number) => void,
  ): void {
    const pieces = this.segment(word);
    let at = start;
    pieces.forEach((piece, index) => {
      const token = index + 1 < pieces.length ? piece + SEPARATOR : piece;
      if (isVerbatim) emit(token, at, at + piece.length);
      else emit(token, start, end);
      at += piece.length;
    });
  }

  /** Pieces joined to words; words to a text by the tokenizer that cut them, or by spaces. */
  detokenize(tokens: readonly string[]): string {
    const words = joinBpePieces(tokens);
    return this.#words ? this.#words.detokenize(words) : words.join(" ");
  }

  /** The merges in subword-nmt's format, a line each. */
  toString(): string {
    return `${HEADER}\n${this.merges.map(([left, right]) => `${left} ${right}\n`).join("")}`;
  }

  /**
   * Reads subword-nmt's format, version 0.2.
   *
   * @throws UsageError naming `path` and the line
   */
  static parse(text: string, path: string, words?: Tokenizer): Bpe {
    const lines = text.split("\n");
    if (lines.at(-1) === "") lines.pop();
    if (lines[0]?.trimEnd() !== HEADER) {
      throw new UsageError(`${path}:1: expected "${HEADER}", the first line of a file of BPE merges`);
    }
    const merges = lines.slice(1).map((line, index): Merge => {
      const parts = line.replace(/[\r ]+$/, "").split(" ");
      if (parts.length !== 2 || parts[0] === "" || parts[1] === "") {
        throw new UsageError(`${path}:${index + 2}: expected two symbols with a space between them`);
      }
      return [parts[0], parts[1]];
    });
    return new Bpe(merges, words);
  }
}

/** Words of pieces: "@@" at the end of a piece ties it to the next one. */
export function joinBpePieces(tokens: readonly string[]): string[] {
  const words: string[] = [];
  let word = "";
  let isOpen = false;
  for (const token of tokens) {
    isOpen = token.endsWith(SEPARATOR) && token.length > SEPARATOR.length;
    word += isOpen ? token.slice(0, -SEPARATOR.length) : token;
    if (isOpen) continue;
    words.push(word);
    word = "";
  }
  if (isOpen) words.push(word);
  return words;
}
