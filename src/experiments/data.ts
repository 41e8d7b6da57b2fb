/** The texts of an experiment: what is learnt from, what chooses the best model, what is reported. */
import { createHash } from "node:crypto";
import { basename, extname } from "node:path";
import { UsageError } from "../base/errors.ts";
import { namedSeed, RandomStream } from "../base/random.ts";
import {
  builtinCorpus,
  cleanText,
  distinctContexts,
  paragraphsOf,
  readSquad,
  readSubtitleClips,
  readTexts,
  type SquadArticle,
  type SubtitleClip,
  splitHeldOut,
  splitSquadHalves,
} from "../corpora/index.ts";
import { recogniseFormat } from "../corpora/inspect/recognise.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { tokenizerByName } from "../text/tokenizer-names.ts";
import type { DataKind, Scale } from "./scales.ts";

/** Seed of every split: seeds of a table change models, never data. */
const splitSeed = 2020;
const heldOutShare = 0.1;

/** Texts of one data set, cut so that every model sees the same tokens of each. */
export interface ExperimentData {
  /** Of its rows and folders. */
  readonly name: string;
  readonly kind: DataKind;
  readonly files: readonly string[];
  readonly tokenizer: string;
  /** T: a text has at most T - 2 words, so that `<sos>` and `<eos>` fit beside them. */
  readonly positions: number;
  readonly training: readonly string[];
  /** Chooses the best step of a training; no figure is reported on it. */
  readonly validation: readonly string[];
  readonly report: readonly string[];
  /** How the three were made, as a sentence. */
  readonly split: string;
  /** Share of the reported texts that were cut. */
  readonly truncatedShare: number;
  /** Hash of all texts and T. */
  readonly fingerprint: string;
}

/** Whole texts of the three parts, before they are cut. */
interface Parts {
  readonly training: readonly string[];
  readonly validation: readonly string[];
  readonly report: readonly string[];
  readonly split: string;
}

/**
 * The first `most` tokens of a text as a text: the longest part of it that gives just these tokens again. A tokenizer
 * may need what follows to tell where a token ends, so that a part could read differently; such a part is shortened.
 */
export function cutText(text: string, tokenizer: Tokenizer, most: number): { text: string; cut: boolean } {
  const tokens = tokenizer.tokenizeWithOffsets(text);
  if (tokens.length <= most) return { text, cut: false };
  for (let count = most; count > 0; count--) {
    const part = text.slice(0, tokens[count - 1].end);
    const again = tokenizer.tokenize(part);
    if (again.length === count && again.every((token, index) => token === tokens[index].token)) {
      return { text: part, cut: true };
    }
  }
  return { text: "", cut: true };
}

/**
 * A clip as runs of whole neighbouring cues that fit `most` tokens, joined by `<eos>`; a longer cue stands alone and is
 * cut. TVQA's localised subtitles are such runs.
 */
export function cueRuns(clip: SubtitleClip, tokenizer: Tokenizer, most: number): string[] {
  const runs: string[] = [];
  let run: string[] = [];
  let length = 0;
  for (const cue of clip.cues) {
    const text = (clip.tokenised ? cue.text : cleanText(cue.text)).trim();
    const size = tokenizer.tokenize(text).length;
    if (size === 0) continue;
    if (run.length > 0 && length + 1 + size > most) {
      runs.push(run.join(" <eos> "));
      run = [];
      length = 0;
    }
    length += size + (run.length > 0 ? 1 : 0);
    run.push(text);
  }
  if (run.length > 0) runs.push(run.join(" <eos> "));
  return runs;
}

function partsOfTexts(texts: readonly string[]): Parts {
  const { training: rest, validation: report } = splitHeldOut(texts, heldOutShare, splitSeed);
  const { training, validation } = splitHeldOut(rest, heldOutShare, splitSeed + 1);
  return {
    training,
    validation,
    report,
    split: `a seeded ${100 * heldOutShare} % of the different texts to report, each with its copies; a tenth of the others to choose the step`,
  };
}

async function partsOfSubtitles(path: string, tokenizer: Tokenizer, most: number): Promise<Parts> {
  const clips: SubtitleClip[] = [];
  for await (const clip of readSubtitleClips(path)) clips.push(clip);
  const runs = (some: readonly SubtitleClip[]): string[] => some.flatMap((clip) => cueRuns(clip, tokenizer, most));
  const named = (split: SubtitleClip["split"]): SubtitleClip[] => clips.filter((clip) => clip.split === split);
  if (clips.some((clip) => clip.split === "test")) {
    const training = runs(named("train"));
    const dev = runs(named("dev"));
    const own = dev.length > 0 ? { training, validation: dev } : splitHeldOut(training, heldOutShare, splitSeed + 1);
    return {
      ...own,
      report: runs(named("test")),
      split: `clips named train to learn from, ${dev.length > 0 ? "dev" : "a tenth of them"} to choose the step, test to report`,
    };
  }
  const byClip = splitHeldOut(
    clips.map(({ id }) => id),
    heldOutShare,
    splitSeed,
  );
  const held = new Set(byClip.validation);
  const learn = clips.filter(({ id }) => !held.has(id));
  return {
    ...splitHeldOut(runs(learn), heldOutShare, splitSeed + 1),
    report: runs(clips.filter(({ id }) => held.has(id))),
    split: "a seeded 10 % of the clips to report, a tenth of the other runs of cues to choose the step",
  };
}

/** Which of several SQuAD files holds the articles to report. @throws UsageError where the names do not tell. */
function devFile(paths: readonly string[]): string {
  if (paths.length === 1) return paths[0];
  const named = paths.filter((path) => /(^|[^a-z])dev([^a-z]|$)/i.test(basename(path)));
  if (named.length === 1) return named[0];
  throw new UsageError(
    `of the SQuAD files ${paths.join(", ")} ${named.length === 0 ? "none has" : "several have"} "dev" in the name: expected one, whose second half is reported`,
  );
}

/** Articles of the SQuAD files: those of the dev file's second half, and all others. */
export async function squadArticles(
  paths: readonly string[],
): Promise<{ readonly learn: SquadArticle[]; readonly report: SquadArticle[] }> {
  const dev = devFile(paths);
  const learn: SquadArticle[] = [];
  let report: SquadArticle[] = [];
  for (const path of paths) {
    const articles: SquadArticle[] = [];
    for await (const article of readSquad(path)) articles.push(article);
    if (path !== dev) {
      learn.push(...articles);
      continue;
    }
    const { first, second } = splitSquadHalves(articles);
    learn.push(...first);
    report = second;
  }
  return { learn, report };
}

async function partsOfSquad(paths: readonly string[]): Promise<Parts> {
  const { learn, report } = await squadArticles(paths);
  const reported = distinctContexts(paragraphsOf(report));
  const seen = new Set(reported);
  const others = distinctContexts(paragraphsOf(learn)).filter((context) => !seen.has(context));
  return {
    ...splitHeldOut(others, heldOutShare, splitSeed + 1),
    report: reported,
    split:
      "paragraphs of the dev articles' second half to report, each once; of all others a seeded tenth to choose the step",
  };
}

/** Something that `readExperimentData` reads as one data set. */
interface Source {
  readonly name: string;
  readonly kind: DataKind;
  readonly files: readonly string[];
}

async function sourceOf(path: string): Promise<Source> {
  const name = path === "builtin" ? "builtin" : basename(path, extname(path));
  if (path === "builtin") return { name, kind: "text", files: [path] };
  const format = await recogniseFormat(path);
  if (format === "squad") return { name: "squad", kind: "squad", files: [path] };
  if (format.startsWith("subtitles")) return { name, kind: "subtitles", files: [path] };
  if (format === "text" || format === "records") return { name, kind: "text", files: [path] };
  throw new UsageError(
    `${path}: found ${format}; expected text (one a line), JSON lines with "text", subtitles, or SQuAD's JSON`,
  );
}

/** SQuAD files become one data set, every other file one of its own. @throws UsageError for a name twice. */
async function sourcesOf(paths: readonly string[]): Promise<Source[]> {
  const sources: Source[] = [];
  for (const path of paths) {
    const source = await sourceOf(path);
    const same = sources.findIndex(({ name }) => name === source.name);
    if (same < 0) sources.push(source);
    else if (source.kind === "squad" && sources[same].kind === "squad") {
      sources[same] = { ...source, files: [...sources[same].files, path] };
    } else {
      throw new UsageError(
        `${sources[same].files.join(", ")} and ${path} would both be called "${source.name}" in the table: rename one`,
      );
    }
  }
  return sources;
}

function fingerprintOf(parts: readonly (readonly string[])[], positions: number, tokenizer: string): string {
  const hash = createHash("sha256").update(`${positions} ${tokenizer}\n`);
  for (const texts of parts) {
    hash.update(`${texts.length}\n`);
    for (const text of texts) hash.update(`${text.length} ${text}\n`);
  }
  return hash.digest("hex").slice(0, 16);
}

/** At most `most` of the texts, a seeded choice in their own order. */
export function chooseTexts<Text>(texts: readonly Text[], most: number): Text[] {
  const order = new RandomStream(namedSeed(splitSeed, "reported texts")).shuffle(texts.map((_, index) => index));
  return order
    .slice(0, most)
    .sort((a, b) => a - b)
    .map((index) => texts[index]);
}

async function readSource({ name, kind, files }: Source, scale: Scale): Promise<ExperimentData> {
  const positions = scale.positions[kind];
  const tokenizer = tokenizerByName(kind === "subtitles" ? "tvqa-words" : "riverrun-words");
  const most = positions - 2;
  let parts: Parts;
  if (kind === "squad") parts = await partsOfSquad(files);
  else if (kind === "subtitles") parts = await partsOfSubtitles(files[0], tokenizer, most);
  else parts = partsOfTexts(files[0] === "builtin" ? builtinCorpus().sentences : await readTexts(files));
  const cut = (texts: readonly string[]): { text: string; cut: boolean }[] =>
    texts.map((text) => cutText(text, tokenizer, most)).filter(({ text }) => tokenizer.tokenize(text).length > 0);
  const report = cut(chooseTexts(parts.report, scale.reportTexts));
  const [training, validation] = [chooseTexts(parts.training, scale.trainingTexts), parts.validation].map((texts) =>
    cut(texts).map(({ text }) => text),
  );
  const fewer = parts.training.length > scale.trainingTexts;
  for (const [what, found, least] of [
    ["to learn from", training.length, 2],
    ["to choose the step", validation.length, 1],
    ["to report", report.length, 1],
  ] as const) {
    if (found < least) {
      throw new UsageError(
        `${files.join(", ")}: ${found} texts ${what} (${parts.split}); expected at least ${least}: give more data`,
      );
    }
  }
  const reported = report.map(({ text }) => text);
  return {
    name,
    kind,
    files,
    tokenizer: tokenizer.name,
    positions,
    training,
    validation,
    report: reported,
    split: fewer
      ? `${parts.split}; of ${parts.training.length} to learn from a seeded choice of ${scale.trainingTexts}`
      : parts.split,
    truncatedShare: report.filter((text) => text.cut).length / report.length,
    fingerprint: fingerprintOf([training, validation, reported], positions, tokenizer.name),
  };
}

/**
 * Reads the data sets of an experiment, told apart by their contents: text (one a line, or JSON lines with `text`; every
 * file a set of its own; the word `builtin` is the built-in corpus), subtitles (clips whose ids name a split keep it),
 * SQuAD (all files together one set).
 *
 * @throws UsageError naming the file and what was expected; DataMissingError.
 */
export async function readExperimentData(paths: readonly string[], scale: Scale): Promise<ExperimentData[]> {
  const data: ExperimentData[] = [];
  for (const source of await sourcesOf(paths)) data.push(await readSource(source, scale));
  return data;
}
