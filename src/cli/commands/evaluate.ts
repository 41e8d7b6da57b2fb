/** riverrun evaluate bleu, rouge, meteor, squad, compare */
import { type Command, Option } from "commander";
import { programName } from "../../base/invocation.ts";
import type { CorpusScores, MeteorScores, MeteorVersion, SquadScores, TokenizationName } from "../../metrics/index.ts";
import { collect, integer } from "../options.ts";
import { emit, say } from "../output.ts";
import { example } from "../program.ts";

interface ResampleOptions {
  readonly resamples: number;
  readonly seed: number;
  readonly workers?: number;
}

interface MeteorChoices {
  readonly parameters?: MeteorVersion;
  readonly tables?: string;
}

interface TextOptions extends ResampleOptions, MeteorChoices {
  readonly hypotheses: string;
  readonly references: readonly string[];
  readonly tokenize?: TokenizationName;
}

interface SquadOptions extends ResampleOptions {
  readonly data: string;
  readonly predictions: string;
}

interface CompareOptions extends ResampleOptions, MeteorChoices {
  readonly metric: MetricName;
  readonly references: readonly string[];
  readonly tokenize?: TokenizationName;
}

const metricNames = ["bleu", "rouge", "meteor", "exactMatch", "f1", "accuracy"] as const;
type MetricName = (typeof metricNames)[number];

const tokenizations = ["coco", "13a", "ptb", "none"];
const confidence = 0.95;

const tokenizeHelp = `
--tokenize: coco takes the tokens as they stand, split at white space, with coco-caption's count; ptb runs
coco-caption's Penn-Treebank tokenizer first; 13a and none are sacrebleu's, bleu then counts as sacrebleu does.`;

const meteorHelp = `
METEOR's WordNet and paraphrase tables are used once "${programName()} data fetch meteor" has fetched them. Without them only
exact and stem matches count; the result's "name" and "modules" say what ran.`;

function addResampling(command: Command, resamples: number, what: string): Command {
  return command
    .option("--resamples <n>", `bootstrap resamples for ${what}`, integer(1), resamples)
    .option("--seed <n>", "of the bootstrap", integer(0), 1)
    .option(
      "--workers <n>",
      "threads; the result is the same for any number (default: the machine's cores)",
      integer(1),
    );
}

function addMeteorChoices(command: Command): Command {
  return command
    .addOption(new Option("--parameters <version>", "METEOR's constants").choices(["1.5", "2007"]).default("1.5"))
    .option("--tables <dir>", "METEOR's files (default: the cache of riverrun data fetch)");
}

function tokenizeOption(standard: string): Option {
  return new Option("--tokenize <name>", `how texts become tokens (default: ${standard})`).choices(tokenizations);
}

function textCommand(evaluate: Command, name: "bleu" | "rouge" | "meteor", about: string, standard: string): Command {
  return evaluate
    .command(name)
    .description(about)
    .requiredOption("--hypotheses <file>", "one text a line, or .jsonl with text")
    .requiredOption("--references <file>", "as many lines in the same order; repeatable", collect)
    .addOption(tokenizeOption(standard))
    .option("--json", "one JSON line (always so)")
    .addHelpText("after", tokenizeHelp);
}

/** Adds `riverrun evaluate`. */
export function addEvaluate(program: Command): void {
  const evaluate = program.command("evaluate").description("metrics of the field, and whether a difference is real");
  addResampling(textCommand(evaluate, "bleu", "corpus BLEU-4", "13a"), 10_000, "the 95 % interval")
    .addHelpText("after", example("evaluate bleu --hypotheses ours.txt --references gold.txt --json"))
    .action((options: TextOptions) => evaluateTexts("bleu", options));
  addResampling(textCommand(evaluate, "rouge", "ROUGE-L", "coco"), 10_000, "the 95 % interval")
    .addHelpText("after", example("evaluate rouge --hypotheses ours.txt --references gold.txt --json"))
    .action((options: TextOptions) => evaluateTexts("rouge", options));
  addMeteorChoices(
    addResampling(textCommand(evaluate, "meteor", "METEOR 1.5", "METEOR's normaliser"), 10_000, "the 95 % interval"),
  )
    .addHelpText(
      "after",
      `${meteorHelp}\n${example("evaluate meteor --hypotheses ours.txt --references gold.txt --json")}`,
    )
    .action((options: TextOptions) => evaluateTexts("meteor", options));
  addResampling(
    evaluate
      .command("squad")
      .description("SQuAD v1.1's exact match and F1")
      .requiredOption("--data <file>", "in SQuAD's schema")
      .requiredOption("--predictions <file>", "JSON object: question id to answer")
      .option("--json", "one JSON line (always so)"),
    10_000,
    "the 95 % intervals",
  )
    .addHelpText("after", example("evaluate squad --data dev-v1.1.json --predictions predictions.json --json"))
    .action(evaluateSquad);
  addMeteorChoices(
    addResampling(
      evaluate
        .command("compare")
        .description("whether A is better than B on the same examples: paired bootstrap and sign test")
        .argument("<A>", "texts of one system (for exactMatch and f1: predictions)")
        .argument("<B>", "texts of the other")
        .addOption(new Option("--metric <name>", "what is compared").choices(metricNames).makeOptionMandatory())
        .requiredOption("--references <file>", "repeatable; for exactMatch and f1 the file in SQuAD's schema", collect)
        .addOption(tokenizeOption("the metric's own"))
        .option("--json", "one JSON line (always so)"),
      100_000,
      "p and the interval",
    ),
  )
    .addHelpText(
      "after",
      `${tokenizeHelp}${meteorHelp}
pValue is one-sided and null-centred, (1 + #{delta_b - delta >= delta}) / (B + 1): small where A is better.
${example("evaluate compare --metric bleu --references gold.txt ours.txt baseline.txt --json")}`,
    )
    .action(compare);
}

/** The texts of a file, a line each; empty lines count, since line n of every file is example n. */
async function readAligned(path: string): Promise<string[]> {
  const { UsageError } = await import("../../base/errors.ts");
  const { readTextLines } = await import("../../corpora/textFile.ts");
  const texts: string[] = [];
  for await (const item of readTextLines(path)) {
    if ("error" in item) throw new UsageError(`${path}:${item.line}: ${item.error}`);
    texts.push(item.text);
  }
  if (texts.length === 0) throw new UsageError(`${path}: the file holds no text`);
  return texts;
}

/** References by example, from files that each have a line an example. */
async function readReferences(paths: readonly string[], count: number, where: string): Promise<string[][]> {
  const { UsageError } = await import("../../base/errors.ts");
  const files: string[][] = [];
  for (const path of paths) {
    const lines = await readAligned(path);
    if (lines.length !== count) {
      throw new UsageError(`lines of ${path}: ${lines.length}, of ${where}: ${count}; expected as many in both`);
    }
    files.push(lines);
  }
  return Array.from({ length: count }, (_, i) => files.map((lines) => lines[i]));
}

/** Scores with the extra facts that METEOR states. */
type TextScores = CorpusScores & Partial<Pick<MeteorScores, "name" | "modules" | "missingModules">>;

async function scoreTexts(
  metric: "bleu" | "rouge" | "meteor",
  hypotheses: readonly string[],
  references: readonly (readonly string[])[],
  options: MeteorChoices & { readonly tokenize?: TokenizationName },
): Promise<TextScores> {
  const { bleu, meteor, meteorFolder, rouge } = await import("../../metrics/index.ts");
  const { tokenize } = options;
  if (metric === "bleu") return bleu(hypotheses, references, tokenize);
  if (metric === "rouge") return rouge(hypotheses, references, tokenize);
  const folder = options.tables ?? meteorFolder();
  const { missingFiles, ...scores } = await meteor(hypotheses, references, folder, {
    ...(options.parameters === undefined ? {} : { version: options.parameters }),
    ...(tokenize === undefined ? {} : { tokenization: tokenize }),
  });
  if (missingFiles.length > 0) {
    say(
      `warning: ${folder} lacks ${missingFiles.join(", ")}; ${scores.modules.join(" and ")} matches count, and the score is called "${scores.name}". Run "${programName()} data fetch meteor" for METEOR as published.`,
    );
  }
  return scores;
}

/** What METEOR adds to a record. */
function meteorFacts({ name, modules, missingModules }: TextScores): Record<string, unknown> {
  return name === undefined ? {} : { name, modules, missingModules };
}

/** Figures without the last digits of binary arithmetic: 100, not 100.00000000000004. */
function clean<Value>(value: Value): Value {
  if (typeof value === "number") return Number(value.toPrecision(12)) as Value;
  if (Array.isArray(value)) return value.map(clean) as Value;
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, own]) => [name, clean(own)])) as Value;
}

function percent(value: number): string {
  return value.toFixed(2);
}

async function evaluateTexts(metric: "bleu" | "rouge" | "meteor", options: TextOptions): Promise<void> {
  const { bootstrapInterval, corpusScore } = await import("../../metrics/index.ts");
  const hypotheses = await readAligned(options.hypotheses);
  const references = await readReferences(options.references, hypotheses.length, options.hypotheses);
  const scores = await scoreTexts(metric, hypotheses, references, options);
  const score = corpusScore(scores);
  const interval = await bootstrapInterval(scores, options);
  const { signature, count } = scores;
  await emit(clean({ metric, score, signature, interval, confidence, count, ...meteorFacts(scores) }));
  say(
    `${scores.name ?? metric} ${percent(score)}, 95 % interval ${percent(interval[0])} to ${percent(interval[1])}, ${count} examples`,
  );
}

function warnOfMissing({ missing }: SquadScores, path: string): void {
  if (missing.length === 0) return;
  const more = missing.length > 3 ? ", ..." : "";
  say(
    `warning: ${path} has no prediction for ${missing.length} questions, which score 0: ${missing.slice(0, 3).join(", ")}${more}`,
  );
}

async function scoreSquad(data: string, predictions: string): Promise<SquadScores> {
  const { squad } = await import("../../metrics/index.ts");
  const { readGold, readPredictions } = await import("../squadFiles.ts");
  const scores = squad(readGold(data), readPredictions(predictions));
  warnOfMissing(scores, predictions);
  return scores;
}

async function evaluateSquad(options: SquadOptions): Promise<void> {
  const { bootstrapInterval, corpusScore } = await import("../../metrics/index.ts");
  const scores = await scoreSquad(options.data, options.predictions);
  const exactMatch = corpusScore(scores.exactMatch);
  const f1 = corpusScore(scores.f1);
  const { count } = scores.exactMatch;
  await emit(
    clean({
      exactMatch,
      f1,
      count,
      missing: scores.missing.length,
      exactMatchInterval: await bootstrapInterval(scores.exactMatch, options),
      f1Interval: await bootstrapInterval(scores.f1, options),
      confidence,
    }),
  );
  say(`exact match ${percent(exactMatch)}, F1 ${percent(f1)}, ${count} questions`);
}

/** Per-example statistics of one system of a comparison. */
async function scoreSystem(path: string, options: CompareOptions): Promise<TextScores> {
  const { UsageError } = await import("../../base/errors.ts");
  const { metric, references } = options;
  if (metric === "bleu" || metric === "rouge" || metric === "meteor") {
    const texts = await readAligned(path);
    return scoreTexts(metric, texts, await readReferences(references, texts.length, path), options);
  }
  if (references.length > 1) {
    throw new UsageError(`--metric ${metric} takes one --references FILE, found ${references.length}`);
  }
  if (metric === "accuracy") {
    const { accuracy } = await import("../../metrics/index.ts");
    const texts = await readAligned(path);
    const right = await readReferences(references, texts.length, path);
    return accuracy(
      texts,
      right.map(([text]) => text),
    );
  }
  const scores = await scoreSquad(references[0], path);
  return metric === "f1" ? scores.f1 : scores.exactMatch;
}

async function compare(pathA: string, pathB: string, options: CompareOptions): Promise<void> {
  const { exampleScores, pairedBootstrap, signTest } = await import("../../metrics/index.ts");
  const a = await scoreSystem(pathA, options);
  const b = await scoreSystem(pathB, options);
  const result = await pairedBootstrap(a, b, options);
  const signs = signTest(exampleScores(a), exampleScores(b));
  await emit(
    clean({
      metric: options.metric,
      ...result,
      confidence,
      signTest: signs,
      signature: a.signature,
      count: a.count,
      ...meteorFacts(a),
    }),
  );
  say(
    `${a.name ?? options.metric}: A ${percent(result.scoreA)}, B ${percent(result.scoreB)}, difference ${percent(result.delta)} (95 % ${percent(result.interval[0])} to ${percent(result.interval[1])}), one-sided p ${result.pValue.toPrecision(3)} for A better than B; A wins ${signs.wins}, B wins ${signs.losses}, ties ${signs.ties}`,
  );
}
