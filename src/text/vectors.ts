/** Word vectors in GloVe's text format: a word and its numbers a line. */
import { createReadStream, statSync } from "node:fs";
import { createInterface } from "node:readline";
import { writeFileAtomic } from "../base/atomicFile.ts";
import { DataMissingError, UsageError } from "../base/errors.ts";
import { namedSeed, RandomStream } from "../base/random.ts";
import type { Vocabulary } from "./vocabulary.ts";

/** Words and their vectors, row-major. */
export interface WordVectors {
  readonly words: readonly string[];
  readonly dimensions: number;
  readonly values: Float32Array;
}

/**
 * Reads a file of any size line by line; with `only`, just those words are kept. A word may hold spaces (as some of the
 * published tables' do): the last D fields are the numbers. A first line of two integers (word2vec's) is passed over;
 * of words that stand twice the first counts.
 *
 * @throws UsageError naming file, line and what was expected; DataMissingError
 */
export async function readVectors(
  path: string,
  options: { readonly only?: ReadonlySet<string>; readonly dimensions?: number } = {},
): Promise<WordVectors> {
  const status = statSync(path, { throwIfNoEntry: false });
  if (!status) throw new DataMissingError(`${path} does not exist`);
  if (!status.isFile()) throw new UsageError(`${path} is not a file`);
  const words: string[] = [];
  const rows: Float32Array[] = [];
  const seen = new Set<string>();
  let { dimensions } = options;
  let line = 0;
  for await (const raw of createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY })) {
    line++;
    const text = raw.trimEnd();
    const fail = (what: string): never => {
      throw new UsageError(`${path}:${line}: ${what}`);
    };
    if (text === "") continue;
    if (text.includes("\ufffd")) fail("the line is not UTF-8");
    const fields = text.split(" ");
    if (line === 1 && fields.length === 2 && fields.every((field) => /^\d+$/.test(field))) continue;
    dimensions ??= fields.length - 1;
    if (fields.length < dimensions + 1 || dimensions < 1) {
      fail(`expected a word and ${Math.max(1, dimensions)} numbers, got ${fields.length - 1} numbers`);
    }
    const word = fields.slice(0, fields.length - dimensions).join(" ");
    if ((options.only && !options.only.has(word)) || seen.has(word)) continue;
    const row = new Float32Array(dimensions);
    fields.slice(-dimensions).forEach((field, index) => {
      const value = field === "" ? Number.NaN : Number(field);
      if (!Number.isFinite(value)) fail(`"${field.slice(0, 40)}" is not a finite number`);
      row[index] = value;
    });
    seen.add(word);
    words.push(word);
    rows.push(row);
  }
  if (dimensions === undefined) throw new UsageError(`${path}: expected word vectors, the file is empty`);
  const values = new Float32Array(rows.length * dimensions);
  for (const [index, row] of rows.entries()) values.set(row, index * dimensions);
  return { words, dimensions, values };
}

/** Writes vectors atomically, each number in the fewest digits that give the same float32 back. */
export function writeVectors(path: string, { words, dimensions, values }: WordVectors): void {
  function* lines(): Generator<Uint8Array> {
    for (const [index, word] of words.entries()) {
      const row = values.subarray(index * dimensions, (index + 1) * dimensions);
      yield Buffer.from(`${word} ${Array.from(row, (value) => String(Number(value.toPrecision(9)))).join(" ")}\n`);
    }
  }
  writeFileAtomic(path, lines());
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
