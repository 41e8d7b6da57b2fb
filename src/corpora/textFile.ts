/** Texts from files: one a line, or JSON lines with `text`. */
import { createReadStream, statSync } from "node:fs";
import { DataMissingError, messageOf, UsageError } from "../base/errors.ts";
import { hashSeed } from "../base/random.ts";

/** One line of a file or stream, or what was wrong with it. */
export type Line = { readonly line: number; readonly text: string } | { readonly line: number; readonly error: string };

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

/** The text of a line of a `.jsonl` file. @throws UsageError where it is not an object with a string `text`. */
function textOfRecord(line: string): string {
  let record: unknown;
  try {
    record = JSON.parse(line);
  } catch (error) {
    throw new UsageError(`expected JSON: ${messageOf(error)}`);
  }
  if (typeof record === "object" && record !== null && "text" in record && typeof record.text === "string") {
    return record.text;
  }
  throw new UsageError('expected an object with a string "text"');
}

/** Checks that a file can be read. @throws DataMissingError, UsageError */
export function requireFile(path: string): void {
  const status = statSync(path, { throwIfNoEntry: false });
  if (!status) throw new DataMissingError(`${path} does not exist`);
  if (!status.isFile()) throw new UsageError(`${path} is not a file`);
}

/** Lines of a `.txt` or `.jsonl` file, texts of records taken out; bad records come as `error`. */
export async function* readTextLines(path: string): AsyncGenerator<Line> {
  requireFile(path);
  const isRecords = path.endsWith(".jsonl");
  for await (const item of readLines(createReadStream(path))) {
    if ("error" in item || !isRecords || item.text === "") {
      yield item;
      continue;
    }
    try {
      yield { line: item.line, text: textOfRecord(item.text).replaceAll("\n", " ").trim() };
    } catch (error) {
      yield { line: item.line, error: messageOf(error) };
    }
  }
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
