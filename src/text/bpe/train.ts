/** Learning byte-pair encoding (Sennrich, Haddow and Birch 2016, Algorithm 1). */
import { UsageError } from "../../base/errors.ts";
import { compareCodePoints } from "../code-point-order.ts";
import { END_OF_WORD, type Merge } from "./bpe.ts";
import { Heap } from "./heap.ts";

/** How merges are learned. */
export interface BpeTrainOptions {
  /** Most merges. */
  readonly merges: number;
  /** Pairs that are rarer are not merged; 2. */
  readonly minFrequency?: number;
  /**
   * Which of several equally frequent pairs is merged: `first-seen` the one whose first occurrence comes first when the
   * words are read in the order of the text (the paper's own program, and the default); `greatest` the one that sorts last
   * by code points (subword-nmt).
   */
  readonly ties?: "first-seen" | "greatest";
}

/** Positions of a word in the text's order of first occurrences: word * 2^20 + code points before. */
const WORD_STRIDE = 2 ** 20;
/** Symbols are numbers below this, so that a pair is one number. */
const SYMBOL_LIMIT = 2 ** 26;

interface Pair {
  readonly left: number;
  readonly right: number;
  count: number;
  /** No occurrence comes before this position. */
  first: number;
  /** Words that hold it or held it. */
  readonly words: Set<number>;
}

interface Entry {
  readonly pair: Pair;
  readonly count: number;
  readonly first: number;
}

/** Counts the words of texts in the order in which they first occur. */
function countWords(texts: Iterable<string>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const text of texts) {
    for (const word of text.split(/\s+/)) if (word !== "") counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  return counts;
}

/**
 * Learns merges: every word of the texts (split at white space) is its characters, the last one marked as the end; the
 * most frequent pair of neighbours becomes one symbol, again and again.
 *
 * @param texts source and target together for a shared vocabulary
 * @throws UsageError where the options are no sensible numbers
 */
export function trainBpe(texts: Iterable<string>, options: BpeTrainOptions): Merge[] {
  const { merges, minFrequency = 2, ties = "first-seen" } = options;
  if (!Number.isInteger(merges) || merges < 0) throw new UsageError(`merges is ${merges}: expected a whole number`);
  if (!Number.isInteger(minFrequency) || minFrequency < 1) {
    throw new UsageError(`minFrequency is ${minFrequency}: expected a whole number of at least 1`);
  }
  const counts = countWords(texts);
  const frequencies = [...counts.values()];
  const symbols: string[] = [];
  const lengths: number[] = [];
  const ids = new Map<string, number>();
  const symbol = (text: string, length: number): number => {
    let id = ids.get(text);
    if (id === undefined) {
      id = symbols.length;
      if (id >= SYMBOL_LIMIT) throw new UsageError(`more than ${SYMBOL_LIMIT} symbols: is this text?`);
      symbols.push(text);
      lengths.push(length);
      ids.set(text, id);
    }
    return id;
  };
  const words = Array.from(counts.keys(), (word) => {
    const characters = [...word];
    return characters.map((character, at) =>
      symbol(at + 1 === characters.length ? character + END_OF_WORD : character, 1),
    );
  });

  const pairs = new Map<number, Pair>();
  const greatest = ties === "greatest";
  const before = (a: Entry, b: Entry): boolean => {
    if (a.count !== b.count) return a.count > b.count;
    if (!greatest) return a.first < b.first;
    const left = compareCodePoints(symbols[a.pair.left], symbols[b.pair.left]);
    return left > 0 || (left === 0 && compareCodePoints(symbols[a.pair.right], symbols[b.pair.right]) > 0);
  };
  const heap = new Heap<Entry>(before);
  const enqueue = (pair: Pair): void => heap.push({ pair, count: pair.count, first: pair.first });

  /** Adds a word's pairs to the counts, `sign` times its frequency, and remembers which were touched. */
  const tally = (index: number, sign: 1 | -1, touched: Map<Pair, Entry>): void => {
    const word = words[index];
    let position = index * WORD_STRIDE;
    for (let at = 0; at + 1 < word.length; at++) {
      const key = word[at] * SYMBOL_LIMIT + word[at + 1];
      let pair = pairs.get(key);
      if (!pair) {
        pair = { left: word[at], right: word[at + 1], count: 0, first: Number.POSITIVE_INFINITY, words: new Set() };
        pairs.set(key, pair);
      }
      if (!touched.has(pair)) touched.set(pair, { pair, count: pair.count, first: pair.first });
      pair.count += sign * frequencies[index];
      if (sign > 0) {
        pair.words.add(index);
        if (position < pair.first) pair.first = position;
      }
      position += lengths[word[at]];
    }
  };

  /** Where a pair really occurs first: its bound may be an occurrence that is no more. */
  const firstOf = (pair: Pair): number => {
    let first = Number.POSITIVE_INFINITY;
    for (const index of pair.words) {
      let position = index * WORD_STRIDE;
      if (position > first) continue;
      const word = words[index];
      let isHeld = false;
      for (let at = 0; at + 1 < word.length && !isHeld; at++) {
        isHeld = word[at] === pair.left && word[at + 1] === pair.right;
        if (!isHeld) position += lengths[word[at]];
      }
      if (!isHeld) pair.words.delete(index);
      else if (position < first) first = position;
    }
    return first;
  };

  const initial = new Map<Pair, Entry>();
  for (let index = 0; index < words.length; index++) tally(index, 1, initial);
  for (const pair of initial.keys()) enqueue(pair);

  /** The pair to merge next. Entries of the heap are optimistic: what comes out is checked and put back where it is not. */
  const best = (): Pair | undefined => {
    for (let entry = heap.pop(); entry !== undefined; entry = heap.pop()) {
      const { pair } = entry;
      if (pair.count < entry.count) {
        if (pair.count >= minFrequency) enqueue(pair);
        continue;
      }
      if (pair.count > entry.count || entry.count < minFrequency) continue;
      if (greatest) return pair;
      const first = firstOf(pair);
      if (first === entry.first) return pair;
      pair.first = first;
      enqueue(pair);
    }
    return undefined;
  };

  const learned: Merge[] = [];
  while (learned.length < merges) {
    const pair = best();
    if (!pair) break;
    const { left, right } = pair;
    learned.push([symbols[left], symbols[right]]);
    const merged = symbol(symbols[left] + symbols[right], lengths[left] + lengths[right]);
    const touched = new Map<Pair, Entry>();
    for (const index of [...pair.words]) {
      const word = words[index];
      if (!word.some((id, at) => id === left && word[at + 1] === right)) continue;
      tally(index, -1, touched);
      const joined: number[] = [];
      for (let at = 0; at < word.length; at++) {
        if (word[at] === left && word[at + 1] === right) {
          joined.push(merged);
          at++;
        } else {
          joined.push(word[at]);
        }
      }
      words[index] = joined;
      tally(index, 1, touched);
    }
    pairs.delete(left * SYMBOL_LIMIT + right);
    pair.count = 0;
    for (const [other, old] of touched) {
      if (other.count <= 0) pairs.delete(other.left * SYMBOL_LIMIT + other.right);
      else if (other.count > old.count || other.first < old.first) enqueue(other);
    }
  }
  return learned;
}
