/** The order of examples: a pure function of (seed, epoch), so that a resumed run needs only its step number. */
import { namedSeed, RandomStream } from "../base/random.ts";

function shuffle(items: number[], random: RandomStream): number[] {
  for (let last = items.length - 1; last > 0; last--) {
    const other = random.integer(last + 1);
    [items[last], items[other]] = [items[other], items[last]];
  }
  return items;
}

/** What decides the order. */
export interface BatchOptions {
  readonly seed: number;
  readonly batchSize: number;
  /** Batches whose examples are sorted by length together; 1 does not sort. */
  readonly bucket: number;
}

/**
 * Batches of example indices of one epoch: shuffled, cut into groups of `bucket` batches, each group sorted by length
 * and cut, the batches shuffled again. A last incomplete batch is dropped unless it is the only one.
 */
export function epochBatches(lengths: readonly number[], epoch: number, options: BatchOptions): number[][] {
  const random = new RandomStream(namedSeed(options.seed, `order of epoch ${epoch}`));
  const order = shuffle(
    lengths.map((_, index) => index),
    random,
  );
  const group = options.batchSize * options.bucket;
  const batches: number[][] = [];
  for (let start = 0; start < order.length; start += group) {
    const part = order.slice(start, start + group);
    if (options.bucket > 1) part.sort((a, b) => lengths[a] - lengths[b] || a - b);
    for (let at = 0; at < part.length; at += options.batchSize) batches.push(part.slice(at, at + options.batchSize));
  }
  const whole = batches.filter((batch) => batch.length === options.batchSize);
  const kept = whole.length > 0 ? whole : batches;
  return shuffle(
    kept.map((_, index) => index),
    random,
  ).map((index) => kept[index]);
}

/** The batches of steps 1, 2, ... over as many epochs as are asked for. */
export class BatchSequence {
  readonly #lengths: readonly number[];
  readonly #options: BatchOptions;
  readonly #perEpoch: number;
  #epoch = -1;
  #batches: number[][] = [];

  constructor(lengths: readonly number[], options: BatchOptions) {
    this.#lengths = lengths;
    this.#options = options;
    this.#perEpoch = epochBatches(lengths, 0, options).length;
  }

  /** Example indices of a step, counted from 1, and the epoch it belongs to, counted from 0. */
  at(step: number): { readonly epoch: number; readonly indices: readonly number[] } {
    const epoch = Math.floor((step - 1) / this.#perEpoch);
    if (epoch !== this.#epoch) {
      this.#epoch = epoch;
      this.#batches = epochBatches(this.#lengths, epoch, this.#options);
    }
    return { epoch, indices: this.#batches[(step - 1) % this.#perEpoch] };
  }
}
