/** riverrun experiment */
import type { Command } from "commander";
import { RiverrunError } from "../../base/errors.ts";
import type { RunEnvironment } from "../../experiments/runs.ts";
import type { TruncationLists } from "../../experiments/table1.ts";
import { integer, numbers } from "../options.ts";
import { canRewrite, emit, say, showStatus } from "../output.ts";
import { example } from "../program.ts";
import { unknownOption } from "../unknown.ts";

interface CommonOptions {
  readonly data?: string[];
  readonly scale: string;
  readonly out: string;
  readonly models?: string;
  readonly device: string;
  readonly threads?: number;
}

interface GenerationChoices extends CommonOptions {
  readonly model?: string[];
  readonly seed: number;
}

/** Options that all tables take. */
function common(command: Command, needsData: boolean): Command {
  const data = "lines of text (.txt, .jsonl), subtitles, SQuAD's JSON, told apart by content, or builtin";
  if (needsData) command.requiredOption("--data <files...>", data);
  else command.option("--data <files...>", data);
  return command
    .requiredOption("--out <dir>", "folder of the trainings and of the pages; the tables can share one")
    .option("--scale <name>", "tiny (minutes), small (hours) or paper", "tiny")
    .option("--models <names>", "some rows, separated by commas (default: the table's)")
    .option("--device <name>", "cpu, cuda, cuda:N or auto", "cpu")
    .option("--threads <n>", "threads inside an operator (default: the machine's cores)", integer(1));
}

function generating(command: Command, needsData: boolean): Command {
  return common(command, needsData)
    .option("--model <dirs...>", "folders of trained models instead of training the rows")
    .option("--seed <n>", "of training, of samples and of noise", integer(0), 1);
}

/** Adds `riverrun experiment table1|table2|table3|table4`. */
export function addExperiment(program: Command): void {
  const experiment = program
    .command("experiment")
    .description("makes a table of the paper: trains what it needs, writes a page; what is finished is not done again")
    .addHelpText(
      "after",
      example(
        "experiment table4 --data lines.txt --scale tiny --seeds 1 --out runs/tables",
        "experiment table1 --data lines.txt --scale tiny --out runs/tables",
      ),
    );
  generating(experiment.command("table1"), false)
    .description("samples of non-autoregressive and autoregressive flows: table1.json, .md, .html")
    .option("--count <n>", "samples of each model at each temperature", integer(1), 20)
    .option("--temperatures <list>", "separated by commas", numbers, [1, 1.15])
    .option(
      "--top-k <list>",
      "separated by commas; where words are drawn one by one, only from this many likeliest (default: 0, all)",
      numbers,
    )
    .option("--top-p <list>", "and only from the likeliest of this share (default: 1, all)", numbers)
    .option(
      "--min-p <list>",
      "and only from those at least this share as likely as the likeliest (default: 0)",
      numbers,
    )
    .option(...unknownOption)
    .addHelpText("after", example("experiment table1 --data lines.txt --scale small --out runs/tables"))
    .action(table1);
  generating(experiment.command("table2"), false)
    .description("texts between two texts: table2.json, .md, .html")
    .option("--ratios <list>", "weights of the first text, separated by commas", numbers, [0.6, 0.5, 0.4])
    .option("--pairs <n>", "pairs chosen from the reported texts", integer(1), 5)
    .option("--texts <texts...>", "texts two by two instead of a choice")
    .addHelpText(
      "after",
      example('experiment table2 --model runs/flow --texts "a cat sat" "a dog ran" --out runs/tables'),
    )
    .action(table2);
  generating(experiment.command("table3"), true)
    .description("contexts rewritten by noise, over a sweep of its variance, no filter: table3.json, .md, .html")
    .option("--variances <list>", "of the noise, separated by commas", numbers, [0, 0.1, 0.3, 0.5, 0.7, 1])
    .option("--contexts <n>", "contexts to rewrite", integer(1), 20)
    .option("--variants <n>", "rewrites of each context at each variance", integer(1), 5)
    .addHelpText("after", example("experiment table3 --data dev-v1.1.json --scale small --out runs/tables"))
    .action(table3);
  common(experiment.command("table4"), true)
    .description("density models side by side in nats per token: table4.json, .md, .html")
    .option("--seeds <n>", "trains with seeds 1 to n", integer(1), 1)
    .option("--jobs <n>", "trainings side by side, each in a process of its own with --threads", integer(1), 1)
    .option(
      "--finished",
      "train nothing: write the pages from what is finished, also while another process trains the rest",
    )
    .option("--resume", "go on from what --out holds (always so)")
    .addHelpText(
      "after",
      example(
        "experiment table4 --data lines.txt --scale tiny --seeds 1 --out runs/tables",
        "experiment table4 --data meld_subtitles.json train-v1.1.json dev-v1.1.json --scale small --seeds 3 --jobs 2 --out runs/tables",
        "experiment table4 --data lines.txt --models riverrun-ar,transformer-lm --out runs/tables",
      ),
    )
    .action(table4);
}

/** Steps as a status line, for a person at a terminal; of all trainings that run. */
function statusOfSteps(): (name: string, step: number, maxSteps: number) => void {
  const rewrite = canRewrite(process.stderr, process.env);
  const running = new Map<string, string>();
  let shownAt = 0;
  return (name, step, maxSteps) => {
    if (step < maxSteps) running.set(name, `${name}: step ${step} of ${maxSteps}`);
    else running.delete(name);
    const now = performance.now();
    if (!rewrite || (now - shownAt < 200 && step < maxSteps)) return;
    shownAt = now;
    showStatus([...running.values()].join("; "));
  };
}

/** Runs a table under signals that stop it between two steps. */
async function running<Result>(
  options: CommonOptions,
  body: (environment: RunEnvironment) => Promise<Result>,
): Promise<Result> {
  const { resolveDevice, setThreads } = await import("../../torch/index.ts");
  const { scaleNamed } = await import("../../experiments/scales.ts");
  const { SignalWatch } = await import("../../train/signals.ts");
  const scale = scaleNamed(options.scale);
  if (options.threads !== undefined) setThreads(options.threads);
  const watch = new SignalWatch(say);
  try {
    return await body({
      scale,
      device: resolveDevice(options.device),
      log: say,
      onStep: statusOfSteps(),
      stopRequested: () => watch.stop,
    });
  } finally {
    showStatus("");
    watch.dispose();
  }
}

const namesOf = (models: string | undefined): string[] | undefined => models?.split(",").map((name) => name.trim());

function choicesOf({ data, out, models, model, seed }: GenerationChoices): {
  readonly files: readonly string[];
  readonly out: string;
  readonly models: readonly string[] | undefined;
  readonly modelFolders: readonly string[] | undefined;
  readonly seed: number;
} {
  return { files: data ?? [], out, models: namesOf(models), modelFolders: model, seed };
}

function sayWritten(files: readonly string[]): void {
  say(`written: ${files.join(", ")}`);
}

async function table1(
  options: GenerationChoices & TruncationLists & { count: number; temperatures: number[]; unknown: boolean },
): Promise<void> {
  const { runTable1 } = await import("../../experiments/table1.ts");
  const { count, temperatures, topK, topP, minP, unknown } = options;
  const { record, files } = await running(options, (environment) =>
    runTable1({ ...environment, ...choicesOf(options), count, temperatures, topK, topP, minP, unknown }),
  );
  for (const { model, temperature, topK: k, topP: p, minP: m, samples } of record.sets) {
    for (const sample of samples) await emit({ model, temperature, topK: k, topP: p, minP: m, ...sample });
  }
  sayWritten(files);
}

async function table2(
  options: GenerationChoices & { ratios: number[]; pairs: number; texts?: string[] },
): Promise<void> {
  const { runTable2 } = await import("../../experiments/table2.ts");
  const { ratios, pairs, texts } = options;
  const { record, files } = await running(options, (environment) =>
    runTable2({ ...environment, ...choicesOf(options), ratios, pairs, texts }),
  );
  for (const way of record.ways) await emit(way);
  sayWritten(files);
}

async function table3(
  options: GenerationChoices & { variances: number[]; contexts: number; variants: number },
): Promise<void> {
  const { runTable3 } = await import("../../experiments/table3.ts");
  const { variances, contexts, variants } = options;
  const { record, files } = await running(options, (environment) =>
    runTable3({ ...environment, ...choicesOf(options), variances, contexts, variants }),
  );
  for (const { rewrites: _, ...point } of record.points) await emit(point);
  sayWritten(files);
}

async function table4(
  options: CommonOptions & { data: string[]; seeds: number; jobs: number; finished?: boolean },
): Promise<void> {
  const { runTable4 } = await import("../../experiments/table4/table4.ts");
  const { data, seeds, out, models, jobs, threads } = options;
  const { rows, files, failures } = await running(options, (environment) =>
    runTable4({
      ...environment,
      files: data,
      seeds,
      out,
      models: namesOf(models),
      jobs,
      jobThreads: threads,
      finishedOnly: options.finished,
    }),
  );
  for (const row of rows) await emit(row);
  sayWritten(files);
  if (failures.length > 0) {
    throw new RiverrunError(`${failures.length} trainings failed and are marked on the page: ${failures.join("; ")}`);
  }
}
