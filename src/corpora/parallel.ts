/** Parallel text: line n of one file is the translation (or the question, the answer, ...) of line n of the other. */
import { createReadStream } from "node:fs";
import { UsageError } from "../base/errors.ts";
import { type ReadOptions, reportBad } from "./badRecords.ts";
import { readSgm } from "./sgm.ts";
import { type Line, readLines, requireFile } from "./textFile.ts";

/** A pair of lines. */
export interface ParallelPair {
  /** Line of both files; the first is 1. */
  readonly line: number;
  readonly source: string;
  readonly target: string;
  /** What the file of origins says of the pair; null without such a file. */
  readonly origin: string | null;
}

/**
 * Romanian with s and t with a comma below: the older letters with a cedilla (U+015E, U+015F, U+0162, U+0163), also
 * decomposed, become U+0218, U+0219, U+021A, U+021B. Other letters stay as they are.
 */
export function romanianLetters(text: string): string {
  return text.replace(/[\u015e\u015f\u0162\u0163]|[SsTt]\u0327|[SsTt]\u0326/g, (letter) => {
    switch (letter[0]) {
      case "S":
      case "\u015e":
        return "\u0218";
      case "s":
      case "\u015f":
        return "\u0219";
      case "T":
      case "\u0162":
        return "\u021a";
      default:
        return "\u021b";
    }
  });
}

/** Lines of a text, or segments of an `.sgm` file. */
function linesOf(path: string): AsyncGenerator<Line> {
  requireFile(path);
  return path.endsWith(".sgm") ? readSgm(path) : readLines(createReadStream(path, { highWaterMark: 1 << 18 }));
}

/**
 * The pairs of two files with the same number of lines (or of segments, in WMT's `.sgm` files), with bounded memory.
 * Pairs of which a side is empty or not UTF-8 are bad records.
 *
 * @param paths.origin a third file, whose line n names where pair n comes from.
 * @throws UsageError where the files have different numbers of lines (also with `onBad`: which lines belong together is
 *   not known then), and for a bad record where there is no `onBad`; DataMissingError.
 */
export async function* readParallel(
  paths: { readonly source: string; readonly target: string; readonly origin?: string },
  options: ReadOptions = {},
): AsyncGenerator<ParallelPair> {
  const files = paths.origin === undefined ? [paths.source, paths.target] : [paths.source, paths.target, paths.origin];
  const readers = files.map(linesOf);
  try {
    for (let line = 1; ; line++) {
      const items = await Promise.all(readers.map((reader) => reader.next()));
      const ended = items.findIndex((item) => item.done);
      if (ended >= 0) {
        const longer = items.findIndex((item) => !item.done);
        if (longer < 0) return;
        throw new UsageError(
          `${files[ended]} has ${line - 1} lines, ${files[longer]} has more: expected one line for each; blank lines count`,
        );
      }
      const texts: string[] = [];
      for (const [index, { value }] of items.entries()) {
        const item = value as Line;
        if ("error" in item) reportBad(options, { file: files[index], line: item.line, reason: item.error });
        else if (item.text === "")
          reportBad(options, { file: files[index], line: item.line, reason: "the line is empty" });
        else texts.push(item.text);
      }
      if (texts.length === files.length) yield { line, source: texts[0], target: texts[1], origin: texts[2] ?? null };
    }
  } finally {
    for (const reader of readers) await reader.return(undefined);
  }
}
