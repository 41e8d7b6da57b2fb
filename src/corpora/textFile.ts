/** Texts from files: one a line, or JSON lines with `text`. */
import { createReadStream, statSync } from "node:fs";
import { DataMissingError, messageOf, UsageError } from "../base/errors.ts";
import { hashSeed } from "../base/random.ts";

/** What a record may call itself. */
export type RecordId = string | number;

/** One line of a file or stream, with the `id` of its record where it has one, or what was wrong with it. */
export type Line = { readonly line: number; readonly id?: RecordId } & (
  | { readonly text: string }
  | { readonly error: string }
);

/** A longer line is an error record, so that no file can ask for unbounded memory. */
export const longestLine = 1 << 20;

/**
 * Lines of a byte stream with bounded memory. White space at the ends, a byte-order mark and CR before LF are dropped.
 * A line that is not UTF-8 or longer than a mebibyte comes as `error`.
 */
export async function* readLines(source: AsyncIterable<Uint8Array>): AsyncGenerator<Line> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let line = 0;
  let parts: Uint8Array[] = [];
  let length = 0;
  const finish = (): Line => {
    line++;
    const bytes = Buffer.concat(parts);
    const tooLong = length > longestLine;
    parts = [];
    length = 0;
    if (tooLong) return { line, error: `the line is longer than ${longestLine} bytes` };
    try {
      return { line, text: decoder.decode(bytes).trim() };
    } catch {
      return { line, error: "the line is not UTF-8" };
    }
  };
  const take = (piece: Uint8Array): void => {
    length += piece.length;
    if (length <= longestLine) parts.push(piece);
    else parts = [];
  };
  for await (const chunk of source) {
    let start = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      take(chunk.subarray(start, end));
      yield finish();
      start = end + 1;
    }
    if (start < chunk.length) take(chunk.slice(start));
  }
  if (length > 0) yield finish();
}

/** A line of JSON as a text with its `id`, or what is wrong with it. */
function textOfRecord(line: number, json: string): Line {
  let record: unknown;
  try {
    record = JSON.parse(json);
  } catch (error) {
    return { line, error: `expected JSON: ${messageOf(error)}` };
  }
  const fields = (typeof record === "object" ? record : null) as {
    readonly text?: unknown;
    readonly id?: unknown;
  } | null;
  const id = typeof fields?.id === "string" || typeof fields?.id === "number" ? { id: fields.id } : {};
  if (typeof fields?.text !== "string") return { line, ...id, error: 'expected an object with a string "text"' };
  return { line, ...id, text: fields.text.replaceAll("\n", " ").trim() };
}

/** JSON lines as texts; bad records come as `error`. */
export async function* recordTexts(lines: AsyncIterable<Line>): AsyncGenerator<Line> {
  for await (const item of lines) yield "error" in item || item.text === "" ? item : textOfRecord(item.line, item.text);
}

/** Checks that a file can be read. @throws DataMissingError, UsageError */
export function requireFile(path: string): void {
  const status = statSync(path, { throwIfNoEntry: false });
  if (!status) throw new DataMissingError(`${path} does not exist`);
  if (!status.isFile()) throw new UsageError(`${path} is not a file`);
}

/** Lines of a `.txt` or `.jsonl` file, texts of records taken out; bad records come as `error`. */
export function readTextLines(path: string): AsyncGenerator<Line> {
  requireFile(path);
  const lines = readLines(createReadStream(path));
  return path.endsWith(".jsonl") ? recordTexts(lines) : lines;
}

/**
 * All texts of training files; empty lines are skipped.
 *
 * @throws UsageError naming file, line and what was expected, also where a file holds no text; DataMissingError.
 */
export async function readTexts(paths: readonly string[]): Promise<string[]> {
  const texts: string[] = [];
  for (const path of paths) {
    if (!/\.(txt|jsonl)$/.test(path)) {
      requireFile(path);
      throw new UsageError(`${path}: expected a .txt file (one text a line) or a .jsonl file (objects with "text")`);
    }
    const before = texts.length;
    for await (const item of readTextLines(path)) {
      if ("error" in item) throw new UsageError(`${path}:${item.line}: ${item.error}`);
      if (item.text !== "") texts.push(item.text);
    }
    if (texts.length === before) throw new UsageError(`${path}: the file holds no text`);
  }
  return texts;
}

/** Texts to learn from and texts held out. */
export interface Split {
  readonly training: string[];
  readonly validation: string[];
}

/**
 * Holds out a share of the texts by a hash of (seed, text): copies of a text fall on the same side, and adding texts
 * does not move the others.
 */
export function splitHeldOut(texts: readonly string[], share: number, seed: number): Split {
  const split: Split = { training: [], validation: [] };
  for (const text of texts) {
    const place = Number(hashSeed(seed, "held out", text) % 1_000_000n) / 1_000_000;
    split[place < share ? "validation" : "training"].push(text);
  }
  return split;
}
