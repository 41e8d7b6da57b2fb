/** Training steps of one process and of several that share the same batch, beside PyTorch's DistributedDataParallel. */

import type { ChildProcess } from "node:child_process";
import { RiverrunError, UsageError } from "../base/errors.ts";
import { forkModule } from "../base/forkModule.ts";
import { freePort } from "../base/freePort.ts";
import { median } from "../base/median.ts";
import { presetConfig } from "../flow/index.ts";
import { hasCollectives } from "../torch/index.ts";
import { relativeDifference } from "./fingerprint.ts";
import { chosenPeer, Peer, type PeerChoice, type PeerPlace } from "./peer.ts";
import { type Timed, takeTurns } from "./timing.ts";

/** What to measure. Defaults: preset small-ar, its batch, 5,000 words, 2 processes of one thread, 30 steps. */
export interface DataParallelOptions {
  readonly preset?: string;
  /** Texts of a step, of all processes together. */
  readonly batch?: number;
  readonly words?: number;
  /** K, where the preset's is too large. */
  readonly steps?: number;
  readonly processes?: number;
  /** Inside an operator, of every process. */
  readonly threads?: number;
  /** Steps that are timed. */
  readonly repeats?: number;
  /** Also PyTorch, in the same run; true: where it is expected to be. */
  readonly peer?: PeerChoice;
}

/** What was measured; milliseconds are medians of a step. */
export interface DataParallelResult {
  readonly preset: string;
  readonly batch: number;
  readonly positions: number;
  /** Trained ones. */
  readonly parameters: number;
  readonly processes: number;
  readonly threads: number;
  readonly libtorch: string;
  readonly oneProcessMs: number;
  readonly processesMs: number;
  /** oneProcessMs / processesMs. */
  readonly scaling: number;
  /** Steps of the loss curves that are compared, from the first on. */
  readonly steps: number;
  /** Largest relative difference between the losses of one process and of several. */
  readonly lossDifference: number;
  readonly peerTorch?: string;
  readonly peerOneProcessMs?: number;
  readonly peerProcessesMs?: number;
  readonly peerScaling?: number;
  readonly peerLossDifference?: number;
  /** scaling / peerScaling: above 1 ours gains more from its processes. */
  readonly scalingRatio?: number;
  readonly peerSkipped?: string;
}

/** A process among others on this machine. */
interface GroupPlace {
  readonly rank: number;
  readonly size: number;
  readonly port: number;
}

/** A training to make ready. */
export interface OpenRequest {
  readonly do: "open";
  readonly preset: string;
  readonly batch: number;
  readonly words: number;
  readonly steps?: number;
  readonly threads: number;
  /** Alone unless given. */
  readonly group?: GroupPlace;
}

/** What a process of ours is asked. */
export type ParallelRequest =
  | OpenRequest
  | { readonly do: "train"; readonly steps: number }
  | { readonly do: "losses" };

/** The peer's name of a flow and what it has to know of it. */
export interface PeerSettings {
  readonly name: string;
  readonly settings: Readonly<Record<string, unknown>>;
}

/** What a process says of its training. */
export interface Opened {
  readonly parameters: number;
  readonly positions: number;
  readonly libtorch: string;
  /** null: bench/peer has no such flow. */
  readonly peer: PeerSettings | null;
}

/** A process that trains: what is timed and compared. */
interface Member {
  train(steps: number): Promise<number[]>;
  losses(): Promise<number[]>;
  close(): void;
}

/** One of ours. */
class OwnProcess implements Member {
  readonly #child: ChildProcess;
  #ended: string | undefined;

  constructor(threads: number) {
    const env = { ...process.env, OMP_NUM_THREADS: String(threads) };
    const module = new URL("./dataParallelProcess.ts", import.meta.url);
    this.#child = forkModule(module, { env, stdio: ["ignore", 2, 2, "ipc"] });
    this.#child.once("exit", (code, signal) => {
      this.#ended = `a process of the training ended by ${signal ?? `exit code ${code}`}`;
    });
  }

  /** One request at a time. @throws RiverrunError with what went wrong over there */
  async ask<Answer>(request: ParallelRequest): Promise<Answer> {
    if (this.#ended !== undefined) throw new RiverrunError(this.#ended);
    const answer = await new Promise<Answer & { readonly error?: string }>((resolve, reject) => {
      const gone = (): void => reject(new RiverrunError(this.#ended ?? "a process of the training ended"));
      this.#child.once("exit", gone);
      this.#child.once("message", (message) => {
        this.#child.off("exit", gone);
        resolve(message as Answer & { readonly error?: string });
      });
      this.#child.send(request, () => undefined); // Its end says what went wrong.
    });
    if (answer.error !== undefined) throw new RiverrunError(answer.error);
    return answer;
  }

  async train(steps: number): Promise<number[]> {
    return (await this.ask<{ readonly milliseconds: number[] }>({ do: "train", steps })).milliseconds;
  }

  async losses(): Promise<number[]> {
    return (await this.ask<{ readonly losses: number[] }>({ do: "losses" })).losses;
  }

  close(): void {
    this.#child.kill("SIGKILL");
  }
}

/** One of PyTorch's. */
class PeerProcess implements Member {
  readonly peer: Peer;

  constructor(peer: Peer) {
    this.peer = peer;
  }

  async train(steps: number): Promise<number[]> {
    return (await this.peer.ask({ do: "time", work: "step", runs: steps })).milliseconds as number[];
  }

  async losses(): Promise<number[]> {
    return (await this.peer.ask({ do: "losses" })).losses as number[];
  }

  close(): void {
    this.peer.close();
  }
}

/** A step is done when the last process has done it. */
function together(members: readonly Member[]): Timed {
  return async (runs) => {
    const all = await Promise.all(members.map((member) => member.train(runs)));
    return all[0].map((_, step) => Math.max(...all.map((milliseconds) => milliseconds[step])));
  };
}

/** The mean over the processes, step by step: each knows the loss of the whole batch, or that of as many rows. */
async function curveOf(members: readonly Member[]): Promise<number[]> {
  const all = await Promise.all(members.map((member) => member.losses()));
  return all[0].map((_, step) => all.reduce((sum, losses) => sum + losses[step], 0) / all.length);
}

async function differenceOf(alone: readonly Member[], shared: readonly Member[]): Promise<number> {
  const [one, several] = [await curveOf(alone), await curveOf(shared)];
  return one.reduce((most, loss, step) => Math.max(most, relativeDifference(several[step], loss)), 0);
}

/** Places of a group; of one process, none. */
async function placesOf(size: number): Promise<(GroupPlace | undefined)[]> {
  if (size === 1) return [undefined];
  const port = await freePort();
  return Array.from({ length: size }, (_, rank) => ({ rank, size, port }));
}

type Measured = Required<Omit<DataParallelOptions, "peer" | "steps">> & Pick<DataParallelOptions, "steps">;

/** Everything that runs, to be ended whatever happens. */
class Run {
  readonly #options: Measured;
  readonly #members: Member[] = [];

  constructor(options: Measured) {
    this.#options = options;
  }

  async ours(size: number): Promise<{ readonly members: readonly Member[]; readonly opened: Opened }> {
    const { preset, batch, words, steps, threads } = this.#options;
    const places = await placesOf(size);
    const members = places.map(() => new OwnProcess(threads));
    this.#members.push(...members);
    const [opened] = await Promise.all(
      members.map((member, rank) =>
        member.ask<Opened>({ do: "open", preset, batch, words, steps, threads, group: places[rank] }),
      ),
    );
    return { members, opened };
  }

  /** @throws RiverrunError where its model is another */
  async theirs(
    size: number,
    place: PeerPlace,
    { name, settings }: PeerSettings,
    parameters: number,
  ): Promise<readonly PeerProcess[]> {
    const { threads } = this.#options;
    const places = await placesOf(size);
    const members = await Promise.all(
      places.map(async () => {
        const member = new PeerProcess(await Peer.start(place, threads));
        this.#members.push(member);
        return member;
      }),
    );
    const opened = await Promise.all(
      members.map(({ peer }, rank) => peer.ask({ do: "open", model: name, settings, threads, group: places[rank] })),
    );
    if (opened[0].parameters !== parameters) {
      throw new RiverrunError(
        `the PyTorch peer has another model: ${String(opened[0].parameters)} parameters instead of ${parameters}`,
      );
    }
    return members;
  }

  close(): void {
    for (const member of this.#members) member.close();
  }
}

function measured(given: DataParallelOptions): Measured {
  const preset = given.preset ?? "small-ar";
  const { batchSize } = presetConfig(preset).train;
  const { processes = 2, threads = 1, repeats = 30, words = 5000, batch = batchSize, steps } = given;
  return { preset, batch, words, processes, threads, repeats, steps };
}

/** @throws UsageError naming the option and what fits */
function check({ batch, processes }: Measured): void {
  if (!hasCollectives()) {
    throw new RiverrunError("processes cannot be compared: this addon was built without collectives (build/setup.log)");
  }
  if (processes < 2) throw new UsageError(`--processes ${processes}: expected at least 2, which are compared with 1`);
  if (batch % processes !== 0) {
    throw new UsageError(`--batch ${batch}: expected a multiple of the ${processes} processes that share it`);
  }
}

/**
 * Times steps of one process and of several, of the same model on the same batches, and compares their losses; with `peer`
 * also a PyTorch version of the same sizes, alone and under DistributedDataParallel. All take turns in blocks of five steps.
 *
 * @throws UsageError for an unknown preset or a batch that cannot be shared out
 * @throws RiverrunError where the addon has no collectives, a process ends, or the peer has another number of parameters
 */
export async function benchDataParallel(given: DataParallelOptions = {}): Promise<DataParallelResult> {
  const options = measured(given);
  check(options);
  const { preset, batch, processes, threads, repeats } = options;
  const place = chosenPeer(given.peer);
  const run = new Run(options);
  try {
    const { members: alone, opened } = await run.ours(1);
    const { members: shared } = await run.ours(processes);
    const { parameters, positions, libtorch, peer } = opened;
    const asked = place && "python" in place ? place : undefined;
    const theirs =
      asked && peer
        ? {
            alone: await run.theirs(1, asked, peer, parameters),
            shared: await run.theirs(processes, asked, peer, parameters),
          }
        : undefined;
    const sides = [alone, ...(theirs ? [theirs.alone] : []), shared, ...(theirs ? [theirs.shared] : [])];
    const times = await takeTurns(sides.map(together), repeats, { block: 5, warmUp: 3 });
    const medianOf = (side: readonly Member[]): number => median(times[sides.indexOf(side)]);
    const [oneProcessMs, processesMs] = [medianOf(alone), medianOf(shared)];
    const scaling = oneProcessMs / processesMs;
    const result: DataParallelResult = {
      ...{ preset, batch, positions, parameters, processes, threads, libtorch, oneProcessMs, processesMs, scaling },
      steps: (await alone[0].losses()).length,
      lossDifference: await differenceOf(alone, shared),
    };
    if (place && "skipped" in place) return { ...result, peerSkipped: place.skipped };
    if (place && !theirs) return { ...result, peerSkipped: `bench/peer has no version of the flow of ${preset}` };
    if (!theirs) return result;
    const [peerOneProcessMs, peerProcessesMs] = [medianOf(theirs.alone), medianOf(theirs.shared)];
    const peerScaling = peerOneProcessMs / peerProcessesMs;
    return {
      ...result,
      peerTorch: theirs.alone[0].peer.torch,
      peerOneProcessMs,
      peerProcessesMs,
      peerScaling,
      peerLossDifference: await differenceOf(theirs.alone, theirs.shared),
      scalingRatio: scaling / peerScaling,
    };
  } finally {
    run.close();
  }
}
