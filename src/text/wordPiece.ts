/**
 * BERT's WordPiece (Devlin et al. 2019), with ids equal to Hugging Face `tokenizers` 0.23.3: normalise, split at white
 * space, punctuation and ideographs, then cut every word into the longest known pieces from the left.
 */
import { UsageError } from "../base/errors.ts";
import {
  BERT_DROPPED,
  BERT_IDEOGRAPH,
  BERT_LETTER,
  BERT_PUNCTUATION,
  BERT_SPACE,
  bertClass,
} from "./bertCharacters.ts";
import type { TextToken } from "./offsets.ts";
import type { Tokenizer } from "./tokenizer.ts";
import { joinWordPieces } from "./wordPieceSpacing.ts";

/** How a model's WordPiece was set up. */
export interface WordPieceOptions {
  /** Lower-case the text ("uncased" models); true unless said otherwise. */
  readonly lowerCase?: boolean;
  /** Decompose characters and delete combining marks; as `lowerCase` unless said otherwise. */
  readonly stripAccents?: boolean;
  /** Ideographs are words of their own; true unless said otherwise. */
  readonly splitIdeographs?: boolean;
  /** The piece of a word that cannot be cut; "[UNK]". */
  readonly unknown?: string;
  /** What marks a piece that continues a word; "##". */
  readonly continuation?: string;
  /** A word of more characters is unknown; 100, as in `tokenizers` (the original BERT code has 200). */
  readonly longestWord?: number;
  /** Pieces that are recognised as they stand in a text, before it is normalised; those of BERT that the vocabulary has. */
  readonly special?: readonly string[];
}

/** A text in word pieces: ids and the spans they were made from, in UTF-16 units. */
export interface EncodedPieces {
  readonly ids: number[];
  readonly starts: number[];
  readonly ends: number[];
}

/** How one word is cut: ids and where each piece ends in the normalised word. */
interface Cut {
  readonly ids: readonly number[];
  readonly ends: readonly number[];
}

/** The special pieces of BERT's own vocabularies. */
export const BERT_SPECIAL: readonly string[] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];

/** Words remembered with their pieces; the store is emptied when it is full, so memory stays bounded. */
const REMEMBERED_WORDS = 1 << 16;
const REMEMBERED_LENGTH = 32;

const isAsciiWord = (unit: number): boolean =>
  ((unit | 0x20) >= 0x61 && (unit | 0x20) <= 0x7a) || (unit >= 0x30 && unit <= 0x39);

/** A word being collected from normalised characters, each with the span it came from. */
class Word {
  text = "";
  /** Spans of every UTF-16 unit of `text`. */
  readonly starts: number[] = [];
  readonly ends: number[] = [];

  add(characters: string, start: number, end: number): void {
    this.text += characters;
    for (let unit = 0; unit < characters.length; unit++) {
      this.starts.push(start);
      this.ends.push(end);
    }
  }

  clear(): void {
    this.text = "";
    this.starts.length = 0;
    this.ends.length = 0;
  }
}

export class WordPiece implements Tokenizer {
  readonly name = "wordpiece";
  /** Pieces by id. */
  readonly pieces: readonly string[];
  readonly lowerCase: boolean;
  readonly unknownId: number;
  readonly options: Required<WordPieceOptions>;
  readonly #ids: ReadonlyMap<string, number>;
  /** Continuing pieces without their mark. */
  readonly #continuations: ReadonlyMap<string, number>;
  readonly #longest: number;
  /** Special pieces by their first unit, longest first. */
  readonly #special = new Map<number, string[]>();
  readonly #normal = new Map<number, string>();
  readonly #cuts = new Map<string, Cut>();
  /** Ids of the words that are one ASCII character. */
  readonly #ascii: Int32Array;

  /**
   * @param pieces all pieces in the order of their ids
   * @throws UsageError where the unknown piece is missing or a piece stands twice
   */
  constructor(pieces: readonly string[], options: WordPieceOptions = {}) {
    this.pieces = pieces;
    const lowerCase = options.lowerCase ?? true;
    this.lowerCase = lowerCase;
    const ids = new Map<string, number>();
    for (const [id, piece] of pieces.entries()) {
      const other = ids.get(piece);
      if (other !== undefined) throw new UsageError(`word piece ${JSON.stringify(piece)} is ${other} and again ${id}`);
      ids.set(piece, id);
    }
    this.options = {
      lowerCase,
      stripAccents: options.stripAccents ?? lowerCase,
      splitIdeographs: options.splitIdeographs ?? true,
      unknown: options.unknown ?? "[UNK]",
      continuation: options.continuation ?? "##",
      longestWord: options.longestWord ?? 100,
      special: options.special ?? BERT_SPECIAL.filter((piece) => ids.has(piece)),
    };
    const { continuation, special, unknown } = this.options;
    const unknownId = ids.get(unknown);
    if (unknownId === undefined) {
      throw new UsageError(`the vocabulary of word pieces has no ${unknown}: is it one of a BERT-family model?`);
    }
    this.unknownId = unknownId;
    this.#ids = ids;
    this.#continuations = new Map(
      pieces.flatMap((piece, id) => (piece.startsWith(continuation) ? [[piece.slice(continuation.length), id]] : [])),
    );
    this.#ascii = Int32Array.from({ length: 128 }, (_, unit) => ids.get(String.fromCharCode(unit)) ?? unknownId);
    this.#longest = pieces.reduce((most, { length }) => Math.max(most, length), 0);
    for (const piece of [...special].sort((a, b) => b.length - a.length)) {
      if (!ids.has(piece)) throw new UsageError(`the vocabulary of word pieces has no ${JSON.stringify(piece)}`);
      if (piece === "") continue;
      const first = piece.charCodeAt(0);
      this.#special.set(first, [...(this.#special.get(first) ?? []), piece]);
    }
  }

  /** Id of a piece; undefined where there is none. */
  id(piece: string): number | undefined {
    return this.#ids.get(piece);
  }

  /**
   * The piece of an id.
   *
   * @throws UsageError for a number that is none
   */
  piece(id: number): string {
    const piece = this.pieces[id];
    if (piece === undefined)
      throw new UsageError(`there is no word piece ${id}: ids run from 0 to ${this.pieces.length - 1}`);
    return piece;
  }

  /** Ids and spans, without [CLS] and [SEP]. Pieces of one character (Hangul syllables) share its span. */
  encode(text: string): EncodedPieces {
    const encoded: EncodedPieces = { ids: [], starts: [], ends: [] };
    const { ids, starts, ends } = encoded;
    const word = new Word();
    const length = text.length;
    let at = 0;
    while (at < length) {
      const unit = text.charCodeAt(at);
      if (isAsciiWord(unit)) {
        let stop = at + 1;
        while (isAsciiWord(text.charCodeAt(stop))) stop++;
        const next = text.charCodeAt(stop);
        // What follows must end the word for certain: ASCII but no control character, which would vanish inside it.
        if (stop === length || (next >= 0x20 && next < 0x7f)) {
          const plain = text.slice(at, stop);
          const cut = this.#cut(this.options.lowerCase ? plain.toLowerCase() : plain);
          let from = at;
          for (let index = 0; index < cut.ids.length; index++) {
            ids.push(cut.ids[index]);
            starts.push(from);
            from = at + cut.ends[index];
            ends.push(from);
          }
          at = stop;
          continue;
        }
      } else if (unit === 0x20) {
        at++;
        continue;
      }
      const special = this.#specialAt(text, at, unit);
      if (special !== undefined) {
        ids.push(this.#ids.get(special) ?? this.unknownId);
        starts.push(at);
        at += special.length;
        ends.push(at);
        continue;
      }
      if (unit > 0x20 && unit < 0x7f && !isAsciiWord(unit)) {
        // All ASCII that is no letter, digit or control character is a word of its own.
        ids.push(this.#ascii[unit]);
        starts.push(at++);
        ends.push(at);
        continue;
      }
      at = this.#scanWord(text, at, word, encoded);
    }
    return encoded;
  }

  tokenize(text: string): string[] {
    return this.encode(text).ids.map((id) => this.pieces[id]);
  }

  tokenizeWithOffsets(text: string): TextToken[] {
    const { ids, starts, ends } = this.encode(text);
    return ids.map((id, index) => ({ token: this.pieces[id], start: starts[index], end: ends[index] }));
  }

  /** Pieces joined to words, words to prose: the best guess, since WordPiece does not keep white space. */
  detokenize(tokens: readonly string[]): string {
    return joinWordPieces(tokens, this.options.continuation);
  }

  #specialAt(text: string, at: number, unit: number): string | undefined {
    return this.#special.get(unit)?.find((piece) => text.startsWith(piece, at));
  }

  /** What a character becomes: decomposed without marks, lower case. */
  #normalised(codePoint: number): string {
    let normal = this.#normal.get(codePoint);
    if (normal === undefined) {
      normal = String.fromCodePoint(codePoint);
      if (this.options.stripAccents) normal = normal.normalize("NFD").replace(/\p{Mn}/gu, "");
      if (this.options.lowerCase) normal = [...normal].map((character) => character.toLowerCase()).join("");
      this.#normal.set(codePoint, normal);
    }
    return normal;
  }

  /** The general case: one word from a position, character by character. Returns where the next begins. */
  #scanWord(text: string, from: number, word: Word, encoded: EncodedPieces): number {
    word.clear();
    const { splitIdeographs } = this.options;
    let at = from;
    while (at < text.length) {
      const codePoint = text.codePointAt(at) ?? 0;
      const end = at + (codePoint > 0xffff ? 2 : 1);
      const found = bertClass(codePoint);
      if (found === BERT_SPACE) {
        this.#emit(word, encoded);
        return end;
      }
      if (found === BERT_DROPPED) {
        at = end;
        continue;
      }
      if (at > from && this.#specialAt(text, at, text.charCodeAt(at)) !== undefined) break;
      const normal = this.#normalised(codePoint);
      if (found === BERT_IDEOGRAPH && splitIdeographs) {
        this.#emit(word, encoded);
        word.add(normal, at, end);
        this.#emit(word, encoded);
        return end;
      }
      if (normal.length === 1 && bertClass(normal.charCodeAt(0)) === BERT_LETTER) {
        word.add(normal, at, end);
      } else {
        this.#addAll(normal, at, end, word, encoded);
        if (found === BERT_PUNCTUATION) return end;
      }
      at = end;
    }
    this.#emit(word, encoded);
    return at;
  }

  /** Adds what a character became; a decomposition may hold punctuation or white space. */
  #addAll(normal: string, at: number, end: number, word: Word, encoded: EncodedPieces): void {
    for (const character of normal) {
      const found = bertClass(character.codePointAt(0) ?? 0);
      if (found === BERT_PUNCTUATION || found === BERT_SPACE) {
        this.#emit(word, encoded);
        if (found === BERT_SPACE) continue;
        word.add(character, at, end);
        this.#emit(word, encoded);
      } else {
        word.add(character, at, end);
      }
    }
  }

  /** Cuts the collected word and forgets it. */
  #emit(word: Word, { ids, starts, ends }: EncodedPieces): void {
    if (word.text === "") return;
    const cut = this.#cut(word.text);
    let from = 0;
    for (let index = 0; index < cut.ids.length; index++) {
      ids.push(cut.ids[index]);
      starts.push(word.starts[from]);
      from = cut.ends[index];
      ends.push(word.ends[from - 1]);
    }
    word.clear();
  }

  #cut(word: string): Cut {
    const known = this.#cuts.get(word);
    if (known) return known;
    const cut = this.#cutAnew(word);
    if (word.length <= REMEMBERED_LENGTH) {
      if (this.#cuts.size >= REMEMBERED_WORDS) this.#cuts.clear();
      this.#cuts.set(word, cut);
    }
    return cut;
  }

  #cutAnew(word: string): Cut {
    const unknown = { ids: [this.unknownId], ends: [word.length] };
    if (word.length > this.options.longestWord && [...word].length > this.options.longestWord) return unknown;
    const ids: number[] = [];
    const ends: number[] = [];
    let from = 0;
    while (from < word.length) {
      const pieces = from === 0 ? this.#ids : this.#continuations;
      let end = Math.min(word.length, from + this.#longest);
      let id: number | undefined;
      while (end > from) {
        id = pieces.get(from === 0 && end === word.length ? word : word.slice(from, end));
        if (id !== undefined) break;
        end--;
      }
      if (id === undefined) return unknown;
      ids.push(id);
      ends.push(end);
      from = end;
    }
    return { ids, ends };
  }
}
