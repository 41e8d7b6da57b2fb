/** Segments of WMT's `.sgm` files, as newsdev2016 and newstest2016 are published. */
import { createReadStream } from "node:fs";
import { type Line, readLines } from "./textFile.ts";

const entities: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

function unescape(text: string): string {
  return text.replace(/&(amp|lt|gt|quot|apos);/g, (_, name: string) => entities[name]);
}

const segment = /<seg\b[^>]*>(.*)<\/seg>/i;

/**
 * The `<seg>` elements of a file, each of which WMT writes on one line; `line` is that line. An opened element without
 * its end on the same line comes as `error`.
 */
export async function* readSgm(path: string): AsyncGenerator<Line> {
  for await (const item of readLines(createReadStream(path, { highWaterMark: 1 << 18 }))) {
    if ("error" in item) {
      yield item;
      continue;
    }
    if (!/<seg\b/i.test(item.text)) continue;
    const match = segment.exec(item.text);
    if (match) yield { line: item.line, text: unescape(match[1].trim()) };
    else yield { line: item.line, error: "expected <seg>...</seg> on one line" };
  }
}
