/** riverrun experiment */
import type { Command } from "commander";
import { integer } from "../options.ts";
import { emit, say } from "../output.ts";
import { example } from "../program.ts";

interface ExperimentOptions {
  readonly data: string[];
  readonly scale: string;
  readonly seeds: number;
  readonly out: string;
  readonly models?: string;
  readonly device: string;
  readonly threads?: number;
}

/** Adds `riverrun experiment table4`. */
export function addExperiment(program: Command): void {
  program
    .command("experiment")
    .description("reproduces a table of the paper")
    .command("table4")
    .description("density models on the same texts in nats per token; what is finished in --out is not trained again")
    .requiredOption("--data <files...>", ".txt, .jsonl, subtitles in JSON, or SQuAD's JSON, recognised by content")
    .requiredOption("--out <dir>", "folder of the trainings and of table4.json, table4.md and table4.html")
    .option("--scale <name>", "tiny, small or paper", "tiny")
    .option("--seeds <n>", "trains with seeds 1 to n", integer(1), 1)
    .option("--models <names>", "some rows, separated by commas (default: all)")
    .option("--device <name>", "cpu, cuda, cuda:N or auto", "cpu")
    .option("--threads <n>", "threads inside an operator (default: the machine's cores)", integer(1))
    .addHelpText("after", example("experiment table4 --data lines.txt --scale tiny --seeds 1 --out runs/table4"))
    .action(table4);
}

async function table4(options: ExperimentOptions): Promise<void> {
  const { resolveDevice, setThreads } = await import("../../torch/index.ts");
  const { scaleNamed } = await import("../../experiments/scales.ts");
  const { runTable4 } = await import("../../experiments/table4/table4.ts");
  const { SignalWatch } = await import("../../train/signals.ts");
  if (options.threads !== undefined) setThreads(options.threads);
  const watch = new SignalWatch();
  try {
    const { rows, files } = await runTable4({
      files: options.data,
      scale: scaleNamed(options.scale),
      seeds: options.seeds,
      out: options.out,
      models: options.models?.split(",").map((name) => name.trim()),
      device: resolveDevice(options.device),
      log: say,
      stopRequested: () => watch.stop,
    });
    for (const row of rows) await emit(row);
    say(`written: ${files.join(", ")}`);
  } finally {
    watch.dispose();
  }
}
