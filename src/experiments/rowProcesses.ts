/** Pieces trained side by side, each process one at a time with threads of its own. */
import type { ChildProcess } from "node:child_process";
import { errorOfExitCode, RiverrunError } from "../base/errors.ts";
import { forkModule } from "../base/forkModule.ts";
import { type Failure, finishedPiece, nameOf, type Outcome, type Piece, type Workshop } from "./pieces.ts";
import type { Scale } from "./scales.ts";
import { StoppedError } from "./stopped.ts";

/** What a process is told once. */
export interface Setting {
  readonly files: readonly string[];
  readonly scale: Scale;
  readonly out: string;
  readonly device: string;
  readonly threads: number;
}

/** From the table's process. */
export type ParentMessage =
  | { readonly kind: "setting"; readonly setting: Setting }
  | { readonly kind: "piece"; readonly piece: Piece }
  | { readonly kind: "stop"; readonly signal: string };

/** From a row's process. `refused`: an error that ends the table, `stopped`: it was asked to stop and has. */
export type ChildMessage =
  | { readonly kind: "log"; readonly message: string }
  | { readonly kind: "step"; readonly name: string; readonly step: number; readonly maxSteps: number }
  | { readonly kind: "done"; readonly failure: Failure | null }
  | { readonly kind: "stopped"; readonly signal: string }
  | { readonly kind: "refused"; readonly message: string; readonly exitCode: number };

/** How many, and what they are told. */
export interface ProcessOptions {
  readonly jobs: number;
  /** Inside an operator, of each process. */
  readonly threads: number;
  readonly files: readonly string[];
}

/** Between two looks at whether the table is asked to stop. */
const lookEveryMs = 100;

/** Everything that it prints goes to stderr. */
function start(setting: Setting): ChildProcess {
  const child = forkModule(new URL("./rowProcess.ts", import.meta.url), {
    env: { ...process.env, OMP_NUM_THREADS: String(setting.threads) },
    stdio: ["ignore", 2, 2, "ipc"],
  });
  send(child, { kind: "setting", setting });
  return child;
}

function send(child: ChildProcess, message: ParentMessage): void {
  // An error is that the process has gone, which its exit says too.
  if (child.connected) child.send(message, () => undefined);
}

/** How a piece ended in its process. */
type Ending =
  | { readonly kind: "done"; readonly failure: Failure | null }
  | { readonly kind: "stopped"; readonly signal: string }
  | { readonly kind: "refused"; readonly error: RiverrunError };

/** One process and what it is doing. Started when a piece comes, again where it has died. */
class RowProcess {
  readonly #setting: Setting;
  readonly #workshop: Workshop;
  #child: ChildProcess | undefined;

  constructor(setting: Setting, workshop: Workshop) {
    this.#setting = setting;
    this.#workshop = workshop;
  }

  /** Does a piece. */
  async do(piece: Piece): Promise<Ending> {
    const child = this.#child?.connected ? this.#child : start(this.#setting);
    this.#child = child;
    const { log, onStep } = this.#workshop;
    return new Promise<Ending>((resolve) => {
      const end = (ending: Ending): void => {
        child.off("message", listen).off("exit", gone).off("error", broken);
        resolve(ending);
      };
      const listen = (raw: unknown): void => {
        const message = raw as ChildMessage;
        if (message.kind === "log")
          log(message.message.startsWith("  ") ? `${nameOf(piece)}: ${message.message.trim()}` : message.message);
        else if (message.kind === "step") onStep?.(message.name, message.step, message.maxSteps);
        else if (message.kind === "refused")
          end({ kind: "refused", error: errorOfExitCode(message.message, message.exitCode) });
        else end(message);
      };
      const lost = (message: string): void => {
        this.#child = undefined;
        end({ kind: "done", failure: { message, belowFloor: false } });
      };
      const gone = (code: number | null, signal: string | null): void =>
        lost(
          `its process ended ${signal ? `by ${signal}${signal === "SIGKILL" ? " (out of memory?)" : ""}` : `with exit code ${code}`}; the same command goes on from its last checkpoint`,
        );
      const broken = (error: Error): void => lost(`its process could not be started: ${error.message}`);
      child.on("message", listen).on("exit", gone).on("error", broken);
      send(child, { kind: "piece", piece });
    });
  }

  stop(signal: string): void {
    if (this.#child) send(this.#child, { kind: "stop", signal });
  }

  /** Lets the process go; one that works stops at a checkpoint. */
  release(): void {
    if (this.#child?.connected) this.#child.disconnect();
  }
}

/**
 * Does pieces in `jobs` processes, begun in their order. A process ends with this one, whatever ends it: it stops at a
 * checkpoint when the channel between them closes.
 *
 * @throws StoppedError after every process has stopped at a checkpoint; UsageError and other errors of no single piece
 */
export async function doPiecesSideBySide(
  pieces: readonly Piece[],
  workshop: Workshop,
  { jobs, threads, files }: ProcessOptions,
): Promise<Outcome[]> {
  const { scale, out, device } = workshop;
  const setting: Setting = { files, scale, out, device, threads };
  const processes = Array.from({ length: Math.min(jobs, pieces.length) }, () => new RowProcess(setting, workshop));
  const outcomes: Outcome[] = [];
  let next = 0;
  let ended: RiverrunError | undefined;
  const stop = (signal: string, error: RiverrunError): void => {
    if (ended) return;
    ended = error;
    for (const one of processes) one.stop(signal);
  };
  const look = setInterval(() => {
    const signal = workshop.stopRequested();
    if (signal !== undefined) stop(signal, new StoppedError(signal, `${next} of ${pieces.length} trainings begun`));
  }, lookEveryMs);
  const serve = async (own: RowProcess): Promise<void> => {
    while (!ended && next < pieces.length) {
      const piece = pieces[next++];
      const ending = await own.do(piece);
      if (ending.kind === "refused") stop("SIGTERM", ending.error);
      else if (ending.kind === "stopped") stop(ending.signal, new StoppedError(ending.signal, nameOf(piece)));
      else if (ending.failure) {
        workshop.log(`${nameOf(piece)}: FAILED: ${ending.failure.message}`);
        outcomes.push({ piece, kind: "failed", failure: ending.failure });
      } else {
        const outcome = finishedPiece(piece, workshop);
        if (!outcome) throw new RiverrunError(`internal: ${nameOf(piece)} is finished and has no figures`);
        outcomes.push(outcome);
      }
    }
  };
  try {
    await Promise.all(processes.map(serve));
  } finally {
    clearInterval(look);
    for (const one of processes) one.release();
  }
  if (ended) throw ended;
  return outcomes;
}
