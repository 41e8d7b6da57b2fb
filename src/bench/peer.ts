/** The hand-written PyTorch versions of our flows, bench/peer/, as a process that takes turns with this one. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { RiverrunError } from "../base/errors.ts";
import { getThreads, type Tensor } from "../torch/index.ts";
import { saveSafetensors } from "../torch/safetensors.ts";
import { compareGradients, type Fingerprint, fingerprint, relativeDifference } from "./fingerprint.ts";
import type { Timed } from "./timing.ts";

const root = join(import.meta.dirname, "..", "..");

/** The largest relative difference between the peer's figures and ours in float32, where kernels round differently. */
export const mostDifference = 1e-3;

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

type Answer = Readonly<Record<string, unknown>>;

/** What is measured on both sides. */
export interface PeerModel {
  /** The model's name in bench/peer/main.py. */
  readonly name: "nar" | "causal";
  readonly settings: Readonly<Record<string, unknown>>;
  readonly weights: ReadonlyMap<string, Tensor>;
  readonly inputs: ReadonlyMap<string, Tensor>;
}

/** A running peer. Start it before this process grows; end it with `close`. */
export class Peer {
  readonly torch: string;
  readonly #child: ChildProcess;
  readonly #answers: AsyncIterator<string>;
  #complaint = "";

  private constructor({ python, program }: PeerPlace) {
    const child = spawn(python, [program, "--serve"], {
      stdio: ["pipe", "pipe", "pipe"],
      env: { ...process.env, PYTHONDONTWRITEBYTECODE: "1" },
    });
    this.#child = child;
    if (!child.stdout || !child.stderr || !child.stdin) throw new RiverrunError("internal: the peer has no pipes");
    this.#answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#complaint = (this.#complaint + text).slice(-2000);
    });
    child.stdin.on("error", () => undefined); // The lack of an answer says it.
    child.on("error", (error) => {
      this.#complaint += error.message;
      child.stdout?.destroy();
    });
    this.torch = "";
  }

  /** Starts it with this process's number of threads and environment. @throws RiverrunError where it does not answer */
  static async start(place: PeerPlace): Promise<Peer> {
    const peer = new Peer(place);
    try {
      const { torch } = await peer.ask({ do: "open", threads: getThreads() });
      return Object.assign(peer, { torch: String(torch) });
    } catch (error) {
      peer.close();
      throw error;
    }
  }

  /** @throws RiverrunError with what the peer complained of */
  async ask(request: Answer): Promise<Answer> {
    this.#child.stdin?.write(`${JSON.stringify(request)}\n`);
    const { value, done } = await this.#answers.next();
    if (done || value === undefined) {
      const last = this.#complaint.trim().split("\n").at(-1);
      throw new RiverrunError(`the PyTorch peer ended without an answer: ${last || "it said nothing"}`);
    }
    const answer = JSON.parse(value) as Answer;
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
    this.#child.stdin?.end();
    this.#child.kill();
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
 * @param most the largest relative difference that passes
 * @throws RiverrunError beyond it, naming the parameter
 */
export async function demandSameGradients(
  peer: Peer,
  loss: number,
  gradients: ReadonlyMap<string, Tensor>,
  most: number,
): Promise<Agreement> {
  const theirs = await peer.ask({ do: "gradients" });
  const lossDifference = relativeDifference(loss, Number(theirs.loss));
  const ours = new Map([...gradients].map(([name, gradient]) => [name, fingerprint(gradient)]));
  const { difference, worst } = compareGradients(
    ours,
    new Map(Object.entries(theirs.gradients as Record<string, Fingerprint>)),
  );
  if (!(lossDifference <= most && difference <= most)) {
    throw new RiverrunError(
      `the PyTorch peer computes something else: loss ${String(theirs.loss)} instead of ${loss}, gradients differ by ${difference.toExponential(1)} (${worst}), expected at most ${most}`,
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
