/** The hand-written PyTorch versions of our flows, bench/peer/, as a process that takes turns with this one. */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { RiverrunError, UsageError } from "../base/errors.ts";
import type { NetworkPrecision } from "../nn/index.ts";
import { getThreads, type Tensor } from "../torch/index.ts";
import { saveSafetensors } from "../torch/safetensors.ts";
import { compareGradients, type Fingerprint, fingerprint, relativeDifference } from "./fingerprint.ts";
import type { Timed } from "./timing.ts";

const root = join(import.meta.dirname, "..", "..");

/** The largest relative difference between the peer's figures and ours in float32, where kernels round differently. */
const mostDifference = 1e-3;

/** What networks may be computed in, on both sides. */
export const benchPrecisions = ["float32", "bf16"] as const satisfies readonly NetworkPrecision[];

/**
 * The same in a precision. In bf16 both round the same operands, but not at the same places, and what is rounded differently
 * in the first network is read by all that follow: loss, gradients and inverse of flow-step are 1.5e-5, 0.017 and 1.4e-3
 * apart there.
 */
export function mostDifferenceIn(precision: NetworkPrecision): Bounds {
  return precision === "float32" ? within(mostDifference) : { loss: 2e-4, gradient: 0.06, output: 0.006 };
}

/** @throws UsageError for a name that is none of `benchPrecisions` */
export function benchPrecision(what: string, name: string): NetworkPrecision {
  const found = benchPrecisions.find((precision) => precision === name);
  if (found) return found;
  throw new UsageError(`precision ${name}: ${what} computes in ${benchPrecisions.join(" or ")}`);
}

/** The largest relative differences of loss, gradients and outputs that pass. */
export interface Bounds {
  readonly loss: number;
  readonly gradient: number;
  readonly output: number;
}

/** The same bound for all. */
export function within(most: number): Bounds {
  return { loss: most, gradient: most, output: most };
}

/** Where the peer's interpreter and program are. */
export interface PeerPlace {
  readonly python: string;
  readonly program: string;
}

/** No peer, and why. */
export interface PeerSkipped {
  readonly skipped: string;
}

/** The place below a clone, or what is missing there. */
export function findPeer(clone: string = root): PeerPlace | PeerSkipped {
  const program = join(clone, "bench", "peer", "main.py");
  if (!existsSync(program)) return { skipped: "bench/peer is part of a clone, not of the package" };
  const python = join(clone, ".oracle", "torch", "bin", "python");
  if (!existsSync(python)) {
    return { skipped: "PyTorch is not in .oracle/torch: npm run oracle -- torch --setup-only" };
  }
  return { python, program };
}

/** Whether a peer takes part; true: where it is expected to be. */
export type PeerChoice = boolean | PeerPlace | PeerSkipped | undefined;

/** The place, or why there is none; undefined where none is asked for. */
export function chosenPeer(choice: PeerChoice): PeerPlace | PeerSkipped | undefined {
  if (choice === undefined || choice === false) return undefined;
  return choice === true ? findPeer() : choice;
}

type Answer = Readonly<Record<string, unknown>>;

/** What is measured on both sides. */
export interface PeerModel {
  /** The model's name in bench/peer/main.py. */
  readonly name: "nar" | "causal";
  readonly settings: Readonly<Record<string, unknown>>;
  readonly weights: ReadonlyMap<string, Tensor>;
  readonly inputs: ReadonlyMap<string, Tensor>;
}

/** Who waits for the next answer. */
interface Waiting {
  readonly resolve: (line: string) => void;
  readonly reject: (error: RiverrunError) => void;
}

/** A running peer. Start it before this process grows; end it with `close`. */
export class Peer {
  /** PyTorch's version. */
  torch = "";
  readonly #child: ChildProcessWithoutNullStreams;
  #complaint = "";
  #ended = false;
  #waiting: Waiting | undefined;

  private constructor({ python, program }: PeerPlace) {
    const child = spawn(python, [program, "--serve"], { env: { ...process.env, PYTHONDONTWRITEBYTECODE: "1" } });
    this.#child = child;
    createInterface({ input: child.stdout }).on("line", (line) => {
      this.#waiting?.resolve(line);
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#complaint = (this.#complaint + text).slice(-2000);
    });
    child.stdin.on("error", () => undefined); // The end of the process says it.
    child.on("error", (error) => {
      this.#complaint += error.message;
      this.#end();
    });
    child.on("close", () => {
      this.#end();
    });
  }

  #end(): void {
    this.#ended = true;
    this.#waiting?.reject(this.#farewell());
  }

  #farewell(): RiverrunError {
    const last = this.#complaint.trim().split("\n").at(-1);
    return new RiverrunError(`the PyTorch peer ended without an answer: ${last || "it said nothing"}`);
  }

  /**
   * Starts it with this process's environment.
   *
   * @param threads inside an operator; this process's unless given
   * @throws RiverrunError where it does not answer
   */
  static async start(place: PeerPlace, threads: number = getThreads()): Promise<Peer> {
    const peer = new Peer(place);
    try {
      peer.torch = String((await peer.ask({ do: "open", threads })).torch);
      return peer;
    } catch (error) {
      peer.close();
      throw error;
    }
  }

  /** One request at a time. @throws RiverrunError with what the peer complained of */
  async ask(request: Answer): Promise<Answer> {
    if (this.#ended) throw this.#farewell();
    const line = await new Promise<string>((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#child.stdin.write(`${JSON.stringify(request)}\n`);
    });
    const answer = JSON.parse(line) as Answer;
    if (typeof answer.error === "string") throw new RiverrunError(`the PyTorch peer failed: ${answer.error}`);
    return answer;
  }

  /** Hands over weights and inputs; returns the number of parameters over there. */
  async open({ name, settings, weights, inputs }: PeerModel): Promise<number> {
    const folder = mkdtempSync(join(tmpdir(), "riverrun-bench-"));
    try {
      const files = { weights: join(folder, "weights.safetensors"), inputs: join(folder, "inputs.safetensors") };
      saveSafetensors(files.weights, weights);
      saveSafetensors(files.inputs, inputs);
      const { parameters } = await this.ask({ do: "open", model: name, settings, threads: getThreads(), ...files });
      return Number(parameters);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  /** One kind of work, timed over there. */
  timed(work: string): Timed {
    return async (runs) => (await this.ask({ do: "time", work, runs })).milliseconds as number[];
  }

  async peakRssMb(): Promise<number> {
    return Number((await this.ask({ do: "memory" })).peakRssMb);
  }

  close(): void {
    this.#child.stdin.end();
    this.#child.kill();
  }
}

/**
 * A measurement beside the peer, if there is one: started before what is measured makes this process grow, ended after it.
 *
 * @returns what `measure` says; with `peerSkipped` where a peer was asked for and there is none
 */
export async function besidePeer<Result extends object>(
  place: PeerPlace | PeerSkipped | undefined,
  measure: (peer: Peer | undefined) => Promise<Result>,
): Promise<Result & { readonly peerSkipped?: string }> {
  if (place && "skipped" in place) return { ...(await measure(undefined)), peerSkipped: place.skipped };
  if (!place) return await measure(undefined);
  const peer = await Peer.start(place);
  try {
    return await measure(peer);
  } finally {
    peer.close();
  }
}

/** How far the two implementations are apart, relatively: the loss, the worst parameter's gradient. */
export interface Agreement {
  readonly lossDifference: number;
  readonly gradientDifference: number;
}

/**
 * Demands that the peer finds our loss and the gradient of every parameter, so that the same mathematics is timed.
 *
 * @param most the largest relative differences that pass
 * @throws RiverrunError beyond it, naming the parameter
 */
export async function demandSameGradients(
  peer: Peer,
  loss: number,
  gradients: ReadonlyMap<string, Tensor>,
  most: Pick<Bounds, "loss" | "gradient">,
): Promise<Agreement> {
  const theirs = await peer.ask({ do: "gradients" });
  const lossDifference = relativeDifference(loss, Number(theirs.loss));
  const ours = new Map([...gradients].map(([name, gradient]) => [name, fingerprint(gradient)]));
  const { difference, worst } = compareGradients(
    ours,
    new Map(Object.entries(theirs.gradients as Record<string, Fingerprint>)),
  );
  if (!(lossDifference <= most.loss && difference <= most.gradient)) {
    throw new RiverrunError(
      `the PyTorch peer computes something else: loss ${String(theirs.loss)} instead of ${loss}, gradients differ by ${difference.toExponential(1)} (${worst}), expected at most ${most.loss} and ${most.gradient}`,
    );
  }
  return { lossDifference, gradientDifference: difference };
}

/** Demands that a kind of work gives what ours gives. @throws RiverrunError otherwise */
export async function demandSameOutput(peer: Peer, work: string, ours: Tensor, most: number): Promise<number> {
  const { output } = await peer.ask({ do: "output", work });
  const theirs = output as [number, number, number];
  const mine = fingerprint(ours);
  // The norm is the scale: a sum or a projection may cancel to nothing.
  const difference = Math.max(Math.abs(mine[0] - theirs[1]), Math.abs(mine[1] - theirs[2])) / Math.abs(theirs[1]);
  if (!(difference <= most)) {
    throw new RiverrunError(
      `the PyTorch peer's ${work} gives something else: it differs by ${difference.toExponential(1)}, expected at most ${most}`,
    );
  }
  return difference;
}
