/** Sorted lists of pairs of words with their weights, in memory or in a file, read a part at a time. */
import { closeSync, openSync, readSync, writeSync } from "node:fs";
import { messageOf, RiverrunError } from "../../base/errors.ts";

/**
 * Some pairs of a list that is sorted by key without repetition: `keys[n]` is i * V + j of the unordered pair i <= j,
 * `values[n]` its weight.
 */
export interface Pairs {
  readonly keys: Float64Array;
  readonly values: Float64Array;
  readonly count: number;
}

/** A sorted list of pairs that can be gone through again and again. */
export interface PairList {
  readonly count: number;
  readonly parts: () => Generator<Pairs>;
}

/** Pairs of a part. */
export const partPairs = 1 << 15;

/** Bytes of a pair in a file: key and value, float64. */
const pairBytes = 16;

/** The list that parts hold, copied into memory. */
export function pairsInMemory(parts: Iterable<Pairs>, count: number): PairList {
  const keys = new Float64Array(count);
  const values = new Float64Array(count);
  let filled = 0;
  for (const part of parts) {
    keys.set(part.keys.subarray(0, part.count), filled);
    values.set(part.values.subarray(0, part.count), filled);
    filled += part.count;
  }
  return {
    count,
    *parts() {
      for (let at = 0; at < count; at += partPairs) {
        const end = Math.min(count, at + partPairs);
        yield { keys: keys.subarray(at, end), values: values.subarray(at, end), count: end - at };
      }
    },
  };
}

/** Writes parts into a file. @throws RiverrunError naming the file (no space, no permission) */
export function writePairs(path: string, parts: Iterable<Pairs>): PairList {
  let descriptor: number | undefined;
  let total = 0;
  try {
    descriptor = openSync(path, "w");
    const block = new Float64Array(2 * partPairs);
    const bytes = new Uint8Array(block.buffer);
    for (const { keys, values, count } of parts) {
      for (let n = 0; n < count; n++) {
        block[2 * n] = keys[n];
        block[2 * n + 1] = values[n];
      }
      for (let written = 0; written < count * pairBytes; )
        written += writeSync(descriptor, bytes, written, count * pairBytes - written);
      total += count;
    }
  } catch (error) {
    throw new RiverrunError(`cannot write co-occurrences to ${path}: ${messageOf(error)}`, { cause: error });
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
  return { count: total, parts: () => readPairs(path, total) };
}

function* readPairs(path: string, total: number): Generator<Pairs> {
  const descriptor = openSync(path, "r");
  try {
    const block = new Float64Array(2 * partPairs);
    const bytes = new Uint8Array(block.buffer);
    const keys = new Float64Array(partPairs);
    const values = new Float64Array(partPairs);
    for (let at = 0; at < total; at += partPairs) {
      const count = Math.min(partPairs, total - at);
      for (let filled = 0; filled < count * pairBytes; ) {
        const read = readSync(descriptor, bytes, filled, count * pairBytes - filled, at * pairBytes + filled);
        if (read === 0) throw new RiverrunError(`${path} was cut short while it was in use; start again`);
        filled += read;
      }
      for (let n = 0; n < count; n++) {
        keys[n] = block[2 * n];
        values[n] = block[2 * n + 1];
      }
      yield { keys, values, count };
    }
  } finally {
    closeSync(descriptor);
  }
}

/** One list that is being merged: its current part and the place in it. */
interface Cursor {
  readonly parts: Generator<Pairs>;
  part: Pairs;
  at: number;
}

/**
 * Merges sorted lists into one, the weights of equal pairs added up in the order of the lists. A binary heap of the lists
 * by (current key, number of the list).
 */
export function* mergePairs(lists: readonly PairList[]): Generator<Pairs> {
  const keys = new Float64Array(partPairs);
  const values = new Float64Array(partPairs);
  let count = 0;
  const cursors = lists.map((list): Cursor => {
    const parts = list.parts();
    return { parts, part: { keys, values, count: 0 }, at: 0 };
  });
  const current = new Float64Array(lists.length);
  /** Moves a list to its next pair; false at its end. */
  const advance = (list: number): boolean => {
    const cursor = cursors[list];
    if (++cursor.at >= cursor.part.count) {
      const next = cursor.parts.next();
      if (next.done) return false;
      cursor.part = next.value;
      cursor.at = 0;
    }
    current[list] = cursor.part.keys[cursor.at];
    return true;
  };
  const heap: number[] = [];
  const before = (a: number, b: number): boolean => current[a] < current[b] || (current[a] === current[b] && a < b);
  const sink = (from: number): void => {
    const list = heap[from];
    let place = from;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1], heap[child])) child++;
      if (!before(heap[child], list)) break;
      heap[place] = heap[child];
      place = child;
    }
    heap[place] = list;
  };
  try {
    for (const list of cursors.keys()) if (advance(list)) heap.push(list);
    for (let place = heap.length >> 1; place >= 0; place--) if (place < heap.length) sink(place);
    while (heap.length > 0) {
      const list = heap[0];
      const cursor = cursors[list];
      const key = current[list];
      if (count > 0 && keys[count - 1] === key) values[count - 1] += cursor.part.values[cursor.at];
      else {
        if (count === partPairs) {
          yield { keys, values, count };
          count = 0;
        }
        keys[count] = key;
        values[count++] = cursor.part.values[cursor.at];
      }
      if (!advance(list)) {
        const last = heap.pop();
        if (last === undefined || heap.length === 0) continue;
        heap[0] = last;
      }
      sink(0);
    }
    if (count > 0) yield { keys, values, count };
  } finally {
    // Closes the files of lists that were not read to their end.
    for (const { parts } of cursors) parts.return(undefined);
  }
}
