/**
 * Several processes that work as one: they meet at a store, sum tensors and hand them round, by c10d (Gloo on the CPU,
 * NCCL between CUDA devices), which is what PyTorch's launchers start and serve; on one machine they sum in memory that
 * they share. Everything that waits long for others is a promise, so that signals are heard meanwhile.
 */
import { messageOf, RiverrunError } from "../base/errors.ts";
import { tensor, zeros } from "./creation.ts";
import { type Handle, native } from "./native.ts";
import { handlesOf, Tensor } from "./tensor.ts";

/** Which process of how many this is, and where they meet. */
export interface Membership {
  /** 0 .. size - 1; 0 leads. */
  readonly rank: number;
  readonly size: number;
  /** Number of this process among those on its machine. */
  readonly localRank: number;
  readonly address: string;
  readonly port: number;
  /** Whether this process serves the store; else somebody does already. */
  readonly hostsStore: boolean;
  /** Of all keys in the store, so that a restarted group does not read its forerunner's. */
  readonly prefix: string;
  /** Of Gloo's connections, as in "eth0"; empty: the one that leads to `address`. */
  readonly networkInterface: string;
  /** Whether sums may go through shared memory; they do where all processes are on one machine and allow it. */
  readonly sharedMemory: boolean;
}

/** Another process is gone, did not come, did not answer in time, or does something else. */
export class PeerError extends RiverrunError {
  override name = "PeerError";
}

/** Whether the addon can join process groups. */
export function hasCollectives(): boolean {
  return native.collectives();
}

/** What c10d says, without the name of the call, places in somebody's build, stacks and advice. */
function cause(error: unknown): string {
  return messageOf(error)
    .replace(/^\w+: /, "")
    .replace(/\[(?:enforce fail at )?\S*\.(?:cc|cpp|h):\d+\]\s*/g, "")
    .replace(/\.? (?:This is typically caused by|Exception raised from) .*$/, "");
}

function isPeerFailure(error: unknown): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === "ERR_PEER";
}

/** What `answer` says. @throws PeerError where another process is gone, late by more than `timeout` seconds, or unlike */
async function heard<Result>(answer: Promise<Result> | Result, timeout: number): Promise<Result> {
  try {
    return await answer;
  } catch (error) {
    if (!isPeerFailure(error)) throw error;
    const why = cause(error);
    throw new PeerError(
      // Only in shared memory a process sees what another came with; through connections both wait until they are late.
      /^rank \d+ sums /.test(why)
        ? `the processes do not do the same (${why}): all must run the same version, on the same data and configuration`
        : `another process is gone, or did not answer within ${timeout} s (${why})`,
      { cause: error },
    );
  }
}

/** The processes of one training. All of them must call the same collectives in the same order. */
export class ProcessGroup {
  readonly #handle: Handle;
  readonly rank: number;
  readonly size: number;
  /** Where tensors that are summed live: "cpu" or a CUDA device. */
  readonly device: string;
  /** How long one process waits for another, seconds. */
  readonly timeout: number;
  #uses = 0;

  private constructor(handle: Handle, { rank, size }: Membership, device: string, timeout: number) {
    this.#handle = handle;
    this.rank = rank;
    this.size = size;
    this.device = device;
    this.timeout = timeout;
  }

  /**
   * Meets the others.
   *
   * @param timeout how long to wait for them, now and in every collective, seconds
   * @throws RiverrunError where the addon has no collectives; PeerError where the others do not come
   */
  static async join(membership: Membership, device: string, timeout: number): Promise<ProcessGroup> {
    const { rank, size, address, port, hostsStore, prefix, networkInterface, sharedMemory } = membership;
    if (!hasCollectives()) {
      throw new RiverrunError(
        `${size} processes cannot train together: this addon was built without collectives, because its libtorch has none that it could be compiled against (see build/setup.log); train in one process, or set up with the pinned libtorch (unset LIBTORCH, then set up again)`,
      );
    }
    const milliseconds = Math.round(timeout * 1000);
    try {
      const handle = await native.groupJoin(
        ...([address, port, rank, size, hostsStore, prefix, networkInterface, device, sharedMemory] as const),
        milliseconds,
      );
      return new ProcessGroup(handle, membership, device, timeout);
    } catch (error) {
      if (!isPeerFailure(error)) throw error;
      const place = `${address}:${port}`;
      throw new PeerError(
        `rank ${rank} of ${size} could not meet the others at ${place} (MASTER_ADDR and MASTER_PORT): ${cause(error)}`,
        { cause: error },
      );
    }
  }

  /** @throws PeerError where another process is gone or late */
  #heard<Result>(answer: Promise<Result> | Result): Promise<Result> {
    return heard(answer, this.timeout);
  }

  /** Whether the CPU's sums in float32 and float64 go through memory that all processes share. */
  get sharesMemory(): boolean {
    return native.groupSharesMemory(this.#handle);
  }

  /** Sums tensors over all processes, in place. @throws PeerError */
  async allReduce(tensors: readonly Tensor[]): Promise<void> {
    await this.#heard(native.allReduce(this.#handle, handlesOf(tensors)));
  }

  /** Puts the tensors of one process into all, in place. @throws PeerError */
  async broadcast(tensors: readonly Tensor[], root = 0): Promise<void> {
    await this.#heard(native.broadcast(this.#handle, handlesOf(tensors), root));
  }

  /** Sums numbers over all processes, in float64. @throws PeerError */
  async sum(values: readonly number[]): Promise<number[]> {
    // It outlives a scope that ends meanwhile.
    const own = tensor(values, [values.length], { dtype: "float64", device: this.device }).keep();
    try {
      await this.allReduce([own]);
      return own.toNumbers();
    } finally {
      own.dispose();
    }
  }

  /** The text of one process, in all; the others' is not looked at. @throws PeerError */
  async broadcastText(text: string, root = 0): Promise<string> {
    const bytes = new TextEncoder().encode(text);
    const [length] = await this.sum([this.rank === root ? bytes.length : 0]);
    const held =
      this.rank === root
        ? tensor(bytes, [length], { dtype: "uint8", device: this.device })
        : zeros([length], { dtype: "uint8", device: this.device });
    try {
      await this.broadcast([held], root);
      return new TextDecoder().decode(held.bytes());
    } finally {
      held.dispose();
    }
  }

  /** Leaves a word for the others at the store. @throws PeerError where the store is gone */
  async set(key: string, value: string): Promise<void> {
    await this.#heard(native.storeSet(this.#handle, key, value));
  }

  /** A word at the store; undefined where nobody left it within so many seconds. @throws PeerError where the store is gone */
  async get(key: string, patience: number): Promise<string | undefined> {
    const value = await this.#heard(native.storeGet(this.#handle, key, Math.round(patience * 1000)));
    return value ?? undefined;
  }

  /** A reducer of the gradients of these parameters. */
  reducer(parameters: readonly Tensor[], bucketBytes?: number): GradientReducer {
    return new GradientReducer(this.#handle, this, parameters, bucketBytes);
  }

  /** 1, 2, ...: what is done together one after the other has words of its own at the store. */
  nextUse(): number {
    return ++this.#uses;
  }

  /** Ends the connections. */
  async leave(): Promise<void> {
    await native.groupLeave(this.#handle);
  }
}

/** Bytes of a bucket; as in PyTorch's DistributedDataParallel, large enough for bandwidth to outweigh latency. */
export const defaultBucketBytes = 25 * 2 ** 20;

/**
 * Sums gradients over all processes in flattened buckets. A bucket's sum begins inside the backward pass, as soon as its
 * last gradient is finished; in shared memory all sums are done after it.
 */
export class GradientReducer {
  readonly #handle: Handle;
  readonly #group: Pick<ProcessGroup, "device" | "timeout">;
  #beside: Tensor | undefined;

  constructor(
    handle: Handle,
    group: Pick<ProcessGroup, "device" | "timeout">,
    parameters: readonly Tensor[],
    bucketBytes = defaultBucketBytes,
  ) {
    this.#handle = native.reducerNew(handle, handlesOf(parameters), bucketBytes);
    this.#group = group;
  }

  /** How many buckets there are. */
  get buckets(): number {
    return native.reducerBuckets(this.#handle);
  }

  /** Before each backward pass of a step; the sums begin in its last. */
  arm(first: boolean, last: boolean): void {
    native.reducerArm(this.#handle, first, last);
  }

  /** Numbers that are summed in float64 beside the gradients, from now on: after `arm`, once a step. */
  sumBeside(values: readonly number[]): void {
    this.#beside?.dispose();
    // It outlives a scope that ends meanwhile.
    this.#beside = tensor(values, [values.length], { dtype: "float64", device: this.#group.device }).keep();
    native.reducerSumBeside(this.#handle, handlesOf([this.#beside])[0]);
  }

  /**
   * Waits for the sums, after the last pass. A parameter without a gradient counts as zero.
   *
   * @returns the sums of the numbers beside them
   * @throws PeerError where another process is gone or late
   */
  async finish(): Promise<number[]> {
    await heard(native.reducerFinish(this.#handle), this.#group.timeout);
    const sums = this.#beside?.toNumbers() ?? [];
    this.#beside?.dispose();
    this.#beside = undefined;
    return sums;
  }

  /** The summed gradients, in the order of the parameters: views of the buckets, which the next step overwrites. */
  gradients(): Tensor[] {
    return native.reducerGradients(this.#handle).map((handle) => Tensor.adopt(handle));
  }

  dispose(): void {
    this.#beside?.dispose();
    native.reducerFree(this.#handle);
  }
}
