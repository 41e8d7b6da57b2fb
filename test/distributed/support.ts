/** Several processes of one program, as a launcher starts them. */
import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { freePort } from "../../src/base/freePort.ts";
import { hasCollectives } from "../../src/torch/index.ts";

/** Why the tests of several processes are left out; undefined where they are not. */
export const missing: string | undefined = hasCollectives() ? undefined : "the addon was built without collectives";

/** How a process ended and what it said. */
export interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly out: string;
  readonly err: string;
}

/** A process that runs. */
export interface Running {
  readonly process: ChildProcess;
  readonly ended: Promise<Ended>;
  /** What it has written to stderr so far. */
  said(): string;
}

/** Runs a TypeScript program, named relative to this folder, after a line of shell where there is one. */
export function start(
  program: string,
  args: readonly string[],
  env: Record<string, string> = {},
  before = "",
): Running {
  const path = fileURLToPath(new URL(program, import.meta.url));
  const command = [process.execPath, "--import", "tsx", path, ...args];
  const [first, ...rest] = before ? ["sh", "-c", `${before}; exec "$@"`, "sh", ...command] : command;
  const running = spawn(first, rest, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, OMP_NUM_THREADS: "1", ...env },
  });
  const said = { out: "", err: "" };
  running.stdout.on("data", (chunk: Buffer) => {
    said.out += chunk.toString();
  });
  running.stderr.on("data", (chunk: Buffer) => {
    said.err += chunk.toString();
  });
  return {
    process: running,
    ended: new Promise((resolve) => running.once("close", (code, signal) => resolve({ code, signal, ...said }))),
    said: () => said.err,
  };
}

/** The environments in which processes of one machine sum one way or the other. */
export const ways: Readonly<Record<string, Record<string, string>>> = {
  "through connections": { RIVERRUN_SHARED_MEMORY: "0" },
  "in shared memory": { RIVERRUN_SHARED_MEMORY: "1" },
};

/** Runs a program as each of `size` processes that meet each other. */
export async function startAll(
  program: string,
  args: readonly string[],
  size: number,
  env: Record<string, string> | ((rank: number) => Record<string, string>) = {},
  before = "",
): Promise<Running[]> {
  const MASTER_PORT = String(await freePort());
  return Array.from({ length: size }, (_, rank) => {
    const place = { RANK: String(rank), LOCAL_RANK: String(rank), WORLD_SIZE: String(size) };
    const own = typeof env === "function" ? env(rank) : env;
    return start(program, args, { ...own, ...place, MASTER_ADDR: "127.0.0.1", MASTER_PORT }, before);
  });
}

/** Waits until something is so, or a process that could make it so has ended. */
export async function until(condition: () => boolean, running?: Running): Promise<void> {
  while (!condition()) {
    if (running && (running.process.exitCode !== null || running.process.signalCode !== null)) {
      throw new Error(`the process has ended: ${running.said()}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
