/** Tells the format of a file from its contents. */
import { closeSync, openSync, readdirSync, readSync, statSync } from "node:fs";
import { basename } from "node:path";
import { DataMissingError, UsageError } from "../../base/errors.ts";
import { isObject, own } from "../fields.ts";
import { readJsonElements } from "../jsonElements.ts";
import { readRecords } from "../records.ts";
import { isHdf5 } from "../tvqa/frameFeatures.ts";
import type { SubtitleFormat } from "../tvqa/subtitles.ts";

/** The formats that `riverrun data inspect` knows, with what they are called. */
export const formatNames = {
  squad: "SQuAD v1.1 JSON",
  friendsqa: "FriendsQA JSON",
  tvqa: "TVQA questions, JSON lines",
  "tvqa-plus": "TVQA+ questions, JSON",
  tvr: "TVR moment descriptions, JSON lines",
  "subtitles-srt": "subtitles, .srt (TVQA)",
  "subtitles-srt-cache": "subtitles, srt_data_cache.json (TVQA)",
  "subtitles-tokenised": "subtitles, tokenised JSON (TVQA+)",
  "subtitles-tvr": "subtitles, JSON lines (TVR)",
  features: "video features, HDF5",
  parallel: "parallel text",
  text: "text, one a line",
  records: "JSON lines with text",
  vectors: "word vectors, GloVe's text format",
  safetensors: "tensors, safetensors",
  wordpiece: "WordPiece vocabulary",
  model: "BERT-family folder",
} as const;

export type DataFormat = keyof typeof formatNames;

const subtitleFormats: Readonly<Record<SubtitleFormat, DataFormat>> = {
  srt: "subtitles-srt",
  "srt-cache": "subtitles-srt-cache",
  tokenised: "subtitles-tokenised",
  tvr: "subtitles-tvr",
};

/** The first bytes of a file. */
function head(path: string, bytes: number): Buffer {
  const buffer = Buffer.alloc(bytes);
  const descriptor = openSync(path, "r");
  try {
    return buffer.subarray(0, readSync(descriptor, buffer, 0, bytes, 0));
  } finally {
    closeSync(descriptor);
  }
}

function ofFolder(path: string): DataFormat {
  const names = readdirSync(path);
  if (names.some((name) => name.endsWith(".srt"))) return "subtitles-srt";
  if (names.includes("vocab.txt") && names.some((name) => name.endsWith(".safetensors"))) return "model";
  throw new UsageError(`${path}: expected a folder of .srt files, or of model.safetensors and vocab.txt`);
}

async function ofJson(path: string): Promise<DataFormat | undefined> {
  const walked = ["data", "sub_text", "sub_time"];
  const elements = readJsonElements(
    path,
    (at) => at.length === 0 || (at.length === 1 && walked.includes(String(at[0]))),
  );
  for await (const element of elements) {
    const [key, inside] = element.path;
    if (key === "sub_text" || key === "sub_time") return subtitleFormats["srt-cache"];
    if (!("value" in element) || !isObject(element.value)) continue;
    if (key === "data" && typeof inside === "number") {
      const paragraphs = own(element.value, "paragraphs");
      const first: unknown = Array.isArray(paragraphs) ? paragraphs[0] : undefined;
      if (isObject(first)) return Object.hasOwn(first, "context") ? "squad" : "friendsqa";
    } else if (typeof key === "number" && Object.hasOwn(element.value, "q")) return "tvqa-plus";
    else if (typeof key === "string" && Object.hasOwn(element.value, "sub_text")) return subtitleFormats.tokenised;
  }
  return undefined;
}

async function ofJsonLines(path: string): Promise<DataFormat | undefined> {
  for await (const record of readRecords(path, { onBad: () => {} }, (found) => found)) {
    const has = (...keys: string[]): boolean => keys.every((key) => Object.hasOwn(record, key));
    if (has("q", "a0")) return "tvqa";
    if (has("vid_name", "desc")) return "tvr";
    if (has("vid_name", "sub")) return subtitleFormats.tvr;
    if (has("text")) return "records";
  }
  return undefined;
}

/** A word and at least 10 numbers on a line, or word2vec's first line of two integers before such a line. */
function looksLikeVectors(lines: readonly string[]): boolean {
  const line = /^\d+ \d+\s*$/.test(lines[0] ?? "") ? lines[1] : lines[0];
  return /^\S.*?(?: -?\d+(?:\.\d*)?(?:e[+-]?\d+)?){10,}\s*$/i.test((line ?? "").slice(0, 20_000));
}

/**
 * The format of a file or folder. A text that is nothing else is `text`; parallel text is made of two of those and is
 * not told here.
 *
 * @throws DataMissingError; UsageError where it is none that is known.
 */
export async function recogniseFormat(path: string): Promise<DataFormat> {
  const status = statSync(path, { throwIfNoEntry: false });
  if (!status) throw new DataMissingError(`${path} does not exist`);
  if (status.isDirectory()) return ofFolder(path);
  if (!status.isFile()) throw new UsageError(`${path} is not a file`);
  if (status.size === 0) throw new UsageError(`${path}: the file is empty`);
  if (isHdf5(path)) return "features";
  if (path.endsWith(".srt")) return "subtitles-srt";
  if (path.endsWith(".safetensors")) return "safetensors";
  const start = head(path, 1 << 16);
  const text = start.toString("utf8").replace(/^\ufeff/, "");
  const lines = text.split("\n");
  if (/^\s*[[{]/.test(text) && !path.endsWith(".txt")) {
    // One JSON document may be one line, so the name decides, and where it does not, a second line that begins anew.
    const isLines = path.endsWith(".jsonl") || (!path.endsWith(".json") && /^\s*\{/.test(lines[1] ?? ""));
    const format = isLines ? await ofJsonLines(path) : await ofJson(path);
    if (format) return format;
    throw new UsageError(
      `${path}: JSON of no known kind: expected SQuAD, FriendsQA, TVQA, TVQA+, TVR, subtitles, or lines of objects with "text"`,
    );
  }
  if (start.includes(0)) throw new UsageError(`${path}: expected text, found binary data of no known format`);
  if (basename(path) === "vocab.txt" && lines.some((line) => line.trim() === "[UNK]")) return "wordpiece";
  return looksLikeVectors(lines) ? "vectors" : "text";
}
