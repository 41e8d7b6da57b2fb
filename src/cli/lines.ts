/** Lines of what a command line names: a file, a pipe such as <(...), a device, or stdin. */
import { createReadStream, statSync } from "node:fs";
import { UsageError } from "../base/errors.ts";
import { type Line, readLines, readTextLines, requireFile } from "../corpora/index.ts";

/** Whether a path is a pipe or a device: it can be read once, and has no size. */
export function isStream(path: string): boolean {
  const status = statSync(path, { throwIfNoEntry: false });
  return status !== undefined && (status.isFIFO() || status.isCharacterDevice());
}

/** Passes bytes on. @throws UsageError naming the line at the first NUL byte, which no UTF-8 text holds */
async function* withoutNul(source: AsyncIterable<Uint8Array>, name: string): AsyncGenerator<Uint8Array> {
  let line = 1;
  for await (const chunk of source) {
    const nul = chunk.indexOf(0);
    for (let end = chunk.indexOf(10); end >= 0 && (nul < 0 || end < nul); end = chunk.indexOf(10, end + 1)) line++;
    if (nul >= 0) {
      throw new UsageError(
        `${name}:${line}: a NUL byte: the file is binary, or text in UTF-16; expected UTF-8, one text a line`,
      );
    }
    yield chunk;
  }
}

/**
 * Lines of a file, a pipe or a device; of stdin where `path` is undefined or "-". Records of a `.jsonl` file give their
 * `text`; pipes hold one text a line.
 *
 * @throws DataMissingError; UsageError for a folder and for bytes that are no text
 */
export function linesOf(path: string | undefined): AsyncGenerator<Line> {
  if (path === undefined || path === "-") return readLines(withoutNul(process.stdin, "stdin"));
  if (!isStream(path)) requireFile(path);
  if (path.endsWith(".jsonl")) return readTextLines(path);
  return readLines(withoutNul(createReadStream(path), path));
}
