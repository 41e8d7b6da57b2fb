/** How a training gets on: a status line for a person at a terminal, a line each log interval elsewhere. */
import type { StepReport, VectorProgress } from "../train/index.ts";
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

/** Reports vectors and steps; its methods are the hooks of `TrainOptions`. */
export class TrainingProgress {
  readonly #rewrite = canRewrite(process.stderr, process.env);
  readonly #vectorsLeft = new TimeLeft();
  readonly #stepsLeft = new TimeLeft();
  /** When something was last shown, seconds. */
  #shownAt = Number.NEGATIVE_INFINITY;
  #nelboPerToken: number | undefined;

  #due(pause: number): boolean {
    const now = performance.now() / 1000;
    if (now - this.#shownAt < pause) return false;
    this.#shownAt = now;
    return true;
  }

  readonly onVectors = ({ iteration, iterations, loss }: VectorProgress): void => {
    const left = this.#vectorsLeft.after(iteration, iterations);
    const last = iteration === iterations;
    const text = `word vectors: pass ${iteration} of ${iterations}, loss ${loss.toFixed(5)}${left === undefined || last ? "" : `, ${clock(left)} left`}`;
    if (this.#rewrite) {
      if (last) {
        showStatus("");
        say(text);
      } else if (this.#due(statusPause)) showStatus(`${bar(iteration / iterations, 20)} ${text}`);
    } else if (last || iteration === 1 || this.#due(vectorPause)) say(text);
  };

  readonly onEveryStep = (report: StepReport): void => {
    const { step, maxSteps, loss, figures, tokensPerSecond } = report;
    const left = this.#stepsLeft.after(step, maxSteps);
    if (figures) this.#nelboPerToken = figures.nelboPerToken;
    const nats = this.#nelboPerToken;
    const rate = `${tokensPerSecond.toFixed(0)} tokens/s`;
    const time = left === undefined || step === maxSteps ? [] : [`${clock(left)} left`];
    if (this.#rewrite) {
      if (!this.#due(statusPause)) return;
      // Short, and the most wanted first: a narrow terminal cuts the end off.
      const parts = [
        `${step}/${maxSteps}`,
        ...time,
        ...(nats === undefined ? [] : [`${nats.toFixed(2)} nats/token`]),
        `${loss.toFixed(3)} bits/dim`,
        rate,
      ];
      showStatus(`${bar(step / maxSteps, 20)} ${parts.join("  ")}`);
    } else if (figures) {
      say(
        [
          `step ${step} of ${maxSteps}: ${figures.nelboPerToken.toFixed(3)} nats per token`,
          `${loss.toFixed(3)} bits per dimension`,
          rate,
          ...time,
        ].join(", "),
      );
    }
  };

  /** Takes the status line away; called when the work ends, well or not. */
  end(): void {
    if (this.#rewrite) showStatus("");
  }
}
