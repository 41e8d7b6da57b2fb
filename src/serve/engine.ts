/** The model in a thread of its own, so that connections are served while it computes; started again where it dies. */
import type { Worker } from "node:worker_threads";
import { DataMissingError, messageOf, RiverrunError, UsageError } from "../base/errors.ts";
import { startWorker } from "../base/startWorker.ts";
import type { EngineMessage, EngineSettings, EngineTask, Group, ItemResult, ModelFacts } from "./protocol.ts";

/** Seconds before a thread that has died again is started again: doubled each time, up to the last. */
const firstPause = 0.25;
const longestPause = 30;

/** What the engine is doing. */
export type EngineState = "starting" | "ready" | "restarting" | "stopped";

/** The thread died while it worked on these items. */
export class EngineCrash extends Error {}

interface Pending {
  readonly task: number;
  readonly resolve: (results: readonly ItemResult[]) => void;
  readonly reject: (error: Error) => void;
}

/** Starts the thread; a test hands in its own, to be able to end it. */
export type StartEngine = (settings: EngineSettings) => Worker;

const startThread: StartEngine = (settings) =>
  startWorker(new URL("./engineWorker.ts", import.meta.url), { workerData: settings });

/** One thread with one model. */
export class Engine {
  /** Called whenever the engine can take a group. */
  onIdle: () => void = () => undefined;
  /** Called with a line for the log where the thread dies and where it is back. */
  onTrouble: (message: string) => void = () => undefined;
  readonly #settings: EngineSettings;
  readonly #start: StartEngine;
  #worker: Worker | undefined;
  #state: EngineState = "starting";
  #facts: ModelFacts | undefined;
  #pending: Pending | undefined;
  #tasks = 0;
  #restarts = 0;
  #lastError: string | undefined;
  #pause = firstPause;
  #timer: NodeJS.Timeout | undefined;
  #memory = { liveTensors: 0, heldBytes: 0 };

  constructor(settings: EngineSettings, start: StartEngine = startThread) {
    this.#settings = settings;
    this.#start = start;
  }

  get state(): EngineState {
    return this.#state;
  }

  /** Times that the thread has died, and the last word about it. */
  get troubles(): { readonly restarts: number; readonly lastError?: string } {
    return { restarts: this.#restarts, ...(this.#lastError === undefined ? {} : { lastError: this.#lastError }) };
  }

  /** Tensors that the thread held after the last group. */
  get memory(): { readonly liveTensors: number; readonly heldBytes: number } {
    return this.#memory;
  }

  /** Whether a group can be run now. */
  get idle(): boolean {
    return this.#state === "ready" && this.#pending === undefined;
  }

  /** The model, once it has been read. */
  get facts(): ModelFacts | undefined {
    return this.#facts;
  }

  /** Reads the model. @throws DataMissingError, UsageError as `loadModel` does; RiverrunError where the thread dies. */
  async open(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#launch(resolve, reject);
    });
  }

  /** Runs a group. @throws EngineCrash where the thread dies before it is done. */
  run(group: Group): Promise<readonly ItemResult[]> {
    const worker = this.#worker;
    if (!this.idle || !worker) throw new RiverrunError("the engine runs one group at a time");
    const task = ++this.#tasks;
    return new Promise((resolve, reject) => {
      this.#pending = { task, resolve, reject };
      worker.postMessage({ task, group } satisfies EngineTask);
    });
  }

  /** Ends the thread for good. */
  async stop(): Promise<void> {
    this.#state = "stopped";
    clearTimeout(this.#timer);
    await this.#worker?.terminate();
  }

  /** One life of the thread; `resolve` and `reject` matter in the first. */
  #launch(resolve: () => void, reject: (error: Error) => void): void {
    const worker = this.#start(this.#settings);
    this.#worker = worker;
    let fault: string | undefined;
    worker.on("error", (error) => {
      fault = messageOf(error);
    });
    worker.on("message", (message: EngineMessage) => {
      switch (message.kind) {
        case "ready":
          if (this.#state === "restarting") this.onTrouble("the engine is back");
          if (this.#state === "stopped") return;
          this.#facts = message.facts;
          this.#state = "ready";
          resolve();
          this.onIdle();
          return;
        case "refused": {
          fault = message.message;
          const kinds = { 2: UsageError, 3: DataMissingError } as const;
          reject(new (kinds[message.exitCode as 2 | 3] ?? RiverrunError)(message.message));
          return;
        }
        case "results":
          this.#finish(message);
          return;
      }
    });
    worker.on("exit", (code) => {
      const why = fault ?? `its thread ended with code ${code}`;
      reject(new RiverrunError(`the engine could not start: ${why}`));
      this.#mourn(why);
    });
  }

  #finish({ task, results, liveTensors, heldBytes }: EngineMessage & { readonly kind: "results" }): void {
    const pending = this.#pending;
    if (pending?.task !== task) return;
    this.#memory = { liveTensors, heldBytes };
    this.#pause = firstPause;
    this.#pending = undefined;
    pending.resolve(results);
    this.onIdle();
  }

  #mourn(why: string): void {
    this.#worker = undefined;
    const pending = this.#pending;
    this.#pending = undefined;
    pending?.reject(new EngineCrash(`the engine died: ${why}`));
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
