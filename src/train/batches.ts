/** The order of examples: a pure function of (seed, epoch), so that a resumed run needs only its step number. */
import { UsageError } from "../base/errors.ts";
import { namedSeed, RandomStream } from "../base/random.ts";

/** What decides the order. */
export interface BatchOptions {
  readonly seed: number;
  readonly batchSize: number;
  /** Batches whose examples are sorted by length together; 1 does not sort. */
  readonly bucket: number;
}

/**
 * Batches of example indices of one epoch: shuffled, the rest that fills no batch left out, cut into groups of `bucket`
 * batches, each group sorted by length and cut, the batches shuffled again. Fewer examples than a batch are one batch.
 *
 * The rest is left out before sorting: afterwards it would always be the longest texts of a group.
 */
export function epochBatches(lengths: readonly number[], epoch: number, options: BatchOptions): number[][] {
  const { seed, batchSize, bucket } = options;
  const random = new RandomStream(namedSeed(seed, `order of epoch ${epoch}`));
  const order = random.shuffle(lengths.map((_, index) => index));
  const used = order.length < batchSize ? order.length : order.length - (order.length % batchSize);
  const batches: number[][] = [];
  for (let start = 0; start < used; start += batchSize * bucket) {
    const group = order.slice(start, Math.min(used, start + batchSize * bucket));
    if (bucket > 1) group.sort((a, b) => lengths[a] - lengths[b] || a - b);
    for (let at = 0; at < group.length; at += batchSize) batches.push(group.slice(at, at + batchSize));
  }
  return random.shuffle(batches);
}

/** The batches of steps 1, 2, ... over as many epochs as are asked for. */
export class BatchSequence {
  readonly #lengths: readonly number[];
  readonly #options: BatchOptions;
  /** Steps of one epoch. */
  readonly perEpoch: number;
  #epoch = -1;
  #batches: number[][] = [];

  /** @throws UsageError where there is no example. */
  constructor(lengths: readonly number[], options: BatchOptions) {
    if (lengths.length === 0) throw new UsageError("there is no text to train on");
    this.#lengths = lengths;
    this.#options = options;
    this.perEpoch = Math.max(1, Math.floor(lengths.length / options.batchSize));
  }

  /** Example indices of a step, counted from 1, and the epoch it belongs to, counted from 0. */
  at(step: number): { readonly epoch: number; readonly indices: readonly number[] } {
    const epoch = Math.floor((step - 1) / this.perEpoch);
    if (epoch !== this.#epoch) {
      this.#epoch = epoch;
      this.#batches = epochBatches(this.#lengths, epoch, this.#options);
    }
    return { epoch, indices: this.#batches[(step - 1) % this.perEpoch] };
  }
}
