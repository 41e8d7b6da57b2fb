/** GloVe vectors from the user's own text (Pennington, Socher and Manning, 2014). */

import { availableParallelism } from "node:os";
import { join } from "node:path";
import { makeDirectory } from "../../base/atomicFile.ts";
import { messageOf, RiverrunError, UsageError } from "../../base/errors.ts";
import { hashSeed, RandomStream } from "../../base/random.ts";
import { type BlockWork, largestBlock } from "./blockTrainer.ts";
import { cooccurrences, type TextIds } from "./cooccurrence.ts";
import { type Crew, startCrew } from "./crew.ts";
import { type Precision, RowLayout, recordBytes } from "./kernel.ts";
import { arrangeRecords, partsFor, type Records } from "./records.ts";
import { TemporaryFolder } from "./temporaryFolder.ts";
import type { Position, Setup, UnfinishedGlove } from "./unfinished.ts";
import { largestMemory, type SharedMemory, sharedMemory } from "./wasm.ts";

/** Reported after every pass. */
export interface GloveProgress {
  readonly iteration: number;
  readonly iterations: number;
  /** Mean of f(X) e^2 / 2 over the records of the pass. */
  readonly loss: number;
  /** Since training began or went on. */
  readonly recordsPerSecond: number;
  readonly secondsLeft: number;
}

/** Reported while co-occurrences are counted. */
export interface CountingProgress {
  readonly tokens: number;
  /** Sorted runs that were written to disk. */
  readonly runs: number;
}

/** Reported some times within a pass. */
export interface RoundProgress {
  /** The pass that is going on. */
  readonly iteration: number;
  readonly iterations: number;
  /** Share of it that is done. */
  readonly share: number;
  readonly recordsPerSecond: number;
  readonly secondsLeft: number;
}

/** Choices of `trainGlove`. */
export interface GloveOptions {
  readonly dimensions: number;
  readonly window: number;
  readonly iterations: number;
  /** Weight f(X) = min(1, (X / xMax)^0.75). */
  readonly xMax: number;
  readonly learningRate: number;
  readonly seed: number;
  /** Threads; the result does not depend on them. Default: one for little work, else one a processor. */
  readonly threads?: number;
  /** Bytes that co-occurrences may take before they go to disk (default 1 GiB); the result does not depend on it. */
  readonly memory?: number;
  /** Of the parameters; float32 unless given. */
  readonly precision?: Precision;
  readonly onProgress?: (progress: GloveProgress) => void;
}

/** Choices of `runGlove`. */
export interface GloveRunOptions extends GloveOptions {
  /** Where the training is kept, so that it can go on after an interruption or a kill. */
  readonly unfinished?: UnfinishedGlove;
  /** Kept in `unfinished` for the caller. */
  readonly about?: unknown;
  /** Looked at some times in a pass: where it is true, the training is saved and ends. */
  readonly interrupted?: () => boolean;
  readonly onCounting?: (progress: CountingProgress) => void;
  readonly onRecords?: (records: {
    readonly tokens: number;
    readonly records: number;
    readonly threads: number;
  }) => void;
  readonly onRound?: (progress: RoundProgress) => void;
}

/** What a training came to. */
export type GloveOutcome =
  | {
      readonly finished: true;
      /** w + c of every id, vocabularySize x dimensions, row-major. */
      readonly values: Float32Array;
      /** Of the last pass. */
      readonly loss: number;
      readonly records: number;
      readonly tokens: number;
    }
  | {
      readonly finished: false;
      /** Whether `unfinished` holds what is needed to go on. */
      readonly resumable: boolean;
      readonly iteration: number;
    };

const defaultMemory = 2 ** 30;
/** Nanoseconds a component of a record takes, about; decides how many threads are worth while. */
const componentNanoseconds = 1.5;
/** Work for which further threads are started. */
const threadedSeconds = 3;
/** Words on each side; every distance has its weight in memory. */
const widestWindow = 10_000;
/** A save takes at most about this share of the time. */
const savingShare = 0.1;

function checkOptions(options: GloveOptions, vocabularySize: number): void {
  const { dimensions, window, iterations, threads = 1, memory = defaultMemory, xMax, learningRate } = options;
  for (const [name, value] of Object.entries({ dimensions, window, iterations, threads, memory, vocabularySize })) {
    if (!Number.isSafeInteger(value) || value < 1)
      throw new UsageError(`GloVe: ${name} must be a positive integer, got ${value}`);
  }
  if (window > widestWindow) throw new UsageError(`GloVe: window must be at most ${widestWindow}, got ${window}`);
  for (const [name, value] of Object.entries({ xMax, learningRate })) {
    if (!(Number.isFinite(value) && value > 0))
      throw new UsageError(`GloVe: ${name} must be a positive number, got ${value}`);
  }
}

/** Words w from U(-0.5, 0.5) / D, contexts likewise after them; biases 0; accumulators 1. */
function initialise(rows: Float32Array | Float64Array, layout: RowLayout, seed: number): void {
  const random = new RandomStream(seed);
  const { entries, lanes, bias, dimensions } = layout;
  for (let row = 0; row < rows.length; row += entries) {
    for (let group = 0; group < bias; group += 2 * lanes) {
      rows.fill(1, row + group + lanes, row + group + 2 * lanes);
    }
    for (let d = 0; d < dimensions; d++) rows[row + layout.place(d)] = (random.uniform() - 0.5) / dimensions;
    rows[row + bias + 1] = 1;
  }
}

/** Counts and arranges. Records stay in memory where they fit and need not outlive the process. */
async function makeRecords(
  texts: TextIds,
  vocabularySize: number,
  options: GloveRunOptions,
  temporary: TemporaryFolder,
): Promise<{ readonly records: Records; readonly tokens: number } | undefined> {
  const { unfinished, window, xMax, memory = defaultMemory } = options;
  let spilled = false;
  const folder = (): string => {
    spilled = true;
    if (!unfinished) return temporary.path;
    makeDirectory(unfinished.countingFolder);
    return unfinished.countingFolder;
  };
  const { interrupted, onCounting } = options;
  const counted = await cooccurrences(texts, {
    ...{ vocabularySize, window, memory, folder, interrupted },
    onProgress: onCounting,
  });
  if (!counted) return undefined;
  const { pairs, unit, tokens } = counted;
  if (pairs.count === 0) {
    throw new UsageError(
      "GloVe: no two words stand near each other; the training text is too short to make vectors from",
    );
  }
  const fits = !spilled && pairs.count * (16 + 2 * recordBytes) <= memory;
  const file = unfinished ? unfinished.recordsFile : fits ? undefined : join(temporary.path, "records.bin");
  return { records: arrangeRecords(pairs, { vocabularySize, unit, xMax, file }), tokens };
}

/** What the parameters lie in, and the threads that train them. */
interface Engine {
  readonly layout: RowLayout;
  readonly memory: SharedMemory;
  readonly rows: Float32Array | Float64Array;
  readonly works: readonly BlockWork[];
}

function makeEngine(records: Records, vocabularySize: number, options: GloveRunOptions): Engine {
  const { dimensions, iterations, precision = "float32", learningRate, seed } = options;
  const layout = new RowLayout(dimensions, precision);
  const seconds = (records.count * iterations * dimensions * componentNanoseconds) / 1e9;
  const wanted = options.threads ?? (seconds < threadedSeconds ? 1 : availableParallelism());
  const threads = Math.min(wanted, records.parts);
  const parameterBytes = 2 * vocabularySize * layout.stride;
  const scratchBytes = Math.ceil((largestBlock(records.starts) * recordBytes) / 64) * 64;
  const bytes = parameterBytes + threads * scratchBytes;
  const gibibytes = (bytes / 2 ** 30).toFixed(1);
  if (bytes > largestMemory) {
    throw new UsageError(
      `GloVe: ${vocabularySize} words x ${dimensions} dimensions need ${gibibytes} GiB, at most 4 are possible: take fewer words or dimensions`,
    );
  }
  let memory: SharedMemory;
  try {
    memory = sharedMemory(bytes);
  } catch (error) {
    throw new RiverrunError(`GloVe: no room for ${gibibytes} GiB of parameters: ${messageOf(error)}`, { cause: error });
  }
  const { starts, store } = records;
  const works = Array.from({ length: threads }, (_, thread) => ({
    ...{ memory, dimensions, precision, learningRate, seed, vocabularySize, starts, store },
    scratch: parameterBytes + thread * scratchBytes,
  }));
  return { layout, memory, works, rows: layout.view(memory.buffer, 0, 2 * vocabularySize) };
}

/**
 * The rounds of a pass, each B blocks that share no rows, together every block once: round s takes the blocks
 * (p, q((p + s) mod B)) with a random permutation q of (seed, iteration); the largest blocks first.
 */
export function roundsOf({ parts, starts }: Records, seed: number, iteration: number): number[][] {
  const contexts = Array.from({ length: parts }, (_, part) => part);
  new RandomStream(hashSeed(seed, "glove rounds", iteration)).shuffle(contexts);
  const size = (block: number): number => starts[block + 1] - starts[block];
  return contexts.map((_, round) =>
    contexts
      .map((_, part) => part * parts + contexts[(part + round) % parts])
      .filter((block) => size(block) > 0)
      .sort((a, b) => size(b) - size(a) || a - b),
  );
}

/** The passes over the records from a position on; the position where it ended. */
async function train(
  records: Records,
  crew: Crew,
  options: GloveRunOptions,
  from: Position,
  save: ((position: Position) => void) | undefined,
): Promise<{ readonly position: Position; readonly finished: boolean }> {
  const { iterations, seed, onProgress, onRound, interrupted } = options;
  let { iteration, loss } = from;
  crew.losses.set(from.losses);
  const started = performance.now();
  let done = 0;
  let before = 0;
  let lastSave = started;
  let savingTime = 0;
  const rate = (): { readonly recordsPerSecond: number; readonly secondsLeft: number } => {
    const recordsPerSecond = (1000 * done) / Math.max(1e-3, performance.now() - started);
    const left = Math.max(0, (iterations - from.iteration) * records.count - before - done);
    return { recordsPerSecond, secondsLeft: left / Math.max(1, recordsPerSecond) };
  };
  for (; iteration < iterations; iteration++) {
    const rounds = roundsOf(records, seed, iteration);
    const firstRound = iteration === from.iteration ? from.round : 0;
    if (firstRound === 0) crew.losses.fill(0);
    for (const [round, blocks] of rounds.entries()) {
      const size = blocks.reduce((sum, block) => sum + records.starts[block + 1] - records.starts[block], 0);
      if (round < firstRound) {
        before += size;
        continue;
      }
      if (interrupted?.()) {
        const position = { iteration, round, loss, losses: [...crew.losses] };
        save?.(position);
        return { position, finished: false };
      }
      await crew.run({ iteration, blocks });
      done += size;
      onRound?.({ iteration: iteration + 1, iterations, share: (round + 1) / rounds.length, ...rate() });
    }
    loss = crew.losses.reduce((sum, part) => sum + part, 0) / records.count;
    if (!Number.isFinite(loss)) {
      // Going on from an earlier save would end the same way.
      options.unfinished?.remove();
      throw new RiverrunError(
        `GloVe: the loss of pass ${iteration + 1} is ${loss}; a lower learning rate than ${options.learningRate} may help`,
      );
    }
    onProgress?.({ iteration: iteration + 1, iterations, loss, ...rate() });
    const now = performance.now();
    if (save && iteration + 1 < iterations && savingTime <= savingShare * (now - lastSave)) {
      save({ iteration: iteration + 1, round: 0, loss, losses: [] });
      lastSave = performance.now();
      savingTime = lastSave - now;
    }
  }
  return { position: { iteration, round: 0, loss, losses: [] }, finished: true };
}

/** w + c of every id. */
function sums(rows: Float32Array | Float64Array, layout: RowLayout, vocabularySize: number): Float32Array {
  const { dimensions, entries } = layout;
  const values = new Float32Array(vocabularySize * dimensions);
  for (let id = 0; id < vocabularySize; id++) {
    const word = id * entries;
    const context = (vocabularySize + id) * entries;
    for (let d = 0; d < dimensions; d++) {
      const place = layout.place(d);
      values[id * dimensions + d] = rows[word + place] + rows[context + place];
    }
  }
  return values;
}

async function trainOn(
  records: Records,
  vocabularySize: number,
  tokens: number,
  options: GloveRunOptions,
  resumed: boolean,
): Promise<GloveOutcome> {
  const { unfinished } = options;
  const { layout, memory, rows, works } = makeEngine(records, vocabularySize, options);
  const parameters = new Uint8Array(memory.buffer, 0, rows.byteLength);
  const saved = resumed ? unfinished?.loadParameters(parameters) : undefined;
  if (!saved) initialise(rows, layout, options.seed);
  const begun = saved ? saved.iteration + Math.sign(saved.round) : 0;
  if (begun > options.iterations) {
    throw new UsageError(
      `iterations ${options.iterations}: the training in ${unfinished?.path} is in pass ${begun} already: expected at least ${begun}`,
    );
  }
  options.onRecords?.({ tokens, records: records.count, threads: works.length });
  const from = saved ?? { iteration: 0, round: 0, loss: null, losses: [] };
  const save = unfinished && ((position: Position) => unfinished.saveParameters(position, parameters));
  const crew = startCrew(works, records.parts ** 2);
  try {
    const { position, finished } = await train(records, crew, options, from, save);
    if (!finished) return { finished, resumable: unfinished !== undefined, iteration: position.iteration };
    const values = sums(rows, layout, vocabularySize);
    return { finished, values, loss: position.loss ?? Number.NaN, records: records.count, tokens };
  } finally {
    await crew.close();
  }
}

/**
 * Minimises J = sum over records f(X_ij) (w_i . c_j + b_i + d_j - ln X_ij)^2 by AdaGrad (accumulators start at 1; biases
 * move without the learning rate, as in the reference program), in float32 on one or more threads. The records lie in B
 * x B blocks by parts of the vocabulary; a pass is B rounds of B blocks that share no rows (stratified gradient descent:
 * Gemulla et al., 2011), each block in a random order of its own. So the result depends on the data, the options and
 * `seed` alone: not on threads, not on memory, not on interruptions.
 *
 * @param texts ids of each text, below `vocabularySize`
 * @throws UsageError where no two words stand near each other, an option or an id is out of range, or the parameters take
 * more than 4 GiB; RiverrunError where the disk is full, memory is short or the loss is no number.
 */
export async function runGlove(
  texts: TextIds,
  vocabularySize: number,
  options: GloveRunOptions,
): Promise<GloveOutcome> {
  checkOptions(options, vocabularySize);
  const { unfinished, dimensions, window, xMax, learningRate, seed, precision = "float32" } = options;
  const temporary = new TemporaryFolder();
  try {
    unfinished?.begin();
    const made = await makeRecords(texts, vocabularySize, options, temporary);
    unfinished?.removeCounting();
    if (!made) {
      unfinished?.remove();
      return { finished: false, resumable: false, iteration: 0 };
    }
    const { records, tokens } = made;
    const { count, parts, starts } = records;
    unfinished?.saveSetup({
      ...{ version: 1, vocabularySize, tokens, dimensions, window, xMax, learningRate, seed, precision },
      records: { count, parts, starts: [...starts] },
      about: options.about ?? null,
    });
    return await trainOn(records, vocabularySize, tokens, options, false);
  } catch (error) {
    // What cannot be resumed is not kept.
    if (unfinished && !canGoOn(unfinished)) unfinished.remove();
    throw error;
  } finally {
    temporary.remove();
  }
}

function canGoOn(unfinished: UnfinishedGlove): boolean {
  try {
    return unfinished.setup() !== undefined;
  } catch {
    return false;
  }
}

/** What may be chosen anew when a training goes on. */
export type GloveResumeOptions = Pick<
  GloveRunOptions,
  "iterations" | "threads" | "interrupted" | "onProgress" | "onRecords" | "onRound"
>;

/**
 * Goes on with a training from its last save; the result is that of an uninterrupted one, to the last bit.
 *
 * @throws UsageError where the folder is damaged, or more passes are begun than `iterations`; RiverrunError
 */
export async function resumeGlove(
  unfinished: UnfinishedGlove,
  setup: Setup,
  options: GloveResumeOptions,
): Promise<GloveOutcome> {
  const { count, parts, starts } = setup.records;
  if (parts !== partsFor(count)) throw new UsageError(`${unfinished.path} was made by another version: start again`);
  const records = { count, parts, starts, store: unfinished.recordsFile };
  const { dimensions, window, xMax, learningRate, seed, precision } = setup;
  const whole = { ...options, dimensions, window, xMax, learningRate, seed, precision, unfinished };
  checkOptions(whole, setup.vocabularySize);
  return await trainOn(records, setup.vocabularySize, setup.tokens, whole, true);
}

/**
 * {@link runGlove} without interruption.
 *
 * @returns w + c of every id, vocabularySize x dimensions, row-major
 */
export async function trainGlove(texts: TextIds, vocabularySize: number, options: GloveOptions): Promise<Float32Array> {
  const outcome = await runGlove(texts, vocabularySize, options);
  if (!outcome.finished) throw new RiverrunError("GloVe: the training was interrupted");
  return outcome.values;
}
