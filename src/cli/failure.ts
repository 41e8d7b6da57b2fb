/** What a program says of its failure, which several processes of one launch say once. */

/** Names the process that started a rank, whose end must be the rank's, too. */
export const launcherVariable = "RIVERRUN_LAUNCHER";

/** What a rank tells its launcher. */
interface FailureMessage {
  readonly failure: string;
}

/**
 * Writes why the program fails to stderr. As a rank of `riverrun launch` it tells the launcher, too, and but for rank 0
 * leaves it to that to write what rank 0 has not said.
 *
 * @param text whole lines
 */
export function sayFailure(text: string): void {
  const launched = process.connected && process.env[launcherVariable] !== undefined;
  // An error is that the launcher has gone, and so has whoever would read this.
  if (launched) process.send?.({ failure: text } satisfies FailureMessage, undefined, undefined, () => undefined);
  if (!launched || process.env.RANK === "0") process.stderr.write(text);
}

/** The failure that a rank's message tells of; undefined for messages of others, such as a loader's. */
export function failureOf(message: unknown): string | undefined {
  const { failure } = (typeof message === "object" && message !== null ? message : {}) as Partial<FailureMessage>;
  return typeof failure === "string" ? failure : undefined;
}

/** A failure without the ranks that it names in front. */
function core(text: string): string {
  return text.replace(/^riverrun: (rank \d+ of \d+: )?(stopping because of rank \d+: )?/, "");
}

/** Milliseconds that a failure waits for rank 0 to say the same. */
const patience = 10_000;

/** The failures of a launch's ranks: those that rank 0 does not write itself, each once. */
export class RankFailures {
  readonly #write: (text: string) => void;
  readonly #said = new Set<string>();
  #waiting: string[] = [];
  #leaderIsSilent = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  /** A rank has said why it fails. */
  heard(rank: number, text: string): void {
    if (rank === 0) {
      this.#said.add(core(text));
      return;
    }
    this.#waiting.push(text);
    if (this.#leaderIsSilent) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), patience);
  }

  /** Rank 0 says nothing more. */
  leaderEnded(): void {
    this.#leaderIsSilent = true;
    this.flush();
  }

  /** Writes what waits and was not said. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const text of this.#waiting) {
      if (!this.#said.has(core(text))) this.#write(text);
      this.#said.add(core(text));
    }
    this.#waiting = [];
  }
}
