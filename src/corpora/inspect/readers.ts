/** One function a format: reads a file and tells an {@link Observations} what is in it. */
import { closeSync, createReadStream, openSync, readSync, statSync } from "node:fs";
import { join } from "node:path";
import { messageOf } from "../../base/errors.ts";
import { headerLength, parseHeader } from "../../torch/safetensorsFormat.ts";
import { reportBad } from "../badRecords.ts";
import { readParallel } from "../parallel.ts";
import { dialogueParagraph, readFriendsQa } from "../squad/friendsQa.ts";
import { readSquad, type SquadParagraph } from "../squad/squad.ts";
import { readLines, readTextLines } from "../textFile.ts";
import { FrameFeatures } from "../tvqa/frameFeatures.ts";
import { readMomentDescriptions, readTvqaQuestions } from "../tvqa/questions.ts";
import { readSubtitleClips } from "../tvqa/subtitles.ts";
import type { Observations } from "./observations.ts";
import type { DataFormat } from "./recognise.ts";

function seeParagraph(paragraph: SquadParagraph, seen: Observations): void {
  seen.count("paragraphs");
  seen.text("context", paragraph.context);
  for (const { id, question, answers } of paragraph.questions) {
    seen.count("questions");
    seen.count("answers", answers.length);
    seen.key("id", id);
    seen.text("question", question);
    for (const answer of answers) seen.length("answer", answer.text);
  }
}

async function squad(path: string, seen: Observations): Promise<void> {
  for await (const article of readSquad(path, seen.bad)) {
    seen.count("articles");
    seen.key("title", article.title);
    for (const paragraph of article.paragraphs) seeParagraph(paragraph, seen);
  }
}

async function friendsqa(path: string, seen: Observations): Promise<void> {
  for await (const dialogue of readFriendsQa(path, seen.bad)) {
    seen.count("utterances", dialogue.utterances.length);
    seen.key("title", dialogue.title);
    seeParagraph(dialogueParagraph(dialogue), seen);
  }
}

async function questions(path: string, seen: Observations): Promise<void> {
  const clips = new Set<string>();
  for await (const { id, clip, show, question, answers, answer, span, boxes } of readTvqaQuestions(path, seen.bad)) {
    seen.count("questions");
    if (!clips.has(clip)) {
      clips.add(clip);
      seen.count("clips");
      seen.key("clip", clip);
    }
    if (answer !== null) seen.count("labelled");
    if (!span) seen.count("without time span");
    for (const inFrame of boxes.values()) seen.count("boxes", inFrame.length);
    if (show !== null) seen.split(show);
    seen.key("id", String(id));
    seen.text("question", question);
    for (const candidate of answers) seen.length("answer", candidate);
  }
}

async function descriptions(path: string, seen: Observations): Promise<void> {
  const clips = new Set<string>();
  for await (const { id, clip, description, type } of readMomentDescriptions(path, seen.bad)) {
    seen.count("descriptions");
    seen.split(type);
    if (!clips.has(clip)) {
      clips.add(clip);
      seen.count("clips");
      seen.key("clip", clip);
    }
    seen.key("id", String(id));
    seen.text("description", description);
  }
}

async function subtitles(path: string, seen: Observations): Promise<void> {
  for await (const clip of readSubtitleClips(path, seen.bad)) {
    seen.count("clips");
    seen.count("cues", clip.cues.length);
    if (clip.split) seen.split(clip.split);
    seen.key("clip", clip.id, clip.split ?? "");
    for (const cue of clip.cues) seen.length("cue", cue.text);
    seen.text("clip text", clip.cues.map((cue) => cue.text).join(" "), clip.split ?? "");
    if (clip.cues.some((cue, index) => index > 0 && cue.start < clip.cues[index - 1].start)) {
      seen.count("clips with cues out of order");
    }
  }
}

async function text(path: string, seen: Observations): Promise<void> {
  // .txt and .jsonl are told apart by the name there; other names are read line by line.
  const lines = /\.jsonl$/.test(path)
    ? readTextLines(path)
    : readLines(createReadStream(path, { highWaterMark: 1 << 18 }));
  for await (const item of lines) {
    seen.count("lines");
    if ("error" in item) seen.bad.onBad({ file: path, line: item.line, reason: item.error });
    else if (item.text === "") seen.count("empty lines");
    else seen.text("line", item.text);
  }
}

async function vectors(path: string, seen: Observations): Promise<void> {
  let dimensions = 0;
  for await (const item of readLines(createReadStream(path, { highWaterMark: 1 << 18 }))) {
    const bad = (reason: string): void => seen.bad.onBad({ file: path, line: item.line, reason });
    if ("error" in item) {
      bad(item.error);
      continue;
    }
    const fields = item.text.split(" ");
    if (item.text === "" || (item.line === 1 && /^\d+ \d+$/.test(item.text))) continue;
    if (dimensions === 0) {
      dimensions = fields.length - 1;
      seen.count("dimensions", dimensions);
    }
    const numbers = fields.slice(-dimensions);
    const wrong = numbers.find((field) => field === "" || !Number.isFinite(Number(field)));
    if (fields.length <= dimensions) bad(`expected a word and ${dimensions} numbers, got ${fields.length - 1} numbers`);
    else if (wrong !== undefined) bad(`${JSON.stringify(wrong.slice(0, 40))} is not a finite number`);
    else {
      seen.count("words");
      seen.key("word", fields.slice(0, -dimensions).join(" "));
    }
  }
}

async function wordpiece(path: string, seen: Observations): Promise<void> {
  for await (const item of readLines(createReadStream(path))) {
    if ("error" in item) seen.bad.onBad({ file: path, line: item.line, reason: item.error });
    else {
      seen.count("pieces");
      if (item.text.startsWith("##")) seen.count("continuations");
      seen.key("piece", item.text);
    }
  }
}

function safetensors(path: string, seen: Observations): void {
  const { size } = statSync(path);
  const descriptor = openSync(path, "r");
  try {
    const prefix = Buffer.alloc(8);
    const length = headerLength(prefix.subarray(0, readSync(descriptor, prefix, 0, 8, 0)), size, path);
    const header = Buffer.alloc(length);
    readSync(descriptor, header, 0, length, 8);
    for (const { dtype, shape } of parseHeader(header, size, path).entries) {
      seen.count("tensors");
      seen.count(
        "parameters",
        shape.reduce((product, side) => product * side, 1),
      );
      seen.split(dtype);
    }
  } finally {
    closeSync(descriptor);
  }
}

async function features(path: string, seen: Observations): Promise<void> {
  const file = await FrameFeatures.open(path);
  try {
    for (const [index, clip] of file.clips.entries()) {
      try {
        const [frames, channels] = file.shape(clip);
        seen.count("clips");
        seen.count("frames", frames);
        seen.split(`${channels} channels`);
        seen.key("clip", clip);
      } catch (error) {
        seen.bad.onBad({
          file: path,
          line: 1,
          place: `data set ${index + 1}`,
          reason: messageOf(error).replace(`${path}: `, ""),
        });
      }
    }
  } finally {
    file.close();
  }
}

/** Reads a file of a known format. @throws UsageError where nothing of it can be read. */
export async function observe(format: DataFormat, path: string, seen: Observations): Promise<void> {
  switch (format) {
    case "squad":
      return squad(path, seen);
    case "friendsqa":
      return friendsqa(path, seen);
    case "tvqa":
    case "tvqa-plus":
      return questions(path, seen);
    case "tvr":
      return descriptions(path, seen);
    case "subtitles-srt":
    case "subtitles-srt-cache":
    case "subtitles-tokenised":
    case "subtitles-tvr":
      return subtitles(path, seen);
    case "features":
      return features(path, seen);
    case "text":
    case "records":
      return text(path, seen);
    case "vectors":
      return vectors(path, seen);
    case "wordpiece":
      return wordpiece(path, seen);
    case "safetensors":
      safetensors(path, seen);
      return;
    case "model":
      safetensors(join(path, "model.safetensors"), seen);
      return wordpiece(join(path, "vocab.txt"), seen);
    case "parallel":
      reportBad({}, { file: path, line: 1, reason: "parallel text is two files" });
  }
}

/** Reads a pair of parallel files. */
export async function observeParallel(
  paths: { readonly source: string; readonly target: string; readonly origin?: string },
  seen: Observations,
): Promise<void> {
  for await (const { source, target, origin } of readParallel(paths, seen.bad)) {
    seen.count("pairs");
    if (origin !== null) seen.split(origin);
    seen.text("source", source);
    seen.text("target", target);
    seen.key("pair", `${source}\n${target}`);
  }
}
