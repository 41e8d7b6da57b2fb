/** Lines of what a command line names: a file, a pipe such as <(...), a device, or stdin. */
import { createReadStream, statSync } from "node:fs";
import { UsageError } from "../base/errors.ts";
import { type Line, readLines, recordTexts, requireFile } from "../corpora/index.ts";

/** Whether a path is a pipe or a device: it can be read once, and has no size. */
export function isStream(path: string): boolean {
  const status = statSync(path, { throwIfNoEntry: false });
  return status !== undefined && (status.isFIFO() || status.isCharacterDevice());
}

/** A NUL byte among the first bytes says that a file is no text; one far behind them is a bad line. */
const head = 1 << 16;

/** Passes bytes on. @throws UsageError naming the line at a NUL byte, which no UTF-8 text holds, among the first bytes */
async function* refuseBinary(source: AsyncIterable<Uint8Array>, name: string): AsyncGenerator<Uint8Array> {
  let line = 1;
  let before = 0;
  for await (const chunk of source) {
    const nul = before < head ? chunk.subarray(0, head - before).indexOf(0) : -1;
    if (nul >= 0) {
      for (let end = chunk.indexOf(10); end >= 0 && end < nul; end = chunk.indexOf(10, end + 1)) line++;
      throw new UsageError(
        `${name}:${line}: a NUL byte: the file is binary, or text in UTF-16; expected UTF-8, one text a line`,
      );
    }
    if (before < head) for (const byte of chunk) if (byte === 10) line++;
    before += chunk.length;
    yield chunk;
  }
}

async function* withoutNul(lines: AsyncIterable<Line>): AsyncGenerator<Line> {
  for await (const item of lines) {
    yield "text" in item && item.text.includes("\0") ? { line: item.line, error: "the line holds a NUL byte" } : item;
  }
}

/**
 * Lines of a file, a pipe or a device; of stdin where `path` is undefined or "-". Records of a `.jsonl` file, and of
 * anything under `jsonl`, give their `text` and `id`; else there is one text a line.
 *
 * @throws DataMissingError; UsageError for a folder and for bytes that are no text
 */
export function linesOf(path: string | undefined, jsonl = false): AsyncGenerator<Line> {
  const lines = withoutNul(plainLines(path));
  return jsonl || path?.endsWith(".jsonl") ? recordTexts(lines) : lines;
}

/** The lines as they stand. */
export function plainLines(path: string | undefined): AsyncGenerator<Line> {
  if (path === undefined || path === "-") return readLines(refuseBinary(process.stdin, "stdin"));
  if (!isStream(path)) requireFile(path);
  return readLines(refuseBinary(createReadStream(path), path));
}
