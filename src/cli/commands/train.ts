/** riverrun train */
import { type Command, Option } from "commander";
import { UsageError } from "../../base/errors.ts";
import { commandAgain } from "../../base/invocation.ts";
import type { Config } from "../../flow/index.ts";
import { presetNames } from "../../flow/presets.ts";
import type { ProcessGroup } from "../../torch/index.ts";
import type { TrainOptions as FlowTraining, TrainResult } from "../../train/index.ts";
import { lossWarning } from "../comingBack.ts";
import { launcherVariable } from "../failure.ts";
import { collect, integer, type Precision, precisionOption } from "../options.ts";
import { emit, say } from "../output.ts";
import { example } from "../program.ts";

interface TrainOptions {
  readonly preset?: string;
  readonly config?: string;
  readonly set?: string[];
  readonly acContext?: string;
  readonly seed?: number;
  readonly data?: string[];
  readonly validation?: string[];
  readonly out?: string;
  readonly vectors?: string;
  readonly flow?: string;
  readonly from?: string;
  readonly resume?: boolean;
  readonly device: string;
  readonly threads?: number;
  readonly precision?: Precision;
  readonly peerTimeout: number;
  readonly dryRun?: boolean;
  readonly printConfig?: boolean;
}

/** Adds `riverrun train`. */
export function addTrain(program: Command): void {
  program
    .command("train")
    .description(
      "trains a flow into a folder: the model, metrics.jsonl, TensorBoard events, report.html, and the state to resume from",
    )
    .option("--preset <name>", presetNames.join(", "))
    .option("--config <file>", "configuration in JSON or YAML instead of a preset (see --print-config)")
    .option("--set <key=value>", "overrides a key, as in train.maxSteps=100; repeatable", collect)
    .addOption(
      new Option("--ac-context <what>", "what an autoregressive flow's network reads beside its input").choices([
        "c",
        "none",
      ]),
    )
    .option("--data <files...>", ".txt (one text a line), .jsonl (objects with text), or builtin")
    .option(
      "--validation <files...>",
      "held-out texts (default: about 10 % of the different texts of the data, by the seed; copies of a text stay together, so it can be more or less of the lines)",
    )
    .option("--out <dir>", "the model's folder")
    .option(
      "--vectors <path>",
      "word vectors in GloVe's text format, or the folder of a BERT-family model, whose word pieces then are the tokens (default: trained on the data)",
    )
    .option(
      "--flow <dir>",
      "folder of the trained flow that a Language Flow+ (a preset like small-plus) decodes the latents of (default: one is trained first, in --out/flow)",
    )
    .option(
      "--from <dir>",
      "folder of a trained model to start from instead of a preset: its flow, words and vectors, learnt further on the data; --set changes train.* and flow.dropout",
    )
    .option(
      "--resume",
      "go on from the last checkpoint in --out, with its configuration where none is named; where there is none, start",
    )
    .option("--seed <n>", "overrides the configuration's seed", integer(0))
    .option("--device <name>", "cpu, cuda, cuda:N or auto", "cpu")
    .option("--threads <n>", "threads inside an operator (default: the machine's cores)", integer(1))
    .addOption(
      precisionOption(
        "overrides the configuration's train.precision; bf16: products inside the networks of bfloat16 numbers, all else in float32; a resume keeps its own",
      ),
    )
    .option(
      "--peer-timeout <seconds>",
      "how long one of several processes (torchrun, riverrun launch) waits for another",
      integer(1),
      300,
    )
    .option(
      "--dry-run",
      "builds everything, takes six steps, with --resume from the last checkpoint, validates, says roughly how long it would take, writes nothing; needs no --out",
    )
    .option("--print-config", "prints the effective configuration and ends")
    .addHelpText(
      "after",
      example(
        "train --preset small --data lines.txt --out runs/lines",
        "train --resume --data lines.txt --out runs/lines",
        "train --from runs/lines --data more.txt --out runs/more --set train.learningRate=5e-4",
        "train --preset small-plus --flow runs/lines --data lines.txt --out runs/plus",
      ),
    )
    .action(train);
}

/**
 * Refuses a configuration that was told of other tokens or channels than the word pieces of a BERT-family model have.
 * A preset's own are only defaults, which the folder replaces.
 *
 * @throws UsageError naming both
 */
async function checkWordPieces({ vectors, set = [], config: file }: TrainOptions, { data }: Config): Promise<void> {
  const { bertDimensions, isModelFolder } = await import("../../text/bertTable.ts");
  if (vectors === undefined || !isModelFolder(vectors)) return;
  const folder = { dimensions: bertDimensions(vectors), tokenizer: "wordpiece" };
  for (const key of ["dimensions", "tokenizer"] as const) {
    const said = set.some((assignment) => assignment.startsWith(`data.${key}=`)) ? "--set" : file;
    if (said === undefined || data[key] === folder[key]) continue;
    throw new UsageError(
      `${said}: data.${key} is ${data[key]}, but --vectors ${vectors} has ${key === "dimensions" ? `word pieces of ${folder.dimensions} channels` : "word pieces"}: leave data.${key} out or make it ${folder[key]}`,
    );
  }
}

async function train(options: TrainOptions): Promise<void> {
  const { configFrom } = await import("../configuration.ts");
  const { acContext } = options;
  const set = acContext === undefined ? options.set : [...(options.set ?? []), `flow.acContext=${acContext}`];
  const config = configFrom({ ...options, set });
  if (acContext !== undefined && config.flow.couplings !== "autoregressive") {
    throw new UsageError(`--ac-context: ${config.preset} is not autoregressive; expected a preset like paper-ar`);
  }
  if (options.printConfig) {
    await emit(config);
    return;
  }
  await checkWordPieces(options, config);
  const { data, out } = options;
  if (!data) throw new UsageError("expected --data FILE... (or builtin)");
  if (!out && (options.resume || !options.dryRun)) throw new UsageError("expected --out DIR");
  const { readData } = await import("../data.ts");
  const texts = await readData(data);
  const validation = options.validation && (await readData(options.validation));
  const team = await joinTeam(options);
  try {
    const result = await trainHere(options, { config, precision: options.precision, texts, validation, team });
    await team?.group.leave();
    process.exitCode = result.exitCode;
  } catch (error) {
    // What still waits for a process that is gone must not keep this one.
    if (team) setTimeout(() => process.exit(), 2000).unref();
    throw error;
  }
}

/** The processes that share a training, and which one this is. */
interface Team {
  readonly group: ProcessGroup;
  readonly device: string;
}

/** What riverrun launch started ends with it, which nobody else would tell; also the only process of a launch. */
function launchEnded(): boolean {
  const launcher = Number(process.env[launcherVariable]);
  return launcher > 0 && process.ppid !== launcher;
}

/** Meets the other processes, where the environment speaks of any. @throws UsageError, PeerError */
async function joinTeam({ device, threads, peerTimeout }: TrainOptions): Promise<Team | undefined> {
  const { localDevice, membershipOf } = await import("../../torch/distributedEnvironment.ts");
  const membership = membershipOf(process.env);
  if (!membership) return undefined;
  const { cudaDevices, ProcessGroup, resolveDevice, setThreads } = await import("../../torch/index.ts");
  if (threads !== undefined) setThreads(threads);
  const own = resolveDevice(localDevice(device, membership, () => cudaDevices().devices));
  return { group: await ProcessGroup.join(membership, own, peerTimeout), device: own };
}

/** Trains, alone or as one of several; the leading process reports. */
async function trainHere(
  options: TrainOptions,
  run: Pick<FlowTraining, "config" | "precision" | "texts" | "validation"> & { readonly team: Team | undefined },
): Promise<TrainResult> {
  const { config, team } = run;
  const { out } = options;
  const leads = !team || team.group.rank === 0;
  const { launchEnd, train: trainFlow } = await import("../../train/index.ts");
  const { TrainingProgress } = await import("../progress.ts");
  const progress = new TrainingProgress();
  let result: TrainResult;
  try {
    if (leads && team) {
      const where = team.group.sharesMemory ? ", and sum its gradients in memory that they share" : "";
      say(`${team.group.size} processes share the training${where}`);
    }
    result = await trainFlow({
      ...run,
      out,
      resume: options.resume,
      vectors: options.vectors,
      flow: options.flow,
      from: options.from,
      device: team?.device ?? options.device,
      threads: options.threads,
      dryRun: options.dryRun,
      signals: true,
      group: team?.group,
      interrupted: () => (launchEnded() ? launchEnd : undefined),
      log: leads ? say : undefined,
      onVectors: progress.onVectors,
      onEveryStep: progress.onEveryStep,
    });
  } finally {
    progress.end();
  }
  if (!leads) return result;
  await sayParameters(config, result);
  if (out === undefined || result.reason === "dryRun") await reportDryRun(config, result);
  else await reportTraining(out, result, team !== undefined);
  return result;
}

/** Beside the number that the paper states, where it states one; the training itself says how many there are. */
async function sayParameters({ preset }: Config, { parameters }: TrainResult): Promise<void> {
  if (!presetNames.includes(preset)) return;
  const { aboutPreset } = await import("../../flow/index.ts");
  const { paper } = aboutPreset(preset);
  if (paper !== undefined) say(`${preset}: ${parameters} parameters (the paper states ${paper})`);
}

async function reportDryRun(config: Config, result: TrainResult): Promise<void> {
  const { clock } = await import("../progress.ts");
  const { maxSteps } = config.train;
  const { parameters, stepsLeft = maxSteps } = result;
  // None was timed where no step is left, or where it was stopped after the first.
  const secondsPerStep = result.secondsPerStep || 0;
  const seconds = secondsPerStep * stepsLeft;
  const cost =
    secondsPerStep > 0
      ? `${stepsLeft} steps would take roughly ${clock(seconds)} (by the median of a few, on a machine as busy as now), word vectors and validations not counted`
      : stepsLeft > 0
        ? "it was stopped before a step was timed"
        : "no step is left";
  say(`dry run: everything fits together; ${cost}; nothing was written`);
  const rssMb = process.memoryUsage.rss() / 2 ** 20;
  await emit({ dryRun: true, parameters, maxSteps, stepsLeft, secondsPerStep, secondsOfSteps: seconds, rssMb });
}

async function reportTraining(out: string, result: TrainResult, isShared: boolean): Promise<void> {
  const { writeReport } = await import("../../report/index.ts");
  if (result.validation) await emit({ step: result.step, ...result.validation });
  const { path, findings } = writeReport(out, result);
  const loss = lossWarning(result.model.config, findings.totals);
  if (loss !== undefined) say(loss);
  say(`report: ${path}`);
  if (result.signal !== undefined) {
    const everywhere = isShared && process.env[launcherVariable] === undefined ? " in every process" : "";
    say(`go on${everywhere} with: ${commandAgain(process.argv.slice(2), "--resume")}`);
  }
}
