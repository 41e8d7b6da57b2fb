/** riverrun vectors train, inspect */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Command, InvalidArgumentError, Option } from "commander";
import { UsageError } from "../../base/errors.ts";
import { programName, quote } from "../../base/invocation.ts";
import type { GloveOutcome } from "../../text/glove/train.ts";
import type { Setup, UnfinishedGlove } from "../../text/glove/unfinished.ts";
import type { SignalWatch } from "../../train/signals.ts";
import { isStream } from "../lines.ts";
import { atLeast, integer } from "../options.ts";
import { emit, say, showStatus } from "../output.ts";
import { example } from "../program.ts";
import { VectorsProgress } from "../progress.ts";

interface VectorsTrainOptions {
  readonly data?: string[];
  readonly out: string;
  readonly tokenizer: string;
  readonly dimensions: number;
  readonly window: number;
  readonly iterations: number;
  readonly minCount: number;
  readonly maxVocabulary?: number;
  readonly xMax: number;
  readonly learningRate: number;
  readonly threads?: number;
  readonly memory: number;
  readonly seed: number;
  readonly resume?: boolean;
}

/** A number of bytes, as in 512M or 1.5G. */
function bytes(text: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)([KMG]?)(?:i?B)?$/i.exec(text.trim()) ?? [];
  const value = Math.floor(Number(number) * 2 ** (10 * " KMG".indexOf((unit || " ").toUpperCase())));
  if (!Number.isSafeInteger(value) || value < 1 << 20)
    throw new InvalidArgumentError("Expected a size of at least 1M, as in 512M or 2G.");
  return value;
}

function positive(text: string): number {
  const value = atLeast(0)(text);
  if (value === 0) throw new InvalidArgumentError("Expected a number above 0.");
  return value;
}

/** Adds `riverrun vectors`. */
export function addVectors(program: Command): void {
  const vectors = program.command("vectors").description("word vectors in GloVe's text format");
  vectors
    .command("train")
    .description("GloVe on your own text; the same seed gives the same vectors, whatever threads and memory")
    .option(
      "--data <files...>",
      ".txt (one text a line), .jsonl (objects with text), .json (the paragraphs of a file in SQuAD's schema), or builtin",
    )
    .requiredOption("--out <file>", "file to write; OUT.unfinished holds the training until it ends")
    .option("--tokenizer <name>", "riverrun-words, tvqa-words, ptb, ...", "riverrun-words")
    .option("--dimensions <n>", "D", integer(1), 300)
    .option("--window <n>", "words on each side", integer(1), 10)
    .option("--iterations <n>", "passes over the co-occurrences", integer(1), 50)
    .option("--min-count <n>", "rarer words are left out", integer(1), 2)
    .option("--max-vocabulary <n>", "only so many of the most frequent words (default: all)", integer(1))
    .option("--x-max <x>", "co-occurrences from here on have full weight", positive, 10)
    .option("--learning-rate <r>", "of AdaGrad", positive, 0.05)
    .option("--threads <n>", "threads (default: one a processor)", integer(1))
    .addOption(
      new Option("--memory <size>", "for co-occurrences before they go to disk, as in 512M or 2G")
        .argParser(bytes)
        .default(2 ** 30, "1G"),
    )
    .option("--seed <n>", "of starting values and order", integer(0), 1)
    .option("--resume", "go on with an interrupted training of this --out, with its options")
    .addHelpText(
      "after",
      example(
        "vectors train --data lines.txt --out vectors.txt --dimensions 100",
        "vectors train --out vectors.txt --resume",
      ),
    )
    .action(train);
  vectors
    .command("inspect")
    .description("counts and size of a vectors file; nearest words")
    .argument("<file>", "in GloVe's text format")
    .option("--neighbours <word>", "the words nearest to this one by cosine, a JSON line each")
    .option("--count <n>", "how many neighbours", integer(1), 10)
    .option("--json", "JSON lines (always so)")
    .addHelpText("after", example("vectors inspect vectors.txt", "vectors inspect vectors.txt --neighbours river"))
    .action(inspect);
}

/** Texts of the data, one after another. @throws UsageError, DataMissingError */
async function* textsOf(files: readonly string[]): AsyncGenerator<string> {
  const { builtinCorpus, readSquadParagraphs, readTextLines } = await import("../../corpora/index.ts");
  if (files.includes("builtin")) {
    if (files.length > 1) throw new UsageError("builtin is a corpus of its own: give it alone, without files");
    yield* builtinCorpus().sentences;
    return;
  }
  for (const file of files) {
    if (file.endsWith(".json")) {
      for await (const { context } of readSquadParagraphs(file)) yield context;
      continue;
    }
    for await (const item of readTextLines(file)) {
      if ("error" in item) throw new UsageError(`${file}:${item.line}: ${item.error}`);
      if (item.text !== "") yield item.text;
    }
  }
}

/** What the command keeps with an unfinished training. */
interface About {
  readonly words: readonly string[];
  readonly options: Readonly<Record<string, unknown>>;
}

function aboutOf(setup: Setup, unfinished: UnfinishedGlove): About {
  const { words, options } = (setup.about ?? {}) as Partial<About>;
  const isWhole =
    Array.isArray(words) &&
    words.length === setup.vocabularySize &&
    words.every((word) => typeof word === "string") &&
    typeof options === "object" &&
    options !== null &&
    Number.isInteger(options.iterations);
  if (!isWhole) throw new UsageError(`${unfinished.path} is damaged: remove it and start without --resume`);
  return { words, options };
}

/** Options that decide the result, `iterations` aside, which may be raised. */
const fixedOptions = [
  ...["data", "tokenizer", "dimensions", "window", "minCount", "maxVocabulary", "xMax", "learningRate", "seed"],
] as readonly (keyof VectorsTrainOptions)[];

async function train(options: VectorsTrainOptions, command: Command): Promise<void> {
  const { UnfinishedGlove } = await import("../../text/glove/unfinished.ts");
  const { makeDirectory } = await import("../../base/atomicFile.ts");
  const { withLock } = await import("../../base/folderLock.ts");
  const { SignalWatch } = await import("../../train/signals.ts");
  const { out } = options;
  const unfinished = new UnfinishedGlove(`${out}.unfinished`);
  const setup = existsSync(unfinished.path) ? unfinished.setup() : undefined;
  if (setup && !options.resume) {
    throw new UsageError(
      `${unfinished.path} holds an unfinished training: go on with --resume, or remove that folder to start again`,
    );
  }
  if (!setup && options.resume) {
    if (existsSync(out) && !existsSync(unfinished.path)) {
      say(`${out} is there and no training of it is unfinished: nothing to do`);
      return;
    }
    say("nothing was saved yet: starting from the beginning");
  }
  if (!setup && !options.data) throw new UsageError("expected --data FILE...");
  makeDirectory(unfinished.path);
  const purpose = { doing: "training these vectors", instead: "give another --out" };
  await withLock(join(unfinished.path, "lock"), purpose, async () => {
    const watch = new SignalWatch();
    try {
      await (setup
        ? resume(setup, unfinished, options, command, watch)
        : begin(unfinished, options, options.data ?? [], watch));
    } finally {
      showStatus("");
      watch.dispose();
      if (!existsSync(join(unfinished.path, "setup.json"))) unfinished.remove();
    }
  });
}

async function begin(
  unfinished: UnfinishedGlove,
  options: VectorsTrainOptions,
  data: readonly string[],
  watch: SignalWatch,
): Promise<void> {
  const { runGlove } = await import("../../text/glove/train.ts");
  const { frequentWords, knownIds } = await import("../../text/glove/words.ts");
  const { tokenizerByName } = await import("../../text/tokenizer-names.ts");
  const stream = data.find(isStream);
  if (stream !== undefined) {
    throw new UsageError(`${stream} is a pipe or a device: the data are read twice (words, then pairs); give a file`);
  }
  const tokenizer = tokenizerByName(options.tokenizer);
  const progress = new VectorsProgress(options.iterations);
  async function* tokens(): AsyncGenerator<readonly string[]> {
    for await (const text of textsOf(data)) {
      if (watch.stop) return;
      yield tokenizer.tokenize(text);
    }
  }
  const { minCount, maxVocabulary = Number.POSITIVE_INFINITY } = options;
  const counted = await frequentWords(tokens(), { minCount, maxWords: maxVocabulary, onTokens: progress.onTokens });
  if (watch.stop) return end(watch, undefined);
  const { words } = counted;
  if (words.length === 0)
    throw new UsageError(`${data.join(", ")}: no word stands there ${minCount} times (--min-count ${minCount})`);
  say(`${counted.tokens} tokens, ${words.length} words of at least ${minCount}`);
  const kept = [...fixedOptions, "iterations" as const].map((name) => [name, options[name] ?? null]);
  const outcome = await runGlove(knownIds(tokens(), words), words.length, {
    ...options,
    ...progress,
    unfinished,
    about: { words, options: Object.fromEntries(kept) as About["options"] } satisfies About,
    interrupted: () => watch.stop !== undefined,
  });
  await finish(outcome, words, options, unfinished, watch);
}

async function resume(
  setup: Setup,
  unfinished: UnfinishedGlove,
  options: VectorsTrainOptions,
  command: Command,
  watch: SignalWatch,
): Promise<void> {
  const { resumeGlove } = await import("../../text/glove/train.ts");
  const about = aboutOf(setup, unfinished);
  const given = (name: string): boolean => command.getOptionValueSource(name) === "cli";
  for (const name of fixedOptions.filter(given)) {
    const [before, now] = [about.options[name], options[name]].map((value) => JSON.stringify(value));
    if (before !== now) {
      throw new UsageError(
        `the training in ${unfinished.path} has ${name} ${before}, not ${now}: leave that option out, or remove the folder to start again`,
      );
    }
  }
  const iterations = given("iterations") ? options.iterations : (about.options.iterations as number);
  const outcome = await resumeGlove(unfinished, setup, {
    ...new VectorsProgress(iterations),
    iterations,
    threads: options.threads,
    interrupted: () => watch.stop !== undefined,
  });
  await finish(outcome, about.words, { ...options, dimensions: setup.dimensions, iterations }, unfinished, watch);
}

async function finish(
  outcome: GloveOutcome,
  words: readonly string[],
  options: VectorsTrainOptions,
  unfinished: UnfinishedGlove,
  watch: SignalWatch,
): Promise<void> {
  if (!outcome.finished) {
    return end(watch, outcome.resumable ? { iteration: outcome.iteration, out: options.out } : undefined);
  }
  const { withUnknown } = await import("../../text/glove/words.ts");
  const { writeVectors } = await import("../../text/vectors.ts");
  const { out, dimensions, iterations } = options;
  const vectors = withUnknown(words, dimensions, outcome.values);
  writeVectors(out, vectors);
  unfinished.remove();
  const { tokens, records, loss } = outcome;
  await emit({ out, words: vectors.words.length, dimensions, tokens, records, iterations, loss });
}

/** After a signal: says what is saved, and leaves with the signal's exit code. */
async function end(
  watch: SignalWatch,
  saved: { readonly iteration: number; readonly out: string } | undefined,
): Promise<void> {
  const { signalExitCodes } = await import("../../train/signals.ts");
  if (watch.stop) process.exitCode = signalExitCodes[watch.stop];
  say(
    saved
      ? `stopped after ${saved.iteration} whole passes, all of it saved; go on with: ${programName()} vectors train --out ${quote(saved.out)} --resume`
      : "stopped before training began: nothing to resume, nothing left behind",
  );
}

async function inspect(file: string, options: { readonly neighbours?: string; readonly count: number }): Promise<void> {
  const { readVectors } = await import("../../text/vectors.ts");
  const vectors = await readVectors(file);
  if (options.neighbours !== undefined) {
    const { nearestWords } = await import("../../text/neighbours.ts");
    for (const { word, cosine } of nearestWords(vectors, options.neighbours, options.count))
      await emit({ word: options.neighbours, neighbour: word, cosine });
    return;
  }
  const { words, dimensions, values } = vectors;
  const squares = values.reduce((sum, value) => sum + value * value, 0);
  const rootMeanSquare = Math.sqrt(squares / Math.max(1, values.length));
  await emit({ words: words.length, dimensions, rootMeanSquare });
}
