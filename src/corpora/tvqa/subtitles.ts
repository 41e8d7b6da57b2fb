/** Subtitles of TVQA, TVQA+ and TVR clips in the four forms in which they are published. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { DataMissingError, UsageError } from "../../base/errors.ts";
import { FieldError, type ReadOptions, reportBad } from "../badRecords.ts";
import { asList, asNumber, asObject, isObject, joinPlace, listField, own, stringField } from "../fields.ts";
import { type Descend, describePath, type JsonElement, readJsonElements } from "../jsonElements.ts";
import { readRecords } from "../records.ts";
import { parseSrt, srtText } from "./srt.ts";

/** How a file holds subtitles. */
export type SubtitleFormat =
  /** A folder of `<clip>.srt`, ISO-8859-1 (TVQA). */
  | "srt"
  /** `{"sub_text": {clip: [cue, ...]}, "sub_time": {clip: [start, ...]}}`, not tokenised (TVQA's `srt_data_cache.json`). */
  | "srt-cache"
  /** `{clip: {"sub_text": "cue <eos> cue", "sub_time": [start, ...]}}`, tokenised (TVQA+). */
  | "tokenised"
  /** JSON lines `{"vid_name", "sub": [{"text", "start", "end"}, ...]}` (TVR). */
  | "tvr";

/** A line of dialogue. */
export interface Cue {
  readonly text: string;
  /** Seconds from the start of the clip. */
  readonly start: number;
  /** Seconds; null where the format has no end. */
  readonly end: number | null;
}

/** The subtitles of one clip. */
export interface SubtitleClip {
  readonly id: string;
  readonly cues: readonly Cue[];
  /** Whether the text is tokenised already, as {@link cleanText} does it. */
  readonly tokenised: boolean;
  /** The split that the clip's id names, as MELD's do (`meld_s08e21_train_dia0000`); null where it names none. */
  readonly split: "train" | "dev" | "test" | null;
}

/** Stands between the sentences of a clip (specification, section 1.3). */
export const sentenceSeparator = "<eos>";

/** The text of a clip: its cues joined by ` <eos> `, or by another separator. */
export function clipText(clip: SubtitleClip, separator = ` ${sentenceSeparator} `): string {
  return clip.cues.map((cue) => cue.text).join(separator);
}

/** The split that a clip's id names: `_train_`, `_dev_` or `_test_` between season and dialogue. */
export function splitOfClip(id: string): SubtitleClip["split"] {
  const named = /_(train|dev|test)_dia/.exec(id)?.[1];
  return named === "train" || named === "dev" || named === "test" ? named : null;
}

function makeClip(id: string, cues: readonly Cue[], tokenised: boolean): SubtitleClip {
  return { id, cues, tokenised, split: splitOfClip(id) };
}

/** Start times of a clip, which must be numbers of seconds, none negative. */
function readStarts(value: unknown, path: string): number[] {
  return asList(value, path).map((item, index) => {
    const start = asNumber(item, `${path}[${index}]`);
    if (start < 0) throw new FieldError(`${path}[${index}]`, `expected seconds from the clip's start, found ${start}`);
    return start;
  });
}

function joinCues(texts: readonly string[], starts: readonly number[], path: string): Cue[] {
  if (texts.length !== starts.length) {
    throw new FieldError(path, `${texts.length} texts but ${starts.length} start times`);
  }
  return texts.map((text, index) => ({ text, start: starts[index], end: null }));
}

/** Calls `read`; a FieldError becomes a bad record. */
function attempt<Result>(
  options: ReadOptions,
  bad: { readonly file: string; readonly line: number; readonly column?: number; readonly place: string },
  read: () => Result,
): Result | undefined {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof FieldError)) throw error;
    reportBad(options, { ...bad, place: joinPlace(bad.place, error.path), reason: error.message });
    return undefined;
  }
}

function* readSrtFiles(paths: readonly string[], options: ReadOptions): Generator<SubtitleClip> {
  for (const path of paths) {
    if (statSync(path).size > 1 << 26) {
      reportBad(options, { file: path, line: 1, reason: "the subtitles of one clip are larger than 64 MiB" });
      continue;
    }
    const cues = parseSrt(readFileSync(path, "latin1"), path, options);
    if (cues.length === 0) reportBad(options, { file: path, line: 1, reason: "the file holds no cue" });
    else
      yield makeClip(
        basename(path, ".srt"),
        cues.map((cue) => ({ ...cue, text: srtText(cue.text) })),
        false,
      );
  }
}

async function* elementsOf(
  path: string,
  options: ReadOptions,
  descend: Descend,
): AsyncGenerator<Extract<JsonElement, { value: unknown }>> {
  for await (const element of readJsonElements(path, descend)) {
    if ("error" in element) {
      reportBad(options, {
        file: path,
        line: element.line,
        column: element.column,
        place: describePath(element.path),
        reason: element.error,
      });
    } else yield element;
  }
}

/** Both lists of a clip must have been read before it can be given out, so one of them is held in memory. */
async function* readCache(path: string, options: ReadOptions): AsyncGenerator<SubtitleClip> {
  const waiting = new Map<
    string,
    {
      readonly key: string;
      readonly values: readonly (string | number)[];
      readonly line: number;
      readonly column: number;
    }
  >();
  const walk: Descend = (at) => at.length === 0 || (at.length === 1 && (at[0] === "sub_text" || at[0] === "sub_time"));
  for await (const { path: at, value, line, column } of elementsOf(path, options, walk)) {
    const [key, id] = at;
    if (typeof id !== "string" || (key !== "sub_text" && key !== "sub_time")) continue;
    const place = describePath(at);
    const clip = attempt(options, { file: path, line, column, place }, () => {
      const values =
        key === "sub_time"
          ? readStarts(value, "")
          : asList(value, "").map((text, index) => {
              if (typeof text !== "string") throw new FieldError(`[${index}]`, "expected a string");
              return text;
            });
      const other = waiting.get(id);
      if (!other || other.key === key) {
        waiting.set(id, { key, values, line, column });
        return undefined;
      }
      waiting.delete(id);
      const [texts, starts] = key === "sub_time" ? [other.values, values] : [values, other.values];
      return makeClip(id, joinCues(texts as readonly string[], starts as readonly number[], ""), false);
    });
    if (clip) yield clip;
  }
  for (const [id, { key, line, column }] of waiting) {
    const missing = key === "sub_text" ? "sub_time" : "sub_text";
    reportBad(options, {
      file: path,
      line,
      column,
      place: describePath([key, id]),
      reason: `the clip has no "${missing}"`,
    });
  }
}

async function* readTokenised(path: string, options: ReadOptions): AsyncGenerator<SubtitleClip> {
  for await (const { path: at, value, line, column } of elementsOf(path, options, (where) => where.length === 0)) {
    const clip = attempt(options, { file: path, line, column, place: describePath(at) }, () => {
      const [id] = at;
      const record = asObject(value, "");
      const text = stringField(record, "sub_text", "");
      const starts = readStarts(own(record, "sub_time"), ".sub_time");
      if (typeof id !== "string") throw new FieldError("", "expected an object of clips");
      const texts = text === "" && starts.length === 0 ? [] : text.split(` ${sentenceSeparator} `);
      return makeClip(id, joinCues(texts, starts, ""), true);
    });
    if (clip) yield clip;
  }
}

async function* readTvr(path: string, options: ReadOptions): AsyncGenerator<SubtitleClip> {
  for await (const clip of readRecords(path, options, (record) =>
    makeClip(
      stringField(record, "vid_name", ""),
      listField(record, "sub", "").map((item, index) => {
        const where = `.sub[${index}]`;
        const cue = asObject(item, where);
        const start = asNumber(own(cue, "start"), `${where}.start`);
        const end = asNumber(own(cue, "end"), `${where}.end`);
        if (start < 0 || end < start) throw new FieldError(where, `a cue from ${start} to ${end} seconds`);
        return { text: stringField(cue, "text", where).trim(), start, end };
      }),
      false,
    ),
  )) {
    yield clip;
  }
}

/** The form of a file or folder of subtitles. @throws DataMissingError; UsageError where it is none of the four. */
export async function subtitleFormat(path: string): Promise<SubtitleFormat> {
  const status = statSync(path, { throwIfNoEntry: false });
  if (!status) throw new DataMissingError(`${path} does not exist`);
  if (status.isDirectory() || path.endsWith(".srt")) return "srt";
  if (path.endsWith(".jsonl")) return "tvr";
  for await (const element of readJsonElements(path, (at) => at.length === 0)) {
    if ("error" in element) {
      if (element.fatal) break;
      continue;
    }
    if (element.path[0] === "sub_text" || element.path[0] === "sub_time") return "srt-cache";
    if (typeof element.path[0] !== "string") break;
    if (isObject(element.value) && Object.hasOwn(element.value, "sub_text")) return "tokenised";
  }
  throw new UsageError(
    `${path}: expected subtitles: a folder of .srt files, TVQA's srt_data_cache.json, TVQA+'s {clip: {"sub_text", "sub_time"}}, or TVR's JSON lines (.jsonl)`,
  );
}

/**
 * The subtitles of each clip, in the order of the file (of the names in a folder). Text that an `.srt` file holds gets
 * `(<UNKNAME>:)` in front where it does not begin with a parenthesis, as TVQA's loader does.
 *
 * @throws UsageError naming file, line and reason of a clip that cannot be used, where there is no `onBad`;
 *   DataMissingError.
 */
export async function* readSubtitleClips(path: string, options: ReadOptions = {}): AsyncGenerator<SubtitleClip> {
  const format = await subtitleFormat(path);
  switch (format) {
    case "srt": {
      const isFolder = statSync(path).isDirectory();
      const paths = isFolder
        ? readdirSync(path)
            .filter((name) => name.endsWith(".srt"))
            .sort()
            .map((name) => join(path, name))
        : [path];
      if (paths.length === 0) throw new UsageError(`${path}: the folder holds no .srt file`);
      yield* readSrtFiles(paths, options);
      break;
    }
    case "srt-cache":
      yield* readCache(path, options);
      break;
    case "tokenised":
      yield* readTokenised(path, options);
      break;
    case "tvr":
      yield* readTvr(path, options);
      break;
  }
}
