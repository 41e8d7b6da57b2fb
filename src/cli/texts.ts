/** Commands that map lines to records: lines in, lines out, in order, with bounded memory. */
import { messageOf, RiverrunError, UsageError } from "../base/errors.ts";
import { NonFiniteOutputError, nonFiniteIn, TooLargeError } from "../base/finite.ts";
import type { Line, RecordId } from "../corpora/index.ts";
import type { PreparedText, TextFlow } from "../flow/index.ts";
import { counted } from "./counted.ts";
import { linesOf } from "./lines.ts";
import type { LineOptions } from "./options.ts";
import { emitAll, say } from "./output.ts";
import { sayTruncated } from "./truncated.ts";

/** What a run over a file came to. */
export interface Tally {
  /** Lines that could be used. */
  readonly texts: number;
  readonly failed: number;
}

/** What a run over texts came to. */
export interface TextTally extends Tally {
  /** Words that the vocabulary does not know, and texts that have some. */
  readonly unknown: { readonly words: number; readonly texts: number };
}

/** What stands for the records of a text that nothing can be said of. */
export class FailedText {
  readonly error: string;
  /** What its line calls itself, where only who read the record knows. */
  readonly id: RecordId | undefined;
  /** Whether it is no fault of the text. */
  readonly isOfModel: boolean;

  constructor(error: string, { id, isOfModel = false }: { id?: RecordId | undefined; isOfModel?: boolean } = {}) {
    this.error = error;
    this.id = id;
    this.isOfModel = isOfModel;
  }
}

/** What `itemOf` throws where a line is of no use, but has a name. */
export class NamedLineError extends UsageError {
  readonly id: RecordId | undefined;

  constructor(message: string, id: RecordId | undefined) {
    super(message);
    this.id = id;
  }
}

/** What a line gives, or what is wrong with it. */
type Waiting<Item> = { readonly source: Line } & ({ readonly item: Item } | { readonly error: string });

/** The records of a line, unless a number of theirs is none. */
export function finite(records: readonly object[]): readonly object[] | FailedText {
  const [fault] = records.flatMap((record) => nonFiniteIn(record) ?? []);
  return fault === undefined ? records : new FailedText(fault, { isOfModel: true });
}

/**
 * `body` on all items; where numbers are not finite that words are chosen by, on each alone, and what `failed` makes of
 * those that are at fault.
 */
export function apart<Item>(
  items: readonly Item[],
  body: (items: readonly Item[]) => readonly (readonly object[] | FailedText)[],
  failed: (item: Item, error: NonFiniteOutputError) => FailedText,
): readonly (readonly object[] | FailedText)[] {
  try {
    return body(items);
  } catch (error) {
    if (!(error instanceof NonFiniteOutputError)) throw error;
    return items.length === 1 ? [failed(items[0], error)] : items.flatMap((item) => apart([item], body, failed));
  }
}

/**
 * Reads FILE or stdin, makes an item of each line, calls `body` with batches of items, writes the records of each line in
 * the order of the lines, a batch at a time. A line of which no item can be made (`itemOf` throws), or of which `body` says
 * so, gives `{line, error}`; the rest goes on. A record begins with the `id` of its line, where it has one.
 *
 * @throws UsageError for bytes that are no text, and where there were lines, or a FILE, and none could be used; RiverrunError
 *   where that is the model's fault. Nothing at all on stdin is no failure: a filter meets empty parts of its input. Nor is
 *   nothing after `--skip-lines`.
 */
export async function overLines<Item>(
  lines: AsyncIterable<Line>,
  file: string | undefined,
  options: LineOptions,
  itemOf: (text: string) => Item,
  body: (items: readonly Item[]) => readonly (readonly object[] | FailedText)[],
): Promise<Tally> {
  const { skipLines, lineNumbers, batch } = options;
  const fromStdin = file === undefined || file === "-";
  if (fromStdin && process.stdin.isTTY) say("reading texts from the terminal, one a line; Ctrl-D ends them");
  const tally = { texts: 0, failed: 0, ofModel: 0 };
  let waiting: Waiting<Item>[] = [];
  const flush = async (): Promise<void> => {
    const items = waiting.flatMap((one) => ("item" in one ? [one.item] : []));
    const found = items.length > 0 ? body(items) : [];
    let next = 0;
    const written = waiting.flatMap((one) => {
      const { line, id } = one.source;
      const made = "item" in one ? found[next++] : new FailedText(one.error);
      const own = made instanceof FailedText ? made : finite(made);
      if (own instanceof FailedText) {
        tally.failed++;
        if (own.isOfModel) tally.ofModel++;
        const name = own.id ?? id;
        return [{ ...(name === undefined ? {} : { id: name }), line, error: own.error }];
      }
      tally.texts++;
      const named = id === undefined ? {} : { id };
      return own.map((record) => ({ ...named, ...(lineNumbers ? { line } : {}), ...record }));
    });
    waiting = [];
    await emitAll(written);
  };
  for await (const source of lines) {
    if (source.line <= skipLines) continue;
    if ("error" in source) waiting.push({ source, error: source.error });
    else {
      try {
        waiting.push({ source, item: itemOf(source.text) });
      } catch (error) {
        const id = error instanceof NamedLineError ? error.id : source.id;
        waiting.push({ source: { ...source, id }, error: messageOf(error) });
      }
    }
    if (waiting.length >= batch) await flush();
  }
  await flush();
  const { texts, failed, ofModel } = tally;
  const name = fromStdin ? "stdin" : file;
  if (texts === 0 && ofModel > 0) {
    throw new RiverrunError(
      `${name}: the model computes no numbers for any text: its weights are damaged or have exploded; take an earlier model`,
    );
  }
  if (texts === 0 && failed > 0 && skipLines === 0) {
    throw new UsageError(`${name}: none of ${counted(failed, "line")} could be used; the records say why`);
  }
  if (texts + failed === 0) {
    if (!fromStdin && skipLines === 0) throw new UsageError(`${name}: the file holds no text`);
    say(skipLines > 0 ? `there is nothing after the ${counted(skipLines, "line")} to skip` : "no text came in");
  }
  if (failed > 0) {
    const record = failed === 1 ? "its record has" : "their records have";
    say(`warning: ${counted(failed, "line")} could not be used; ${record} "error"`);
  }
  return tally;
}

/** {@link overLines} on texts as the model reads them. A text that is cut is counted, and said so on stderr. */
export async function overTexts(
  model: TextFlow,
  file: string | undefined,
  options: LineOptions,
  body: (texts: readonly PreparedText[]) => readonly (readonly object[] | FailedText)[],
): Promise<TextTally> {
  let [prepared, truncated] = [0, 0];
  const unknown = { words: 0, texts: 0 };
  const prepare = (line: string): PreparedText => {
    const text = model.prepare(line);
    prepared++;
    if (text.truncated) truncated++;
    if (text.unknown > 0) unknown.texts++;
    unknown.words += text.unknown;
    return text;
  };
  const failed = (_: PreparedText, error: NonFiniteOutputError): FailedText =>
    new FailedText(error.message, { isOfModel: !(error instanceof TooLargeError) });
  const apartWhereNeeded = (texts: readonly PreparedText[]) => apart(texts, body, failed);
  const tally = await overLines(linesOf(file, options.jsonl), file, options, prepare, apartWhereNeeded);
  sayTruncated(model, truncated, prepared);
  return { ...tally, unknown };
}
