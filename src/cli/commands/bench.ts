/** riverrun bench */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { Argument, type Command, Option } from "commander";
import { UsageError } from "../../base/errors.ts";
import { integer } from "../options.ts";
import { emit, say } from "../output.ts";
import { example, root } from "../program.ts";

const kinds = ["all", "op", "flow-step", "causal", "ar", "data-parallel", "memory"] as const;
type Kind = (typeof kinds)[number];

interface BenchOptions {
  readonly json?: boolean;
  readonly layout?: "paper" | "wide";
  readonly steps?: number;
  readonly levels?: number;
  readonly batch?: number;
  readonly positions?: number;
  readonly channels?: number;
  readonly precision?: string;
  readonly preset?: string;
  readonly words?: number;
  readonly repeats?: number;
  readonly processes?: number;
  readonly threads?: number;
  readonly peer?: boolean;
  readonly recompute?: boolean;
  readonly quick?: boolean;
  readonly only?: readonly string[];
  readonly out?: string;
  readonly record?: boolean;
}

/** The options that each kind takes beside --json and --threads. */
const taken: Readonly<Record<Kind, readonly (keyof BenchOptions)[]>> = {
  all: ["quick", "only", "out", "record"],
  op: ["peer"],
  "flow-step": ["layout", "steps", "levels", "batch", "positions", "channels", "precision", "repeats", "peer"],
  causal: ["preset", "words", "batch", "precision", "repeats", "peer"],
  ar: ["steps", "positions", "channels", "words", "repeats"],
  "data-parallel": ["preset", "words", "batch", "steps", "processes", "repeats", "peer"],
  memory: ["preset", "words", "batch", "recompute"],
};

/** Adds `riverrun bench`. */
export function addBench(program: Command): void {
  program
    .command("bench")
    .description("speed and memory as ratios: to the machine's matrix-product peak, to PyTorch, to recorded ones")
    .addArgument(
      new Argument(
        "[what]",
        "all: every figure and a page with plots; op: the call of one small operator; flow-step: a training step and the inverse of the paper's flow; causal: the left-to-right flow; ar: the paper's autoregressive flow; data-parallel: steps that several processes share, beside one process's; memory: a training step of a preset",
      )
        .choices(kinds)
        .default("all"),
    )
    .option("--json", "one JSON line (always so)")
    .option("--threads <n>", "threads inside an operator (default: the machine's cores; data-parallel: 1)", integer(1))
    .option("--peer", "op, flow-step, causal, data-parallel: also PyTorch in the same run, where .oracle/torch has it")
    .option("--repeats <n>", "flow-step, causal, ar, data-parallel: timed runs (default: 12, 9, 2, 30)", integer(1))
    .addOption(new Option("--layout <name>", "flow-step (default: wide)").choices(["paper", "wide"]))
    .option(
      "--precision <name>",
      "flow-step, causal: of the networks, float32 or bf16, and of the peer's (default: float32)",
    )
    .option("--steps <n>", "flow-step, ar, data-parallel: K (default: 8, 4, the preset's)", integer(1))
    .option("--levels <n>", "flow-step: L (default: 3)", integer(1))
    .option("--batch <n>", "flow-step, causal, data-parallel, memory: texts (default: 32, the preset's)", integer(1))
    .option("--positions <n>", "flow-step, ar: T (default: 64)", integer(2))
    .option("--channels <n>", "flow-step, ar: D (default: 300)", integer(2))
    .option("--preset <name>", "causal, data-parallel, memory (default: small-ar, small-ar, small)")
    .option(
      "--words <n>",
      "causal, ar, data-parallel, memory: words of the vocabulary (default: 5000, 10000, 5000, 5000)",
      integer(2),
    )
    .option("--processes <n>", "data-parallel: that share every step (default: 2)", integer(2))
    .option("--recompute", "memory: with train.recompute")
    .option("--quick", "all: small sizes and few runs, about two minutes")
    .option(
      "--only <names>",
      "all: parts by name, separated by commas: operator, flow-step, causal, ar, data-parallel, tokenizers, metrics, glove, memory, growth",
      (text: string) => text.split(","),
    )
    .option("--out <dir>", "all: folder of the page (default: runs/bench)")
    .option("--record", "all: write the ratios to bench/recorded.json, which later runs are compared with")
    .addHelpText(
      "after",
      example("bench --quick", "bench flow-step --peer --precision bf16 --json", "bench memory --preset paper-nar"),
    )
    .action(bench);
}

/** @throws UsageError for an option of another kind */
function checkOptions(what: Kind, { json: _json, threads: _threads, ...options }: BenchOptions): void {
  for (const option of Object.keys(options) as (keyof BenchOptions)[]) {
    if (taken[what].includes(option)) continue;
    const kindsOf = kinds.filter((kind) => taken[kind].includes(option));
    // Every other kind is a part of all, too, and can be quick there.
    const part = what === "op" ? "operator" : what;
    const instead = option === "quick" ? `; its quick figures: bench --quick --only ${part}` : "";
    throw new UsageError(`bench ${what} takes no --${option}: it belongs to ${kindsOf.join(", ")}${instead}`);
  }
}

async function bench(what: Kind, given: BenchOptions): Promise<void> {
  checkOptions(what, given);
  const { json: _json, threads, quick = false, only, out, record, ...options } = given;
  const { setThreads } = await import("../../torch/index.ts");
  if (threads !== undefined) setThreads(threads);
  switch (what) {
    case "all":
      return all({ quick, only, out: out ?? join("runs", "bench"), record: record ?? false, threads });
    case "op": {
      const { benchOperator } = await import("../../bench/operator.ts");
      if (!options.peer) say("without --peer the call is set beside the peak alone; --peer sets it beside Python's");
      return emit(await benchOperator({ peer: options.peer }));
    }
    case "flow-step": {
      const { benchFlowStep } = await import("../../bench/flowStep.ts");
      return emit(await benchFlowStep(options));
    }
    case "causal": {
      const { benchCausal } = await import("../../bench/causal.ts");
      return emit(await benchCausal(options));
    }
    case "ar": {
      const { benchAr } = await import("../../bench/ar.ts");
      const result = await benchAr(options);
      for (const part of result.leftOut) say(`left out: ${part}`);
      return emit(result);
    }
    case "data-parallel": {
      const { benchDataParallel } = await import("../../bench/dataParallel.ts");
      return emit(await benchDataParallel({ ...options, threads }));
    }
    case "memory": {
      const { benchMemory } = await import("../../bench/memory.ts");
      return emit(benchMemory(options));
    }
  }
}

interface AllOptions {
  readonly quick: boolean;
  readonly only: readonly string[] | undefined;
  readonly out: string;
  readonly record: boolean;
  readonly threads: number | undefined;
}

async function all({ quick, only, out, record, threads }: AllOptions): Promise<void> {
  const { runAll } = await import("../../bench/run.ts");
  const { partNames } = await import("../../bench/all.ts");
  const unknown = only?.find((name) => !(partNames as readonly string[]).includes(name));
  if (unknown !== undefined) {
    throw new UsageError(`--only: unknown part "${unknown}": expected some of ${partNames.join(", ")}`);
  }
  const folder = join(root, "bench");
  if (record && !existsSync(folder)) {
    throw new UsageError("--record writes bench/recorded.json, which is part of a clone, not of the package");
  }
  // As this process was started, from source or from dist.
  const self = [...process.execArgv, process.argv[1]];
  const { failed, pages } = await runAll({
    quick,
    only,
    out,
    record,
    recordedFile: join(folder, "recorded.json"),
    self,
    threads,
    onFigure: emit,
    say,
  });
  for (const page of pages) say(page);
  if (failed > 0) process.exitCode = 1;
}
