/** Word vectors in GloVe's text format: a word and its numbers a line. */
import { statSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { writeFileAtomic } from "../base/atomicFile.ts";
import { DataMissingError, messageOf, UsageError } from "../base/errors.ts";
import { namedSeed, RandomStream } from "../base/random.ts";
import { parseDecimal, shortestSingle } from "./decimals.ts";
import type { Vocabulary } from "./vocabulary.ts";

/** Words and their vectors, row-major. */
export interface WordVectors {
  readonly words: readonly string[];
  readonly dimensions: number;
  readonly values: Float32Array;
}

/** A longer line is refused, so that no file can ask for unbounded memory. */
const longestLine = 1 << 20;
const bufferBytes = 1 << 22;
const space = 32;

/** Numbers of rows that come one by one, in pieces, so that growing copies nothing. */
class Rows {
  readonly #dimensions: number;
  readonly #pieceRows: number;
  readonly #pieces: Float32Array[] = [];
  count = 0;

  constructor(dimensions: number) {
    this.#dimensions = dimensions;
    this.#pieceRows = Math.max(1, Math.floor((1 << 18) / dimensions));
  }

  /** Room for the next row; counts once `count` is raised. */
  next(): Float32Array {
    const at = this.count % this.#pieceRows;
    if (at === 0 && this.#pieces.length * this.#pieceRows === this.count)
      this.#pieces.push(new Float32Array(this.#pieceRows * this.#dimensions));
    return this.#pieces[this.#pieces.length - 1].subarray(at * this.#dimensions, (at + 1) * this.#dimensions);
  }

  all(): Float32Array {
    const values = new Float32Array(this.count * this.#dimensions);
    for (const [index, piece] of this.#pieces.entries()) {
      const from = index * piece.length;
      values.set(piece.subarray(0, Math.min(piece.length, values.length - from)), from);
      this.#pieces[index] = new Float32Array(0);
    }
    return values;
  }
}

/** Reads lines of vectors; knows the dimensions after the first. */
class LineReader {
  readonly #path: string;
  readonly #only: ReadonlySet<string> | undefined;
  readonly #decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  readonly #seen = new Set<string>();
  #rows: Rows | undefined;
  #line = 0;
  dimensions: number | undefined;

  constructor(path: string, only: ReadonlySet<string> | undefined, dimensions: number | undefined) {
    this.#path = path;
    this.#only = only;
    this.dimensions = dimensions;
  }

  /** A refusal that names the line after the last that was read. */
  refusal(what: string, line = this.#line + 1): UsageError {
    return new UsageError(`${this.#path}:${line}: ${what}`);
  }

  #word(bytes: Buffer, start: number, end: number): string {
    let ascii = true;
    for (let at = start; at < end && ascii; at++) ascii = bytes[at] < 128;
    if (ascii) return bytes.toString("latin1", start, end);
    try {
      return this.#decoder.decode(bytes.subarray(start, end));
    } catch {
      throw this.refusal("the line is not UTF-8", this.#line);
    }
  }

  /** Takes the line between two places of a buffer. @throws UsageError */
  take(bytes: Buffer, from: number, to: number): void {
    const line = ++this.#line;
    let start = from;
    let end = to;
    if (
      line === 1 &&
      end - start >= 3 &&
      bytes[start] === 0xef &&
      bytes[start + 1] === 0xbb &&
      bytes[start + 2] === 0xbf
    )
      start += 3;
    // Space, tab and CR at the end.
    while (end > start && (bytes[end - 1] === space || bytes[end - 1] === 13 || bytes[end - 1] === 9)) end--;
    if (end === start) return;
    if (line === 1) {
      const header = /^\d+ (\d+)$/.exec(bytes.toString("latin1", start, Math.min(end, start + 40)));
      if (header && this.dimensions !== 1) {
        if (this.dimensions === undefined && Number(header[1]) > 0) this.dimensions = Number(header[1]);
        return;
      }
    }
    if (this.dimensions === undefined) {
      let spaces = 0;
      for (let at = start; at < end; at++) if (bytes[at] === space) spaces++;
      if (spaces === 0) throw this.refusal("expected a word and numbers, separated by single spaces", line);
      this.dimensions = spaces;
    }
    const { dimensions } = this;
    // The last D fields are numbers: the word ends at the D-th space from the end.
    let wordEnd = end;
    let missing = dimensions;
    while (missing > 0 && --wordEnd >= start) if (bytes[wordEnd] === space) missing--;
    if (missing > 0)
      throw this.refusal(`expected a word and ${dimensions} numbers, got ${dimensions - missing} numbers`, line);
    if (wordEnd === start) throw this.refusal("the word before the numbers is missing", line);
    const word = this.#word(bytes, start, wordEnd);
    if ((this.#only && !this.#only.has(word)) || this.#seen.has(word)) return;
    this.#rows ??= new Rows(dimensions);
    const row = this.#rows.next();
    let at = wordEnd + 1;
    for (let d = 0; d < dimensions; d++) {
      let stop = at;
      while (stop < end && bytes[stop] !== space) stop++;
      row[d] = parseDecimal(bytes, at, stop);
      if (!Number.isFinite(row[d])) {
        const field = bytes.toString("utf8", at, Math.min(stop, at + 40));
        throw this.refusal(`"${field}" is not a finite number (float32)`, line);
      }
      at = stop + 1;
    }
    this.#rows.count++;
    this.#seen.add(word);
  }

  result(): WordVectors {
    const { dimensions } = this;
    if (dimensions === undefined) throw new UsageError(`${this.#path}: expected word vectors, the file is empty`);
    return { words: [...this.#seen], dimensions, values: this.#rows?.all() ?? new Float32Array(0) };
  }
}

/**
 * Reads a file of any size in one pass; with `only`, just those words are kept, and memory is bounded by them. A word may
 * hold spaces (as some of the published tables' do): the last D fields are the numbers. Where `dimensions` does not give
 * D, a first line of two integers (word2vec's) does, or else the number of fields of the first line. Of words that stand
 * twice the first counts.
 *
 * @throws UsageError naming file, line and what was expected: too few numbers, a number that is none or too large for
 * float32, a word that is not UTF-8, a line of more than a mebibyte, an empty file; DataMissingError.
 */
export async function readVectors(
  path: string,
  options: { readonly only?: ReadonlySet<string>; readonly dimensions?: number } = {},
): Promise<WordVectors> {
  const status = statSync(path, { throwIfNoEntry: false });
  if (!status) throw new DataMissingError(`${path} does not exist`);
  if (!status.isFile()) throw new UsageError(`${path} is not a file`);
  const lines = new LineReader(path, options.only, options.dimensions);
  const buffer = Buffer.allocUnsafe(bufferBytes);
  let file: FileHandle;
  try {
    file = await open(path, "r");
  } catch (error) {
    throw new UsageError(`cannot read ${path}: ${messageOf(error)}`, { cause: error });
  }
  try {
    let held = 0;
    for (;;) {
      const { bytesRead } = await file.read(buffer, held, buffer.length - held);
      const filled = held + bytesRead;
      let start = 0;
      for (;;) {
        const found = buffer.indexOf(10, start);
        const end = found < 0 || found >= filled ? filled : found;
        if (end - start > longestLine) throw lines.refusal(`the line is longer than ${longestLine} bytes`);
        if (end === filled) break;
        lines.take(buffer, start, end);
        start = end + 1;
      }
      if (bytesRead === 0) {
        if (filled > start) lines.take(buffer, start, filled);
        break;
      }
      buffer.copyWithin(0, start, filled);
      held = filled - start;
    }
  } finally {
    await file.close();
  }
  return lines.result();
}

/**
 * Writes vectors atomically, each number in the fewest digits that give the same float32 back.
 *
 * @throws UsageError where a word cannot stand in such a file or a number is not finite; RiverrunError
 */
export function writeVectors(path: string, { words, dimensions, values }: WordVectors): void {
  for (const word of words) {
    if (word === "" || /[\n\r]|^ | $/.test(word))
      throw new UsageError(`${path}: the word ${JSON.stringify(word)} cannot stand in GloVe's text format`);
  }
  const wrong = values.findIndex((value) => !Number.isFinite(value));
  if (wrong >= 0) {
    throw new UsageError(`${path}: the vector of "${words[Math.floor(wrong / dimensions)]}" holds ${values[wrong]}`);
  }
  function* pieces(): Generator<Uint8Array> {
    for (const [index, word] of words.entries()) {
      const fields = [word];
      for (let at = index * dimensions; at < (index + 1) * dimensions; at++) fields.push(shortestSingle(values[at]));
      yield Buffer.from(`${fields.join(" ")}\n`);
    }
  }
  writeFileAtomic(path, pieces());
}

/** A table for a vocabulary and how many of its words had no vector. */
export interface VocabularyTable {
  readonly table: Float32Array;
  readonly missing: number;
}

/**
 * One row for each id: the word's vector, or where there is none (also for special tokens) draws from N(0, std^2) with
 * std the deviation of the given entries.
 */
export function tableFor(vocabulary: Vocabulary, vectors: WordVectors, seed: number): VocabularyTable {
  const { dimensions, values } = vectors;
  const places = new Map(vectors.words.map((word, index) => [word, index]));
  const std = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / Math.max(1, values.length)) || 0.4;
  const random = new RandomStream(namedSeed(seed, "missing vectors"));
  const table = new Float32Array(vocabulary.size * dimensions);
  let missing = 0;
  vocabulary.tokens.forEach((word, id) => {
    const place = places.get(word);
    const row = table.subarray(id * dimensions, (id + 1) * dimensions);
    if (place !== undefined) {
      row.set(values.subarray(place * dimensions, (place + 1) * dimensions));
      return;
    }
    missing++;
    for (let d = 0; d < dimensions; d++) row[d] = random.normal() * std;
  });
  return { table, missing };
}
