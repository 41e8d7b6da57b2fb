/**
 * The model in a process of its own: connections are served while it computes, and a fault that ends it, in libtorch or for
 * want of memory, does not end the server. Started again where it dies.
 */
import type { ChildProcess } from "node:child_process";
import { errorOfExitCode, messageOf, RiverrunError } from "../base/errors.ts";
import { forkModule } from "../base/forkModule.ts";
import type {
  EngineMemory,
  EngineMessage,
  EngineOrder,
  EngineSettings,
  Group,
  ItemResult,
  ModelFacts,
} from "./protocol.ts";

/** Seconds before a process that has died again is started again: doubled each time, up to the last. */
const firstPause = 0.25;
const longestPause = 30;

const noMemory: EngineMemory = { liveTensors: 0, heldBytes: 0, rssBytes: 0 };

/** What the engine is doing. */
export type EngineState = "starting" | "ready" | "restarting" | "stopped";

/** The process died while it worked on these items. */
export class EngineCrash extends Error {
  /** Seconds until it is started again. */
  readonly pause: number;

  constructor(message: string, pause: number) {
    super(message);
    this.pause = pause;
  }
}

interface Pending {
  readonly task: number;
  readonly resolve: (results: readonly ItemResult[]) => void;
  readonly reject: (error: Error) => void;
}

/** Starts the process; a test hands in its own, to be able to end it. */
export type StartEngine = () => ChildProcess;

/** Latents are sent as they are in memory. Whatever the process prints goes to stderr. */
export const startEngineProcess: StartEngine = () =>
  forkModule(new URL("./engineProcess.ts", import.meta.url), {
    serialization: "advanced",
    stdio: ["ignore", 2, 2, "ipc"],
  });

/** One process with one model. */
export class Engine {
  /** Called whenever the engine can take a group. */
  onIdle: () => void = () => undefined;
  /** Called with a line for the log where the process dies and where it is back. */
  onTrouble: (message: string) => void = () => undefined;
  readonly #settings: EngineSettings;
  readonly #start: StartEngine;
  #child: ChildProcess | undefined;
  #state: EngineState = "starting";
  #facts: ModelFacts | undefined;
  #pending: Pending | undefined;
  #tasks = 0;
  #restarts = 0;
  #lastError: string | undefined;
  #pause = firstPause;
  #timer: NodeJS.Timeout | undefined;
  #memory = noMemory;

  constructor(settings: EngineSettings, start: StartEngine = startEngineProcess) {
    this.#settings = settings;
    this.#start = start;
  }

  get state(): EngineState {
    return this.#state;
  }

  /** Times that the process has died, and the last word about it. */
  get troubles(): { readonly restarts: number; readonly lastError?: string } {
    return { restarts: this.#restarts, ...(this.#lastError === undefined ? {} : { lastError: this.#lastError }) };
  }

  /** What the process held after the last group; nothing while there is none. */
  get memory(): EngineMemory {
    return this.#memory;
  }

  /** The process's number; undefined while there is none. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Whether a group can be run now. */
  get idle(): boolean {
    return this.#state === "ready" && this.#pending === undefined;
  }

  /** The model, once it has been read. */
  get facts(): ModelFacts | undefined {
    return this.#facts;
  }

  /** Reads the model. @throws DataMissingError, UsageError as `loadModel` does; RiverrunError where the process dies. */
  async open(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#launch(resolve, reject);
    });
  }

  /** Runs a group. @throws EngineCrash where the process dies before it is done. */
  run(group: Group): Promise<readonly ItemResult[]> {
    const child = this.#child;
    if (!this.idle || !child) throw new RiverrunError("the engine runs one group at a time");
    const task = ++this.#tasks;
    return new Promise((resolve, reject) => {
      this.#pending = { task, resolve, reject };
      tell(child, { task, group });
    });
  }

  /** Ends the process for good; it holds nothing that would be lost. */
  async stop(): Promise<void> {
    this.#state = "stopped";
    clearTimeout(this.#timer);
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await gone;
  }

  /** One life of the process; `resolve` and `reject` matter in the first. */
  #launch(resolve: () => void, reject: (error: Error) => void): void {
    let fault: string | undefined;
    let over = false;
    const end = (why: string): void => {
      if (over) return;
      over = true;
      reject(new RiverrunError(`the engine could not start: ${why}`));
      this.#mourn(why);
    };
    const unborn = (error: unknown): void => end(`its process could not be started: ${messageOf(error)}`);
    let child: ChildProcess;
    try {
      child = this.#start();
    } catch (error) {
      // As where the machine has no memory left; other reasons come as an event.
      unborn(error);
      return;
    }
    this.#child = child;
    // Also said where it could not be told something, which ends it.
    child.on("error", (error) => {
      if (child.pid === undefined) unborn(error);
      else child.kill("SIGKILL");
    });
    child.on("message", (raw) => {
      const message = raw as EngineMessage;
      switch (message.kind) {
        case "ready":
          if (this.#state === "restarting") this.onTrouble("the engine is back");
          if (this.#state === "stopped") return;
          this.#facts = message.facts;
          this.#memory = message.memory;
          this.#state = "ready";
          resolve();
          this.onIdle();
          return;
        case "refused":
          fault = message.message;
          reject(errorOfExitCode(message.message, message.exitCode));
          return;
        case "results":
          this.#finish(message);
          return;
      }
    });
    child.on("exit", (code, signal) => end(fault ?? endingOf(code, signal)));
    tell(child, { settings: this.#settings });
  }

  #finish({ task, results, memory }: EngineMessage & { readonly kind: "results" }): void {
    const pending = this.#pending;
    if (pending?.task !== task) return;
    this.#memory = memory;
    this.#pause = firstPause;
    this.#pending = undefined;
    pending.resolve(results);
    this.onIdle();
  }

  #mourn(why: string): void {
    this.#child = undefined;
    this.#memory = noMemory;
    const pending = this.#pending;
    this.#pending = undefined;
    pending?.reject(new EngineCrash(`the engine died (${why}) while it worked on this request`, this.#pause));
    // Never up: the command ends with the reason.
    if (this.#state === "starting" || this.#state === "stopped") return;
    this.#state = "restarting";
    this.#restarts++;
    this.#lastError = why;
    this.onTrouble(`the engine died (${why}); it is started again in ${this.#pause} s`);
    this.#timer = setTimeout(
      () =>
        this.#launch(
          () => undefined,
          () => undefined,
        ),
      1000 * this.#pause,
    );
    this.#pause = Math.min(2 * this.#pause, longestPause);
  }
}

function tell(child: ChildProcess, order: EngineOrder): void {
  // An error is that it has gone, which its exit says too.
  if (child.connected) child.send(order, () => undefined);
}

/** How a process ended, with what it may mean. */
function endingOf(code: number | null, signal: NodeJS.Signals | null): string {
  const hints: Partial<Record<NodeJS.Signals, string>> = {
    SIGKILL: " (out of memory?)",
    SIGSEGV: " (a fault in libtorch or in the addon)",
    SIGABRT: " (a fault in libtorch or in the addon)",
  };
  return signal === null
    ? `its process ended with exit code ${code}`
    : `its process ended by ${signal}${hints[signal] ?? ""}`;
}
