/** Runs command lines of riverrun and watches them: how they end, how long they take, how much memory they hold. */
import { type ChildProcess, fork, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { packageRoot } from "../../src/torch/native.ts";

/** How a command line ended. */
export interface Outcome {
  readonly end: "exit" | "signal" | "hang" | "memory";
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly seconds: number;
}

/** Bounds of a run. */
export interface Limits {
  readonly seconds: number;
  readonly megabytes: number;
}

export interface CommandLine {
  readonly args: readonly string[];
  readonly input: string | undefined;
}

const main = join(packageRoot, "dist", "cli", "main.js");
const env = { ...process.env, OMP_NUM_THREADS: "1", NO_COLOR: "1" };

/** Resident memory of a process in megabytes (Linux; 0 elsewhere). */
function residentMb(pid: number | undefined): number {
  try {
    const pages = Number(readFileSync(`/proc/${pid}/statm`, "latin1").split(" ")[1]);
    return (pages * 4096) / 2 ** 20;
  } catch {
    return 0;
  }
}

/**
 * Seconds that a process's main thread was ready to run but had no core, since it started (Linux; 0 elsewhere): on a
 * busy machine these are no hang.
 */
function secondsWithoutCore(pid: number | undefined): number {
  try {
    return Number(readFileSync(`/proc/${pid}/schedstat`, "latin1").split(" ")[1]) / 1e9;
  } catch {
    return 0;
  }
}

/** Seconds between two looks at a process; a longer gap counts as this much. */
const tick = 0.05;
const longestTick = 10 * tick;

/** Kills a process that exceeds a limit and says which. */
function watch(
  child: ChildProcess,
  limits: Limits,
): { readonly broken: () => "hang" | "memory" | undefined; stop(): void } {
  let broken: "hang" | "memory" | undefined;
  const without = secondsWithoutCore(child.pid);
  let last = performance.now() / 1000;
  let elapsed = 0;
  const timer = setInterval(() => {
    if (broken) return;
    const now = performance.now() / 1000;
    // Where this process did not run for long either, the machine was halted: that is no hang of the other.
    elapsed += Math.min(now - last, longestTick);
    last = now;
    const own = elapsed - (secondsWithoutCore(child.pid) - without);
    if (own > limits.seconds) broken = "hang";
    else if (residentMb(child.pid) > limits.megabytes) broken = "memory";
    if (broken) child.kill("SIGKILL");
  }, 1000 * tick);
  return { broken: () => broken, stop: () => clearInterval(timer) };
}

/** A command line as a process of its own. */
export async function runAlone({ args, input }: CommandLine, limits: Limits): Promise<Outcome> {
  const started = performance.now();
  const descriptor = input === undefined ? undefined : openSync(input, "r");
  const child = spawn(process.execPath, [main, ...args], { env, stdio: [descriptor ?? "ignore", "pipe", "pipe"] });
  if (descriptor !== undefined) closeSync(descriptor);
  const output = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name]?.setEncoding("utf8").on("data", (piece: string) => {
      output[name] += piece;
    });
  }
  const watcher = watch(child, limits);
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  watcher.stop();
  const end = watcher.broken() ?? (code === null ? "signal" : "exit");
  return { end, code, ...output, seconds: (performance.now() - started) / 1000 };
}

/** Command lines one after the other in one process, which is replaced after a crash and after some hundred runs. */
export class SharedRunner {
  readonly #limits: Limits;
  #child: ChildProcess | undefined;
  #runs = 0;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  async #ready(): Promise<ChildProcess> {
    if (this.#runs >= 150) this.stop();
    if (!this.#child) {
      const file = fileURLToPath(new URL("./child.ts", import.meta.url));
      const child = fork(file, { env, execArgv: ["--expose-gc", "--import", "tsx"], silent: true });
      await new Promise((resolve) => child.once("message", resolve));
      this.#child = child;
      this.#runs = 0;
    }
    this.#runs++;
    return this.#child;
  }

  async run({ args, input }: CommandLine): Promise<Outcome> {
    const child = await this.#ready();
    const started = performance.now();
    const watcher = watch(child, this.#limits);
    let own = "";
    const hear = (piece: Buffer): void => {
      own += piece.toString();
    };
    child.stderr?.on("data", hear);
    const answer = await new Promise<{ code: number; stdout: string; stderr: string } | undefined>((resolve) => {
      const onClose = (): void => resolve(undefined);
      child.once("close", onClose);
      child.once("message", (message) => {
        child.off("close", onClose);
        resolve(message as { code: number; stdout: string; stderr: string });
      });
      child.send({ main: pathToFileURL(main).href, args, input });
    });
    watcher.stop();
    child.stderr?.off("data", hear);
    const seconds = (performance.now() - started) / 1000;
    if (answer) return { end: "exit", ...answer, seconds };
    this.#child = undefined;
    const end = watcher.broken() ?? (child.exitCode === null ? "signal" : "exit");
    return { end, code: child.exitCode, stdout: "", stderr: own, seconds };
  }

  stop(): void {
    // The commands that ran in it may have taken SIGTERM for themselves.
    this.#child?.kill("SIGKILL");
    this.#child = undefined;
  }
}
