/** Several processes of one command on this machine, told by the usual variables which of how many each is. */
import { type ChildProcess, spawn } from "node:child_process";
import { availableParallelism, constants } from "node:os";
import { freePort } from "../base/freePort.ts";
import { launchedAsVariable } from "../base/invocation.ts";
import { failureOf, launcherVariable, RankFailures } from "./failure.ts";
import { say } from "./output.ts";

/** How processes are started and ended. */
export interface ProcessOptions {
  readonly nproc: number;
  /** Where they meet on 127.0.0.1; a free port unless given. */
  readonly masterPort?: number | undefined;
  /** Seconds that the others have to end by themselves when one has failed. */
  readonly grace: number;
  /** What stands before their arguments in the command that starts the processes, as typed after the program's name. */
  readonly launchedAs: string;
}

/** How long a process that was asked to end by SIGTERM has before SIGKILL, milliseconds. */
const killAfter = 10_000;

/** How one process ended. */
interface Ended {
  readonly rank: number;
  readonly code: number;
  readonly how: string;
}

/** How a process ended; one that cannot be started ends, too. */
function endOf(child: ChildProcess, rank: number): Promise<Ended> {
  return new Promise((resolve) => {
    child.once("error", (error) => resolve({ rank, code: 1, how: `could not be started (${error.message})` }));
    child.once("exit", (code, signal) => {
      if (signal === null) resolve({ rank, code: code ?? 1, how: `ended with exit code ${code}` });
      else resolve({ rank, code: 128 + constants.signals[signal], how: `was killed by ${signal}` });
    });
  });
}

/** Passes on what the processes say of their failures; settles when they can say no more. */
async function listen(children: readonly ChildProcess[]): Promise<void> {
  const failures = new RankFailures((text) => process.stderr.write(text));
  await Promise.all(
    children.map(async (child, rank) => {
      child.on("message", (message) => {
        const text = failureOf(message);
        if (text !== undefined) failures.heard(rank, text);
      });
      // Later than its exit, when all messages have been read; one that could not be started has no channel.
      await new Promise((resolve) => {
        child.once("disconnect", resolve);
        child.once("error", resolve);
      });
      if (rank === 0) failures.leaderEnded();
    }),
  );
  failures.flush();
}

function environmentOf(rank: number, { nproc, launchedAs }: ProcessOptions, port: number): NodeJS.ProcessEnv {
  // The cores are shared out; --threads and OMP_NUM_THREADS say otherwise.
  const threads = Math.max(1, Math.floor(availableParallelism() / nproc));
  return {
    OMP_NUM_THREADS: String(threads),
    ...process.env,
    RANK: String(rank),
    LOCAL_RANK: String(rank),
    WORLD_SIZE: String(nproc),
    LOCAL_WORLD_SIZE: String(nproc),
    MASTER_ADDR: "127.0.0.1",
    MASTER_PORT: String(port),
    [launcherVariable]: String(process.pid),
    [launchedAsVariable]: launchedAs,
  };
}

/**
 * Runs this program with `command` in several processes and waits for all. Signals are passed on, once each: the
 * processes are not in the terminal's group. Only the first process's stdout is seen. Where one fails, the others have
 * `grace` seconds to notice (they write a checkpoint) before they are ended. What all fail by is said once.
 *
 * @returns the exit code: 0 where all ended well, else 2 or 3 where one ended with that, else that of the first to fail
 */
export async function runProcesses(command: readonly string[], options: ProcessOptions): Promise<number> {
  const port = options.masterPort ?? (await freePort());
  const program = [...process.execArgv, process.argv[1], ...command];
  const children = Array.from({ length: options.nproc }, (_, rank) =>
    spawn(process.execPath, program, {
      detached: true,
      stdio: ["ignore", rank === 0 ? "inherit" : "ignore", "inherit", "ipc"],
      env: environmentOf(rank, options, port),
    }),
  );
  const heard = listen(children);
  let passed = false;
  const toAll = (signal: NodeJS.Signals): void => {
    for (const child of children) if (child.exitCode === null && child.signalCode === null) child.kill(signal);
  };
  const onStop = (signal: NodeJS.Signals): void => {
    passed = true;
    toAll(signal === "SIGHUP" ? "SIGTERM" : signal);
  };
  const onCheckpoint = (): void => toAll("SIGUSR2");
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, onStop);
  process.on("SIGUSR2", onCheckpoint);
  const timers: NodeJS.Timeout[] = [];
  let first: Ended | undefined;
  const notice = (end: Ended): Ended => {
    if (end.code === 0 || first) return end;
    first = end;
    if (passed) return end;
    if (options.nproc > 1) {
      say(`launch: rank ${end.rank} ${end.how}; the others have ${options.grace} s to end`);
    }
    timers.push(setTimeout(() => toAll("SIGTERM"), 1000 * options.grace));
    timers.push(setTimeout(() => toAll("SIGKILL"), 1000 * options.grace + killAfter));
    return end;
  };
  let ends: readonly Ended[];
  try {
    ends = await Promise.all(children.map(async (child, rank) => notice(await endOf(child, rank))));
    await heard;
  } finally {
    for (const timer of timers) clearTimeout(timer);
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.off(signal, onStop);
    process.off("SIGUSR2", onCheckpoint);
  }
  // Wrong usage and missing data are found by one rank, which the others then only miss.
  const named = ends.find(({ code }) => code === 2 || code === 3);
  return (named ?? first)?.code ?? 0;
}
