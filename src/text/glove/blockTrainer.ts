/** Trains on one block of records at a time; several of these share the parameters. */
import { hashSeed, RandomStream } from "../../base/random.ts";
import { gloveKernel, type Kernel, type Precision, RowLayout, recordBytes } from "./kernel.ts";
import { type RecordReader, type RecordStore, recordReader } from "./records.ts";
import type { SharedMemory } from "./wasm.ts";

/** What a block trainer is made from; can be sent to a thread. */
export interface BlockWork {
  readonly memory: SharedMemory;
  readonly dimensions: number;
  readonly precision: Precision;
  readonly learningRate: number;
  readonly seed: number;
  readonly vocabularySize: number;
  /** Bytes of the memory that belong to this trainer, for the largest block: the first of them. */
  readonly scratch: number;
  readonly starts: readonly number[];
  readonly store: RecordStore;
}

/** Uniformly random order of records of four 32-bit words, in place (Fisher-Yates). */
function shuffleRecords(records: Uint32Array, count: number, random: RandomStream): void {
  for (let last = count - 1; last > 0; last--) {
    // Multiplying instead of RandomStream.integer: the bias of count / 2^32 does not matter for an order, the time does.
    const other = 4 * Math.floor((random.nextUint32() / 0x1_0000_0000) * (last + 1));
    const at = 4 * last;
    for (let word = 0; word < 4; word++) {
      const held = records[at + word];
      records[at + word] = records[other + word];
      records[other + word] = held;
    }
  }
}

export class BlockTrainer {
  readonly #work: BlockWork;
  readonly #kernel: Kernel;
  readonly #contexts: number;
  readonly #read: RecordReader;
  readonly #bytes: Uint8Array;
  readonly #integers: Uint32Array;
  /** Closes the file of the records. */
  readonly close: () => void;

  constructor(work: BlockWork) {
    this.#work = work;
    const layout = new RowLayout(work.dimensions, work.precision);
    this.#kernel = gloveKernel(work.memory, layout, work.learningRate);
    this.#contexts = work.vocabularySize * layout.stride;
    const { read, close } = recordReader(work.store);
    this.#read = read;
    this.close = close;
    const room = largestBlock(work.starts) * recordBytes;
    this.#bytes = new Uint8Array(work.memory.buffer, work.scratch, room);
    this.#integers = new Uint32Array(work.memory.buffer, work.scratch, room / 4);
  }

  /** One pass over a block in an order of (seed, iteration, block); the sum of f e^2 / 2. */
  train(iteration: number, block: number): number {
    const { starts, seed, scratch } = this.#work;
    const count = starts[block + 1] - starts[block];
    this.#read(starts[block], count, this.#bytes);
    shuffleRecords(this.#integers, count, new RandomStream(hashSeed(seed, "glove block", iteration, block)));
    return this.#kernel({ records: scratch, count, words: 0, contexts: this.#contexts });
  }
}

/** Records of the largest block. */
export function largestBlock(starts: readonly number[]): number {
  let most = 0;
  for (let block = 0; block + 1 < starts.length; block++) most = Math.max(most, starts[block + 1] - starts[block]);
  return most;
}
