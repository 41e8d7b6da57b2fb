/** TensorBoard's event files of a training: `tensorboard --logdir` of the model's folder, or of the one above, plots it. */
import { appendFileSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { writeFileAtomic } from "../../base/atomicFile.ts";
import type { MetricsRow } from "../metricsLog.ts";
import { restartEvent, scalarEvent, stepOf, versionEvent } from "./events.ts";
import { frame, unframe } from "./records.ts";

const prefix = "events.out.tfevents.";

/** Drops what earlier sittings wrote after `step`, and files that hold nothing more. */
function forgetAfter(directory: string, step: number): void {
  for (const name of readdirSync(directory)) {
    if (!name.startsWith(prefix)) continue;
    const path = join(directory, name);
    const file = readFileSync(path);
    const kept = unframe(file).filter((event) => (stepOf(event) ?? 0) <= step);
    const whole = Buffer.concat(kept.map(frame));
    // The version alone says nothing.
    if (kept.length <= 1) rmSync(path);
    else if (!whole.equals(file)) writeFileAtomic(path, whole);
  }
}

/**
 * Appends metrics rows as scalars `training/name` and `validation/name`, flushed with every row. Every sitting has a file
 * of its own, and no step stands in two of them.
 */
export class EventLog {
  readonly #directory: string;
  readonly #step: number;
  #path: string | undefined;

  /** Starts after `step`: what an interrupted run wrote of later steps is dropped, because it is about to be made again. */
  constructor(directory: string, step: number) {
    this.#directory = directory;
    this.#step = step;
    forgetAfter(directory, step);
  }

  /** Begins this sitting's file. */
  #begin(): string {
    // Readers take files in the order of their names, which begin with the second they were made in.
    const start = (second: number): string => `${prefix}${String(second).padStart(10, "0")}`;
    const present = readdirSync(this.#directory).filter((name) => name.startsWith(prefix));
    const now = Date.now() / 1000;
    let second = Math.floor(now);
    while (present.some((name) => name >= start(second))) second++;
    const path = join(this.#directory, `${start(second)}.${hostname()}.${process.pid}`);
    const restart = this.#step === 0 ? [] : [frame(restartEvent(now, this.#step + 1))];
    writeFileAtomic(path, [frame(versionEvent(now)), ...restart]);
    return path;
  }

  append({ step, split, wall: _, epoch: __, ...figures }: MetricsRow): void {
    const scalars = new Map<string, number>();
    for (const [name, value] of Object.entries(figures)) {
      if (typeof value === "number") scalars.set(`${split}/${name}`, value);
    }
    this.#path ??= this.#begin();
    appendFileSync(this.#path, frame(scalarEvent(Date.now() / 1000, step, scalars)));
  }
}
