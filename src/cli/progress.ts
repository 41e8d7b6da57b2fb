/** How a training gets on: a status line for a person at a terminal, a line now and then elsewhere. */
import type { CountingProgress, GloveProgress, RoundProgress } from "../text/glove/train.ts";
import type { StepReport, VectorProgress } from "../train/index.ts";
import { counted } from "./counted.ts";
import { canRewrite, say, showStatus } from "./output.ts";

/** Hours, minutes and seconds, as "1:02:05" or "2:05". */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const two = (value: number): string => String(value).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/** A bar of `width` characters. */
export function bar(share: number, width: number): string {
  const full = Math.round(Math.max(0, Math.min(1, share)) * width);
  return `[${"=".repeat(full)}${" ".repeat(width - full)}]`;
}

/**
 * Time left of work in equal parts, judged by this sitting alone: what an earlier one did says nothing about this machine.
 * Undefined before the second part.
 */
export class TimeLeft {
  readonly #now: () => number;
  #first: { readonly done: number; readonly at: number } | undefined;

  constructor(now: () => number = () => performance.now() / 1000) {
    this.#now = now;
  }

  /** Seconds left after `done` of `all` parts. */
  after(done: number, all: number): number | undefined {
    this.#first ??= { done, at: this.#now() };
    const parts = done - this.#first.done;
    return parts > 0 ? ((this.#now() - this.#first.at) / parts) * (all - done) : undefined;
  }
}

/** Seconds between two lines about word vectors, and between two states of the status line. */
const vectorPause = 3;
const statusPause = 0.1;

/** What is shown where, and how often. */
class Display {
  readonly rewrite = canRewrite(process.stderr, process.env);
  /** When something was last shown, seconds. */
  #shownAt = Number.NEGATIVE_INFINITY;

  /** Whether so many seconds went by since the last time that this was true. */
  due(pause: number): boolean {
    const now = performance.now() / 1000;
    if (now - this.#shownAt < pause) return false;
    this.#shownAt = now;
    return true;
  }

  /** A state of long work: in the status line, or a line of its own each `pause` seconds; always one where it `stays`. */
  show(text: () => string, { share, pause, stays = false }: { share?: number; pause: number; stays?: boolean }): void {
    if (stays) {
      this.end();
      say(text());
    } else if (this.due(this.rewrite ? statusPause : pause)) {
      if (this.rewrite) showStatus(share === undefined ? text() : `${bar(share, 20)} ${text()}`);
      else say(text());
    }
  }

  /** Takes the status line away. */
  end(): void {
    if (this.rewrite) showStatus("");
  }
}

/** Reports vectors and steps; its methods are the hooks of `TrainOptions`. */
export class TrainingProgress {
  readonly #display = new Display();
  readonly #vectorsLeft = new TimeLeft();
  #stepsLeft = new TimeLeft();
  /** What the steps so far were trained by: each stage of a training has a time of its own. */
  #lossName: StepReport["lossName"] | undefined;
  #nelboPerToken: number | undefined;

  readonly onVectors = ({ iteration, iterations, loss }: VectorProgress): void => {
    const left = this.#vectorsLeft.after(iteration, iterations);
    const last = iteration === iterations;
    const text = `word vectors: pass ${iteration} of ${iterations}, loss ${loss.toFixed(5)}${left === undefined || last ? "" : `, ${clock(left)} left`}`;
    const stays = last || (iteration === 1 && !this.#display.rewrite);
    this.#display.show(() => text, { share: iteration / iterations, pause: vectorPause, stays });
  };

  readonly onEveryStep = (report: StepReport): void => {
    const { step, maxSteps, loss, lossName, figures, tokensPerSecond } = report;
    if (this.#lossName !== lossName) this.#stepsLeft = new TimeLeft();
    this.#lossName = lossName;
    const left = this.#stepsLeft.after(step, maxSteps);
    if (figures) this.#nelboPerToken = figures.nelboPerToken;
    const nats = lossName === "bitsPerDim" ? this.#nelboPerToken : loss;
    const rate = `${tokensPerSecond.toFixed(0)} tokens/s`;
    const time = left === undefined || step === maxSteps ? [] : [`${clock(left)} left`];
    if (this.#display.rewrite) {
      if (!this.#display.due(statusPause)) return;
      // Short, and the most wanted first: a narrow terminal cuts the end off.
      const parts = [
        `${step}/${maxSteps}`,
        ...time,
        ...(nats === undefined ? [] : [`${nats.toFixed(2)} nats/token`]),
        ...(lossName === "bitsPerDim" ? [`${loss.toFixed(3)} bits/dim`] : []),
        rate,
      ];
      showStatus(`${bar(step / maxSteps, 20)} ${parts.join("  ")}`);
    } else if (figures) {
      say(
        [
          `step ${step} of ${maxSteps}: ${nats?.toFixed(3)} nats per token`,
          ...(lossName === "bitsPerDim" ? [`${loss.toFixed(3)} bits per dimension`] : []),
          rate,
          ...time,
        ].join(", "),
      );
    }
  };

  /** Takes the status line away; called when the work ends, well or not. */
  end(): void {
    this.#display.end();
  }
}

/** Reports a training of word vectors alone; its methods are the hooks of `GloveRunOptions`. */
export class VectorsProgress {
  readonly #display = new Display();
  readonly #iterations: number;
  readonly #started = performance.now();
  #loss = "";

  /** @param iterations passes in all */
  constructor(iterations: number) {
    this.#iterations = iterations;
    // Work of a moment needs no line.
    this.#display.due(0);
  }

  readonly onTokens = (tokens: number): void => {
    const perSecond = (1000 * tokens) / (performance.now() - this.#started);
    this.#display.show(() => `counting words: ${counted(tokens, "token")}, ${perSecond.toFixed(0)} tokens/s`, {
      pause: vectorPause,
    });
  };

  readonly onCounting = ({ tokens, runs }: CountingProgress): void => {
    this.#display.show(
      () => `counting co-occurrences: ${counted(tokens, "token")}, ${counted(runs, "sorted run")} on disk`,
      { pause: vectorPause },
    );
  };

  readonly onRecords = (made: {
    readonly tokens: number;
    readonly records: number;
    readonly threads: number;
  }): void => {
    const { tokens, records, threads } = made;
    this.#display.show(
      () =>
        `${counted(records, "co-occurrence")} of ${counted(tokens, "token")}; training on ${counted(threads, "thread")}`,
      { pause: 0, stays: true },
    );
  };

  #pass(iteration: number, share: number, { recordsPerSecond, secondsLeft }: RoundProgress | GloveProgress): void {
    const last = share === 1 && iteration === this.#iterations;
    const rate = `${(recordsPerSecond / 1e6).toFixed(2)} M records/s`;
    const percent = share === 1 ? "" : `, ${Math.round(100 * share)} %`;
    const left = last ? "" : `, ${clock(secondsLeft)} left`;
    this.#display.show(() => `pass ${iteration} of ${this.#iterations}${percent}${this.#loss}, ${rate}${left}`, {
      share: (iteration - 1 + share) / this.#iterations,
      pause: vectorPause,
      stays: last,
    });
  }

  readonly onRound = (round: RoundProgress): void => {
    if (round.share < 1) this.#pass(round.iteration, round.share, round);
  };

  readonly onProgress = (pass: GloveProgress): void => {
    this.#loss = `, loss ${pass.loss.toFixed(5)}`;
    this.#pass(pass.iteration, 1, pass);
  };
}
