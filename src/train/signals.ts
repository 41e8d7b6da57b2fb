/** Signals as requests that the loop looks at between steps. */

/** Signals that end a training. */
export type StopSignal = "SIGINT" | "SIGTERM";

/** 128 + the signal's number, as shells report it. */
export const signalExitCodes: Readonly<Record<StopSignal, number>> = { SIGINT: 130, SIGTERM: 143 };

const checkpointSignal = process.platform === "win32" ? undefined : "SIGUSR2";

/**
 * Catches SIGINT and SIGTERM (the first asks to stop, the second ends the process at once) and SIGUSR2 (asks for a
 * checkpoint). Node.js runs handlers only when the event loop turns, so a training must yield between steps.
 */
export class SignalWatch {
  readonly #say: (message: string) => void;
  #stop: StopSignal | undefined;
  #checkpoint = false;
  readonly #onStop = (signal: NodeJS.Signals): void => {
    const own = signal as StopSignal;
    if (this.#stop) process.exit(signalExitCodes[own]);
    this.#stop = own;
    this.#say(`${own}: finishing this step and writing a checkpoint (again: stop at once)`);
  };
  readonly #onCheckpoint = (): void => {
    this.#checkpoint = true;
  };

  constructor(say: (message: string) => void = () => undefined) {
    this.#say = say;
    process.on("SIGINT", this.#onStop);
    process.on("SIGTERM", this.#onStop);
    if (checkpointSignal) process.on(checkpointSignal, this.#onCheckpoint);
  }

  /** The signal that asked to stop. */
  get stop(): StopSignal | undefined {
    return this.#stop;
  }

  /** Whether a checkpoint was asked for since the last call. */
  takeCheckpointRequest(): boolean {
    const asked = this.#checkpoint;
    this.#checkpoint = false;
    return asked;
  }

  /** Leaves the signals to others again. */
  dispose(): void {
    process.off("SIGINT", this.#onStop);
    process.off("SIGTERM", this.#onStop);
    if (checkpointSignal) process.off(checkpointSignal, this.#onCheckpoint);
  }
}
