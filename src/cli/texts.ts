/** Commands that map texts to records: lines in, lines out, in order, with bounded memory. */
import { messageOf, UsageError } from "../base/errors.ts";
import type { PreparedText, TextFlow } from "../flow/index.ts";
import { counted } from "./counted.ts";
import { linesOf } from "./lines.ts";
import { emit, say } from "./output.ts";
import { sayTruncated } from "./truncated.ts";

/** Texts that are worked on together. */
const batchSize = 64;

/** What a run over a file came to. */
export interface Tally {
  readonly texts: number;
  readonly failed: number;
  readonly truncated: number;
}

/** What stands for the records of a text that nothing can be said of. */
export class FailedText {
  readonly error: string;

  constructor(error: string) {
    this.error = error;
  }
}

/**
 * Reads FILE or stdin, calls `body` with batches of prepared texts, writes the records of each text in the order of the
 * lines. A line that cannot be read or is empty, or of which `body` says so, gives `{line, error}`; the rest goes on.
 *
 * @throws UsageError for bytes that are no text, and where there were lines, or a FILE, and none could be used. Nothing at
 *   all on stdin is no failure: a filter meets empty parts of its input.
 */
export async function overTexts(
  model: TextFlow,
  file: string | undefined,
  body: (texts: readonly PreparedText[]) => readonly (readonly unknown[] | FailedText)[],
): Promise<Tally> {
  const fromStdin = file === undefined || file === "-";
  if (fromStdin && process.stdin.isTTY) say("reading texts from the terminal, one a line; Ctrl-D ends them");
  const tally = { texts: 0, failed: 0, truncated: 0 };
  let waiting: ({ readonly error: unknown } | { readonly line: number; readonly text: PreparedText })[] = [];
  const flush = async (): Promise<void> => {
    const texts = waiting.flatMap((item) => ("text" in item ? [item.text] : []));
    const records = texts.length > 0 ? body(texts) : [];
    let next = 0;
    for (const item of waiting) {
      if ("error" in item) {
        await emit(item.error);
        continue;
      }
      const own = records[next++];
      if (own instanceof FailedText) {
        tally.failed++;
        await emit({ line: item.line, error: own.error });
      } else for (const record of own) await emit(record);
    }
    waiting = [];
  };
  for await (const item of linesOf(file)) {
    if ("error" in item) {
      tally.failed++;
      waiting.push({ error: { line: item.line, error: item.error } });
    } else {
      try {
        const text = model.prepare(item.text);
        tally.texts++;
        if (text.truncated) tally.truncated++;
        waiting.push({ line: item.line, text });
      } catch (error) {
        tally.failed++;
        waiting.push({ error: { line: item.line, error: messageOf(error) } });
      }
    }
    if (waiting.length >= batchSize) await flush();
  }
  await flush();
  sayTruncated(model, tally.truncated, tally.texts);
  const { texts, failed } = tally;
  const name = fromStdin ? "stdin" : file;
  if (texts === 0 && failed > 0) {
    throw new UsageError(`${name}: none of ${counted(failed, "line")} could be used; the records say why`);
  }
  if (texts === 0 && !fromStdin) throw new UsageError(`${name}: the file holds no text`);
  if (texts === 0) say("no text came in");
  if (failed > 0) {
    const record = failed === 1 ? "its record has" : "their records have";
    say(`warning: ${counted(failed, "line")} could not be used; ${record} "error"`);
  }
  return tally;
}
