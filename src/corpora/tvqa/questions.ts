/** Questions of TVQA (Lei et al. 2018) and TVQA+ (Lei et al. 2020), and the moment descriptions of TVR. */
import { type BadRecord, FieldError, type ReadOptions, reportBad } from "../badRecords.ts";
import { asList, asNumber, asObject, integerField, type JsonObject, joinPlace, own, stringField } from "../fields.ts";
import { describePath, readJsonElements } from "../jsonElements.ts";
import { readRecords } from "../records.ts";

/** A part of a clip in seconds from its start. */
export interface TimeSpan {
  readonly start: number;
  readonly end: number;
}

/** A box around an object in one frame (TVQA+), in pixels of the frame. */
export interface ObjectBox {
  readonly label: string;
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** A question with five candidate answers about a clip. */
export interface TvqaQuestion {
  readonly id: number;
  readonly clip: string;
  /** The show's name where the file gives one; TVQA+ has The Big Bang Theory only and gives none. */
  readonly show: string | null;
  readonly question: string;
  readonly answers: readonly [string, string, string, string, string];
  /** Index of the right answer; null where labels are not released. */
  readonly answer: number | null;
  /** Where the clip answers the question; null where the file says `NaN-NaN` ({@link spanOrDefault}). */
  readonly span: TimeSpan | null;
  /** Boxes by frame number (TVQA+'s `bbox`); empty where there are none. */
  readonly boxes: ReadonlyMap<number, readonly ObjectBox[]>;
}

/** A description of a moment of a clip (TVR). */
export interface MomentDescription {
  readonly id: number;
  readonly clip: string;
  readonly description: string;
  readonly span: TimeSpan;
  /** Length of the clip in seconds. */
  readonly duration: number;
  /** What it speaks of: the video, the text (dialogue), or both. */
  readonly type: "v" | "t" | "vt";
}

/** The span, or 10 to 30 seconds where there is none, as TVQA's preprocessing takes it. */
export function spanOrDefault(span: TimeSpan | null): TimeSpan {
  return span ?? { start: 10, end: 30 };
}

const stamp = /^\s*(NaN|\d+(?:\.\d*)?)\s*-\s*(NaN|\d+(?:\.\d*)?)\s*$/i;

/** `"48.62-60.02"` or `[48.62, 60.02]`; null for `"NaN-NaN"`. */
function readSpan(value: unknown, path: string): TimeSpan | null {
  if (typeof value === "string") {
    const match = stamp.exec(value);
    if (!match)
      throw new FieldError(path, `expected seconds like "48.62-60.02", found ${JSON.stringify(value.slice(0, 40))}`);
    const [start, end] = [Number(match[1]), Number(match[2])];
    return Number.isNaN(start) || Number.isNaN(end) ? null : { start, end };
  }
  const [start, end, ...more] = asList(value, path);
  if (more.length > 0) throw new FieldError(path, `expected [start, end], found ${more.length + 2} values`);
  return { start: asNumber(start, `${path}[0]`), end: asNumber(end, `${path}[1]`) };
}

function readAnswerIndex(record: JsonObject): number | null {
  const value = own(record, "answer_idx");
  if (value === undefined || value === null) return null;
  const index = typeof value === "string" && /^\d$/.test(value) ? Number(value) : value;
  if (typeof index !== "number" || !Number.isInteger(index) || index < 0 || index > 4) {
    throw new FieldError(".answer_idx", `expected 0 to 4, found ${JSON.stringify(value)?.slice(0, 40)}`);
  }
  return index;
}

function readBoxes(value: unknown): Map<number, ObjectBox[]> {
  const boxes = new Map<number, ObjectBox[]>();
  if (value === undefined) return boxes;
  for (const [frame, items] of Object.entries(asObject(value, ".bbox"))) {
    const path = `.bbox.${frame}`;
    if (!/^\d{1,6}$/.test(frame)) throw new FieldError(path, "expected the number of a frame as key");
    boxes.set(
      Number(frame),
      asList(items, path).map((item, index) => {
        const where = `${path}[${index}]`;
        const box = asObject(item, where);
        const size = (key: string): number => asNumber(own(box, key), `${where}.${key}`);
        return {
          label: stringField(box, "label", where),
          left: size("left"),
          top: size("top"),
          width: size("width"),
          height: size("height"),
        };
      }),
    );
  }
  return boxes;
}

/** @throws FieldError */
function readQuestion(record: JsonObject): TvqaQuestion {
  const text = (key: string): string => stringField(record, key, "");
  const show = own(record, "show_name");
  return {
    id: integerField(record, "qid", ""),
    clip: text("vid_name"),
    show: typeof show === "string" ? show : null,
    question: text("q"),
    answers: [text("a0"), text("a1"), text("a2"), text("a3"), text("a4")],
    answer: readAnswerIndex(record),
    span: readSpan(own(record, "ts"), ".ts"),
    boxes: readBoxes(own(record, "bbox")),
  };
}

/**
 * The questions of a TVQA file (`.jsonl`, one object a line) or of a TVQA+ file (`.json`, one list), in order.
 *
 * @throws UsageError naming file, line, place and reason of a bad record where there is no `onBad`; DataMissingError.
 */
export async function* readTvqaQuestions(path: string, options: ReadOptions = {}): AsyncGenerator<TvqaQuestion> {
  if (!path.endsWith(".json")) {
    yield* readRecords(path, options, readQuestion);
    return;
  }
  for await (const element of readJsonElements(path, (at) => at.length === 0)) {
    const place = describePath(element.path);
    const bad: Omit<BadRecord, "reason"> = { file: path, line: element.line, column: element.column, place };
    if ("error" in element) {
      reportBad(options, { ...bad, reason: element.error });
      continue;
    }
    let question: TvqaQuestion;
    try {
      if (typeof element.path[0] !== "number") throw new FieldError("", "expected a list of questions at the top");
      question = readQuestion(asObject(element.value, ""));
    } catch (error) {
      if (!(error instanceof FieldError)) throw error;
      reportBad(options, { ...bad, place: joinPlace(place, error.path), reason: error.message });
      continue;
    }
    yield question;
  }
}

/** The moment descriptions of a TVR file (`.jsonl`). @throws as {@link readTvqaQuestions} */
export async function* readMomentDescriptions(
  path: string,
  options: ReadOptions = {},
): AsyncGenerator<MomentDescription> {
  yield* readRecords(path, options, (record) => {
    const type = stringField(record, "type", "");
    if (type !== "v" && type !== "t" && type !== "vt") {
      throw new FieldError(".type", `expected "v", "t" or "vt", found ${JSON.stringify(type.slice(0, 40))}`);
    }
    const span = readSpan(own(record, "ts"), ".ts");
    if (!span) throw new FieldError(".ts", "expected [start, end] in seconds");
    return {
      id: integerField(record, "desc_id", ""),
      clip: stringField(record, "vid_name", ""),
      description: stringField(record, "desc", ""),
      span,
      duration: asNumber(own(record, "duration"), ".duration"),
      type,
    };
  });
}
