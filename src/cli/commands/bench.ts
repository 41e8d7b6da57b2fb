/** riverrun bench */
import { Argument, type Command } from "commander";
import { integer } from "../options.ts";
import { emit } from "../output.ts";
import { example } from "../program.ts";

interface BenchOptions {
  readonly json?: boolean;
  readonly layout: "paper" | "wide";
  readonly steps: number;
  readonly levels: number;
  readonly batch: number;
  readonly positions: number;
  readonly channels: number;
}

/** Adds `riverrun bench`. */
export function addBench(program: Command): void {
  program
    .command("bench")
    .description("speed against the machine's own matrix-product peak")
    .addArgument(
      new Argument(
        "<what>",
        "op: one small operator; flow-step: a training step; ar: encoding and decoding of RNN-AR at the paper's size",
      ).choices(["op", "flow-step", "ar"]),
    )
    .option("--json", "one JSON line (always so)")
    .option("--layout <name>", "of flow-step, as are all that follow: paper or wide", "wide")
    .option("--steps <n>", "K", integer(1), 8)
    .option("--levels <n>", "L", integer(1), 3)
    .option("--batch <n>", "texts", integer(1), 32)
    .option("--positions <n>", "T", integer(2), 64)
    .option("--channels <n>", "D", integer(2), 300)
    .addHelpText("after", example("bench flow-step --json", "bench ar --json"))
    .action(bench);
}

async function bench(what: string, { json: _, ...options }: BenchOptions): Promise<void> {
  if (what === "flow-step") {
    const { benchFlowStep } = await import("../../bench/flowStep.ts");
    await emit(await benchFlowStep(options));
    return;
  }
  if (what === "ar") {
    const { benchAr } = await import("../../bench/ar.ts");
    await emit(await benchAr());
    return;
  }
  const { gemmPeak } = await import("../../bench/gemm.ts");
  const { operatorMicroseconds } = await import("../../bench/operator.ts");
  const { getThreads } = await import("../../torch/index.ts");
  await emit({
    operatorMicroseconds: operatorMicroseconds(),
    gemmPeakGflops: gemmPeak("float32"),
    threads: getThreads(),
  });
}
