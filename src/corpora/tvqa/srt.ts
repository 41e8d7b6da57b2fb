/** SubRip files: numbered cues with times. */
import { type ReadOptions, reportBad } from "../badRecords.ts";
import type { Cue } from "./subtitles.ts";

const timing =
  /^\s*(?:(\d{1,3}):)?(\d{1,2}):(\d{1,2})(?:[,.](\d{1,3}))?\s*-->\s*(?:(\d{1,3}):)?(\d{1,2}):(\d{1,2})(?:[,.](\d{1,3}))?(?:\s|$)/;

function seconds(hours: string | undefined, minutes: string, whole: string, thousandths: string | undefined): number {
  const milliseconds = Number((thousandths ?? "0").padEnd(3, "0"));
  return 3600 * Number(hours ?? 0) + 60 * Number(minutes) + Number(whole) + 0.001 * milliseconds;
}

/**
 * The cues of a file in order, the lines of each joined by a space. A block without a line of times, or with an end
 * before its start, is a bad record; empty blocks are none.
 */
export function parseSrt(text: string, file: string, options: ReadOptions = {}): Cue[] {
  const cues: Cue[] = [];
  const lines = text.replace(/^(?:\ufeff|\u00ef\u00bb\u00bf)/, "").split(/\r\n|\n|\r/);
  for (let at = 0; at < lines.length; at++) {
    if (lines[at].trim() === "") continue;
    const first = at;
    while (at < lines.length && lines[at].trim() !== "") at++;
    const block = lines.slice(first, at);
    // The number of a cue may be absent; it is used for nothing.
    const timeLine = timing.test(block[0]) ? 0 : 1;
    const match = timing.exec(block[timeLine] ?? "");
    if (!match) {
      const found = JSON.stringify((block[timeLine] ?? block[0]).slice(0, 40));
      const reason = `expected a line of times like "00:00:01,000 --> 00:00:02,500", found ${found}`;
      reportBad(options, { file, line: first + 1 + (block.length > timeLine ? timeLine : 0), reason });
      continue;
    }
    const start = seconds(match[1], match[2], match[3], match[4]);
    const end = seconds(match[5], match[6], match[7], match[8]);
    if (end < start) {
      reportBad(options, {
        file,
        line: first + 1 + timeLine,
        reason: `a cue that ends at ${end} s before it starts at ${start} s`,
      });
      continue;
    }
    cues.push({ text: block.slice(timeLine + 1).join(" "), start, end });
  }
  return cues;
}

/** The text of a cue with its speaker: `(<UNKNAME>:)` in front where it does not begin with a parenthesis. */
export function srtText(text: string): string {
  return text.startsWith("(") ? text : `(<UNKNAME>:)${text}`;
}
