/** riverrun train */
import type { Command } from "commander";
import { UsageError } from "../../base/errors.ts";
import { presetNames } from "../../flow/presets.ts";
import { collect, integer } from "../options.ts";
import { emit, say } from "../output.ts";
import { example } from "../program.ts";

interface TrainOptions {
  readonly preset?: string;
  readonly config?: string;
  readonly set?: string[];
  readonly seed?: number;
  readonly data?: string[];
  readonly validation?: string[];
  readonly out?: string;
  readonly vectors?: string;
  readonly resume?: boolean;
  readonly device: string;
  readonly threads?: number;
  readonly dryRun?: boolean;
  readonly printConfig?: boolean;
}

/** Adds `riverrun train`. */
export function addTrain(program: Command): void {
  program
    .command("train")
    .description("trains a flow into a folder")
    .option("--preset <name>", presetNames.join(", "))
    .option("--config <file>", "configuration in JSON or YAML instead of a preset")
    .option("--set <key=value>", "overrides a key, as in train.maxSteps=100; repeatable", collect)
    .option("--data <files...>", ".txt (one text a line), .jsonl (objects with text), or builtin")
    .option("--validation <files...>", "held-out texts (default: a seeded 10 % of the data)")
    .option("--out <dir>", "the model's folder")
    .option("--vectors <file>", "word vectors in GloVe's text format (default: trained on the data)")
    .option("--resume", "go on from the last checkpoint in --out")
    .option("--seed <n>", "overrides the configuration's seed", integer(0))
    .option("--device <name>", "cpu, cuda, cuda:N or auto", "cpu")
    .option("--threads <n>", "threads inside an operator (default: the machine's cores)", integer(1))
    .option("--dry-run", "builds everything, takes two steps and validates, writes nothing")
    .option("--print-config", "prints the effective configuration and ends")
    .addHelpText("after", example("train --preset small --data lines.txt --out runs/lines"))
    .action(train);
}

async function train(options: TrainOptions): Promise<void> {
  const { configFrom } = await import("../configuration.ts");
  const config = configFrom(options);
  if (options.printConfig) {
    await emit(config);
    return;
  }
  const { data, out } = options;
  if (!data || !out) throw new UsageError("expected --data FILE... (or builtin) and --out DIR");
  const { aboutPreset } = await import("../../flow/index.ts");
  const { train: trainFlow } = await import("../../train/index.ts");
  const { readData } = await import("../data.ts");
  const result = await trainFlow({
    config,
    texts: await readData(data),
    validation: options.validation && (await readData(options.validation)),
    out,
    resume: options.resume,
    vectors: options.vectors,
    device: options.device,
    threads: options.threads,
    dryRun: options.dryRun,
    signals: true,
    log: say,
    onStep: (step, { loss, tokensPerSecond }) => {
      say(
        `step ${step} of ${config.train.maxSteps}: ${loss.toFixed(4)} bits per dimension, ${tokensPerSecond.toFixed(0)} tokens/s`,
      );
    },
  });
  const paper = presetNames.includes(config.preset) ? aboutPreset(config.preset).paper : undefined;
  say(`${config.preset}: ${result.parameters} parameters${paper === undefined ? "" : ` (the paper states ${paper})`}`);
  if (result.validation) await emit({ step: result.step, ...result.validation });
  process.exitCode = result.exitCode;
}
