/** The records that training goes through, arranged in blocks that can be worked on side by side. */
import { closeSync, fsyncSync, openSync, readSync, statSync, writeSync } from "node:fs";
import { messageOf, RiverrunError } from "../../base/errors.ts";
import { recordBytes } from "./kernel.ts";
import type { PairList } from "./pairs.ts";

/** Where the bytes of records lie: in memory that threads share, or in a file. */
export type RecordStore = SharedArrayBuffer | string;

/**
 * Records of B x B blocks: block (p, q) holds those whose word is of part p and whose context is of part q of the
 * vocabulary. Blocks that share neither p nor q share no row of parameters.
 */
export interface Records {
  readonly count: number;
  /** B. */
  readonly parts: number;
  /** Record at which block p * B + q begins; B * B + 1 entries. */
  readonly starts: readonly number[];
  readonly store: RecordStore;
}

/** f(X) = min(1, (X / xMax)^0.75). */
export function weightOf(value: number, xMax: number): number {
  return Math.min(1, (value / xMax) ** 0.75);
}

/** Records that a block should have, so that it and its rows stay near the processor. */
const blockRecords = 1 << 18;

/** B for a number of records: a function of the data alone, so that results do not depend on threads. */
export function partsFor(records: number): number {
  return Math.min(64, Math.max(4, Math.ceil(Math.sqrt(records / blockRecords))));
}

/**
 * The part of each word: words by falling number of records, each to the part that has the fewest so far. Then all blocks
 * have about as many records.
 */
export function balancedParts(recordsOfWord: Float64Array, parts: number): Uint8Array {
  const order = Array.from(recordsOfWord.keys()).sort((a, b) => recordsOfWord[b] - recordsOfWord[a] || a - b);
  const totals = new Float64Array(parts);
  const partOf = new Uint8Array(recordsOfWord.length);
  for (const word of order) {
    let least = 0;
    for (let part = 1; part < parts; part++) if (totals[part] < totals[least]) least = part;
    partOf[word] = least;
    totals[least] += recordsOfWord[word];
  }
  return partOf;
}

/** Takes the bytes of records at their places. */
interface Sink {
  readonly store: RecordStore;
  /** Words of 32 bits to fill, from place `at` on, for the next record of a block. */
  readonly place: (block: number) => number;
  readonly integers: Uint32Array;
  readonly singles: Float32Array;
  readonly close: () => void;
}

function memorySink(count: number, starts: readonly number[]): Sink {
  const store = new SharedArrayBuffer(count * recordBytes);
  const next = Float64Array.from(starts);
  return {
    store,
    place: (block) => 4 * next[block]++,
    integers: new Uint32Array(store),
    singles: new Float32Array(store),
    close: () => {},
  };
}

/** Buffers a piece of each block, so that the file is written in pieces of some size. */
function fileSink(path: string, starts: readonly number[]): Sink {
  const blocks = starts.length - 1;
  const each = Math.max(256, Math.min(4096, Math.floor((1 << 26) / recordBytes / blocks)));
  const buffer = new ArrayBuffer(blocks * each * recordBytes);
  const bytes = new Uint8Array(buffer);
  const filled = new Uint32Array(blocks);
  const next = Float64Array.from(starts);
  const guard = <Result>(action: () => Result): Result => {
    try {
      return action();
    } catch (error) {
      throw new RiverrunError(`cannot write records to ${path}: ${messageOf(error)}`, { cause: error });
    }
  };
  let descriptor: number | undefined = guard(() => openSync(path, "w"));
  const flush = (block: number): void => {
    const from = block * each * recordBytes;
    const length = filled[block] * recordBytes;
    for (let written = 0; written < length; ) {
      const at = next[block] * recordBytes + written;
      written += guard(() => writeSync(descriptor ?? -1, bytes, from + written, length - written, at));
    }
    next[block] += filled[block];
    filled[block] = 0;
  };
  return {
    store: path,
    place: (block) => {
      if (filled[block] === each) flush(block);
      return 4 * (block * each + filled[block]++);
    },
    integers: new Uint32Array(buffer),
    singles: new Float32Array(buffer),
    close: () => {
      const open = descriptor;
      if (open === undefined) return;
      try {
        for (let block = 0; block < blocks; block++) flush(block);
        guard(() => fsyncSync(open));
      } finally {
        descriptor = undefined;
        closeSync(open);
      }
    },
  };
}

/**
 * Arranges both directions of every pair by blocks, with ln X and f(X) in float32.
 *
 * @param unit X = value * unit, twice that for a word with itself
 * @param file where the records go; without it they stay in memory
 */
export function arrangeRecords(
  pairs: PairList,
  options: { readonly vocabularySize: number; readonly unit: number; readonly xMax: number; readonly file?: string },
): Records {
  const { vocabularySize, unit, xMax, file } = options;
  const ofWord = new Float64Array(vocabularySize);
  let count = 0;
  for (const part of pairs.parts()) {
    for (let n = 0; n < part.count; n++) {
      const low = Math.floor(part.keys[n] / vocabularySize);
      const high = part.keys[n] - low * vocabularySize;
      ofWord[low]++;
      if (high !== low) ofWord[high]++;
      count += high === low ? 1 : 2;
    }
  }
  const parts = partsFor(count);
  const partOf = balancedParts(ofWord, parts);
  const sizes = new Float64Array(parts * parts);
  for (const part of pairs.parts()) {
    for (let n = 0; n < part.count; n++) {
      const low = Math.floor(part.keys[n] / vocabularySize);
      const high = part.keys[n] - low * vocabularySize;
      sizes[partOf[low] * parts + partOf[high]]++;
      if (high !== low) sizes[partOf[high] * parts + partOf[low]]++;
    }
  }
  const starts = [0];
  for (const size of sizes) starts.push(starts[starts.length - 1] + size);
  const sink = file === undefined ? memorySink(count, starts) : fileSink(file, starts);
  const { integers, singles } = sink;
  const put = (word: number, context: number, log: number, weight: number): void => {
    const place = sink.place(partOf[word] * parts + partOf[context]);
    integers[place] = word;
    integers[place + 1] = context;
    singles[place + 2] = log;
    singles[place + 3] = weight;
  };
  try {
    for (const part of pairs.parts()) {
      for (let n = 0; n < part.count; n++) {
        const low = Math.floor(part.keys[n] / vocabularySize);
        const high = part.keys[n] - low * vocabularySize;
        const value = part.values[n] * unit * (low === high ? 2 : 1);
        const log = Math.log(value);
        const weight = weightOf(value, xMax);
        put(low, high, log, weight);
        if (high !== low) put(high, low, log, weight);
      }
    }
  } finally {
    sink.close();
  }
  return { count, parts, starts, store: sink.store };
}

/** Copies records from a store to where a kernel can work on them. */
export type RecordReader = (first: number, count: number, target: Uint8Array) => void;

/** A reader of a store. @throws RiverrunError where the file is not whole */
export function recordReader(store: RecordStore): { readonly read: RecordReader; readonly close: () => void } {
  if (typeof store !== "string") {
    const bytes = new Uint8Array(store);
    return {
      read: (first, count, target) => target.set(bytes.subarray(first * recordBytes, (first + count) * recordBytes)),
      close: () => {},
    };
  }
  const descriptor = openSync(store, "r");
  return {
    read: (first, count, target) => {
      for (let filled = 0; filled < count * recordBytes; ) {
        const read = readSync(descriptor, target, filled, count * recordBytes - filled, first * recordBytes + filled);
        if (read === 0) throw new RiverrunError(`${store} is cut short: it cannot be resumed; remove its folder`);
        filled += read;
      }
    },
    close: () => closeSync(descriptor),
  };
}

/** Whether a file holds as many records as it should. */
export function isWhole(path: string, count: number): boolean {
  return statSync(path, { throwIfNoEntry: false })?.size === count * recordBytes;
}
