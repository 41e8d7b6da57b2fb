/** Records that cannot be used: where they stand, why, and what a reader does about them. */
import { UsageError } from "../base/errors.ts";

/** A record that cannot be used. */
export interface BadRecord {
  readonly file: string;
  /** Line at which the record, or the fault in it where that is known, stands; the first line is 1. */
  readonly line: number;
  /** Byte of the line, the first is 1; in JSON files, which often are one single line. */
  readonly column?: number;
  /** Which record of the file, as in `data[3].paragraphs[2].qas[0]`. */
  readonly place?: string;
  readonly reason: string;
}

/** What every reader of data sets takes. */
export interface ReadOptions {
  /**
   * Called with each record that cannot be used, which is then left out. Where it is absent, the first such record
   * ends the reading with a UsageError. {@link BadRecordTally} is the usual one.
   */
  readonly onBad?: (bad: BadRecord) => void;
}

/** `file:line:column: place: reason`, without the parts that are not known. */
export function describeBadRecord(bad: BadRecord): string {
  const column = bad.column === undefined ? "" : `:${bad.column}`;
  return `${bad.file}:${bad.line}${column}: ${bad.place ? `${bad.place}: ` : ""}${bad.reason}`;
}

/** Hands a bad record to `onBad`. @throws UsageError with its description where there is no `onBad`. */
export function reportBad(options: ReadOptions, bad: BadRecord): void {
  if (!options.onBad) throw new UsageError(describeBadRecord(bad));
  options.onBad(bad);
}

/** Counts bad records and remembers the first ones: what `--skip-bad` reports at the end. */
export class BadRecordTally implements ReadOptions {
  readonly #keep: number;
  readonly #first: BadRecord[] = [];
  #count = 0;

  /** @param keep how many records to remember; all are counted. */
  constructor(keep = 20) {
    this.#keep = keep;
  }

  readonly onBad = (bad: BadRecord): void => {
    this.#count++;
    if (this.#first.length < this.#keep) this.#first.push(bad);
  };

  get count(): number {
    return this.#count;
  }

  get first(): readonly BadRecord[] {
    return this.#first;
  }
}

/** A fault inside a record; the reader that catches it adds the file and the line. */
export class FieldError extends Error {
  override name = "FieldError";
  /** Path from the record to the fault, as in `.answers[0].text`. */
  readonly path: string;

  constructor(path: string, reason: string) {
    super(reason);
    this.path = path;
  }
}
