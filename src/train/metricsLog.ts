/** metrics.jsonl: one JSON object a line, in order, equal after a resume. */
import { appendFileSync, existsSync } from "node:fs";
import { writeFileAtomic } from "../base/atomicFile.ts";
import { readText } from "../base/readText.ts";

/** One line: numbers by name beside the step and what they were measured on. */
export interface MetricsRow {
  readonly step: number;
  readonly split: "training" | "validation";
  readonly wall: number;
  readonly [name: string]: number | string | null;
}

/** Every whole row of a file; a torn last line of a killed process is passed over. */
export function readMetrics(path: string): MetricsRow[] {
  if (!existsSync(path)) return [];
  const rows: MetricsRow[] = [];
  for (const line of readText(path).split("\n")) {
    try {
      if (line) rows.push(JSON.parse(line) as MetricsRow);
    } catch {
      break;
    }
  }
  return rows;
}

/** Appends rows; NaN and infinities are written as null. */
export class MetricsLog {
  readonly #path: string;

  /** Starts after `step`: later rows of an interrupted run are dropped, because they are about to be made again. */
  constructor(path: string, step: number) {
    this.#path = path;
    const kept = readMetrics(path).filter((row) => row.step <= step);
    writeFileAtomic(path, kept.map((row) => `${JSON.stringify(row)}\n`).join(""));
  }

  append(row: MetricsRow): void {
    appendFileSync(this.#path, `${JSON.stringify(row)}\n`);
  }
}
