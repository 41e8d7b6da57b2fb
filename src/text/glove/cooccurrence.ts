/** Weighted counts of words that stand near each other, within a bound of memory. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { UsageError } from "../../base/errors.ts";
import { PairCounter } from "./pairCounter.ts";
import { mergePairs, type PairList, pairsInMemory, writePairs } from "./pairs.ts";

/** Ids of each text. */
export type TextIds =
  | Iterable<ArrayLike<number> & Iterable<number>>
  | AsyncIterable<ArrayLike<number> & Iterable<number>>;

export interface CooccurrenceOptions {
  readonly vocabularySize: number;
  readonly window: number;
  /** Bytes that counting may take. */
  readonly memory: number;
  /** The folder for what does not fit into it; asked for where it is needed. */
  readonly folder: () => string;
  readonly onProgress?: (progress: { readonly tokens: number; readonly runs: number }) => void;
  /** Looked at now and then; counting ends where it is true. */
  readonly interrupted?: () => boolean;
}

/** The non-zero entries of the co-occurrence matrix, one for both directions. */
export interface Cooccurrences {
  readonly pairs: PairList;
  /** X_ij = value * unit; on the diagonal twice that. */
  readonly unit: number;
  readonly tokens: number;
}

/** Files that are merged at once. */
const mergedAtOnce = 32;
/** Tokens between two looks at the event loop. */
const turnTokens = 1 << 16;

/**
 * Weights of the distances 1..window as multiples of a unit. Up to a window of 20 the unit is 1 / lcm(1..window), so that
 * all weights are whole numbers: their sums are exact whatever the order, and the result does not depend on the memory.
 */
export function distanceWeights(window: number): { readonly weights: Float64Array; readonly unit: number } {
  let multiple = 1;
  for (let distance = 2; distance <= Math.min(window, 20); distance++) {
    let [a, b] = [multiple, distance];
    while (b > 0) [a, b] = [b, a % b];
    multiple *= distance / a;
  }
  const scale = window <= 20 ? multiple : 1;
  return { weights: Float64Array.from({ length: window + 1 }, (_, d) => (d === 0 ? 0 : scale / d)), unit: 1 / scale };
}

/** Merges runs, first in groups where they are many; what was merged is removed. */
function mergedRuns(runs: readonly PairList[], files: readonly string[], folder: string): PairList {
  let level = runs.map((list, index) => ({ list, file: files[index] }));
  let made = files.length;
  const merge = (group: typeof level): (typeof level)[number] => {
    const file = join(folder, `run-${made++}`);
    const list = writePairs(file, mergePairs(group.map((run) => run.list)));
    for (const run of group) rmSync(run.file, { force: true });
    return { list, file };
  };
  do {
    const next: typeof level = [];
    for (let at = 0; at < level.length; at += mergedAtOnce) next.push(merge(level.slice(at, at + mergedAtOnce)));
    level = next;
  } while (level.length > 1);
  return level[0].list;
}

/**
 * X_ij = sum of 1 / distance over all occurrences of j within `window` words of i, on both sides, never across the end of
 * a text (GloVe). Counts in a hash table; whenever that is full, it is written to `folder` as a sorted run, and the runs
 * are merged at the end.
 *
 * @returns undefined where it was interrupted
 * @throws UsageError where an id is not below the vocabulary's size; RiverrunError where the disk is full.
 */
export async function cooccurrences(texts: TextIds, options: CooccurrenceOptions): Promise<Cooccurrences | undefined> {
  const { vocabularySize, window, memory, interrupted, onProgress } = options;
  const { weights, unit } = distanceWeights(window);
  const counter = new PairCounter(vocabularySize, memory, window);
  const runs: PairList[] = [];
  const files: string[] = [];
  const spill = (): void => {
    const file = join(options.folder(), `run-${files.length}`);
    files.push(file);
    runs.push(writePairs(file, counter.drain()));
  };
  let tokens = 0;
  let turn = 0;
  for await (const ids of texts) {
    for (let at = 0; at < ids.length; at++) {
      const id = ids[at];
      if (!(Number.isInteger(id) && id >= 0 && id < vocabularySize))
        throw new UsageError(`GloVe: ${id} is no id of a vocabulary of ${vocabularySize} words`);
      const reach = Math.min(window, at);
      if (!counter.reserve(reach)) {
        spill();
        counter.reserve(reach);
      }
      for (let distance = 1; distance <= reach; distance++) counter.add(id, ids[at - distance], weights[distance]);
    }
    tokens += ids.length;
    if (tokens >= turn) {
      turn = tokens + turnTokens;
      onProgress?.({ tokens, runs: runs.length });
      await new Promise(setImmediate);
      if (interrupted?.()) return undefined;
    }
  }
  // Also here: a source of texts may end early because of the same interruption.
  if (interrupted?.()) return undefined;
  onProgress?.({ tokens, runs: runs.length });
  if (runs.length === 0) return { pairs: pairsInMemory(counter.drain(), counter.count), unit, tokens };
  if (counter.count > 0) spill();
  return { pairs: mergedRuns(runs, files, options.folder()), unit, tokens };
}
