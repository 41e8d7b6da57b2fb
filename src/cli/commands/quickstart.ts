/** riverrun quickstart: the whole main job on the built-in corpus, for a reader at a terminal. */
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { UsageError } from "../../base/errors.ts";
import type { Config } from "../../flow/index.ts";
import type { Report } from "../../report/index.ts";
import type { TrainResult } from "../../train/index.ts";
import { integer } from "../options.ts";
import { say } from "../output.ts";
import { example } from "../program.ts";

interface QuickstartOptions {
  readonly steps: number;
  readonly out: string;
}

/** Adds `riverrun quickstart`. */
export function addQuickstart(program: Command): void {
  program
    .command("quickstart")
    .description("learns a flow from the built-in corpus and shows what it can do")
    .option("--steps <n>", "training steps", integer(1), 500)
    .option("--out <dir>", "the model's folder; what an earlier quickstart left there is replaced", "runs/quickstart")
    .addHelpText("after", example("quickstart"))
    .action(quickstart);
}

/** Removes what an earlier quickstart made. @throws UsageError where the folder holds anything else */
function clear(out: string): void {
  if (!existsSync(out)) return;
  if (!existsSync(join(out, "training"))) {
    throw new UsageError(`${out} holds something that this command did not make: move it away, or give another --out`);
  }
  rmSync(out, { recursive: true });
}

async function quickstart({ steps, out }: QuickstartOptions): Promise<void> {
  const { builtinCorpus } = await import("../../corpora/index.ts");
  const { presetConfig } = await import("../../flow/index.ts");
  const { writeReport } = await import("../../report/index.ts");
  const { getThreads } = await import("../../torch/index.ts");
  const { train } = await import("../../train/index.ts");
  const { clock, TrainingProgress } = await import("../progress.ts");
  clear(out);
  const small = presetConfig("small");
  const config: Config = {
    ...small,
    train: {
      ...small.train,
      maxSteps: steps,
      validateEvery: 100,
      checkpointEvery: 100,
      logEvery: 25,
      validationTexts: 200,
    },
  };
  const { sentences } = builtinCorpus();
  const threads = getThreads();
  say(
    `learning a flow from ${sentences.length} sentences of the built-in corpus on ${threads} thread${threads === 1 ? "" : "s"}`,
  );
  const started = performance.now();
  const progress = new TrainingProgress();
  let result: TrainResult;
  try {
    const { onVectors, onEveryStep } = progress;
    result = await train({ config, texts: sentences, out, log: say, signals: true, onVectors, onEveryStep });
  } finally {
    progress.end();
  }
  if (result.signal !== undefined) {
    process.exitCode = result.exitCode;
    return;
  }
  say("sampling, interpolating, rewriting");
  const report = writeReport(out, result);
  process.stdout.write(`${summaryOf(out, result, report).join("\n")}\n`);
  say(`done in ${clock((performance.now() - started) / 1000)}`);
}

/** What a reader sees. */
function summaryOf(out: string, { model, step, parameters, validation }: TrainResult, report: Report): string[] {
  const { totals, samples, paths, rewrites, unigramEntropy, noiseVariance } = report.findings;
  const likelihood = validation && [
    "Likelihood of held-out sentences",
    `  ${validation.nelboPerToken.toFixed(3)} nats per token, an upper bound (word frequencies alone: ${unigramEntropy.toFixed(3)})`,
    `  ${validation.bitsPerDim.toFixed(3)} bits per dimension (no model can be below the noise floor, ${validation.floorBitsPerDim.toFixed(3)})`,
    "",
  ];
  const ways = paths
    .slice(0, 2)
    .flatMap(({ first, second, between }) => [
      `From "${first}" to "${second}"`,
      ...between.map(({ ratio, text }) => `  ${ratio.toFixed(1)}  ${text}`),
      "",
    ]);
  return [
    "",
    `Trained ${step} steps, ${parameters} parameters, ${model.vocabulary.size} words`,
    "",
    ...(likelihood ?? []),
    "To latent space and back",
    `  ${(100 * totals.tokenAccuracy).toFixed(2)} % of ${totals.tokens} tokens came back, largest error ${totals.maxAbsError.toExponential(1)}`,
    "",
    "Samples",
    ...samples.slice(0, 8).map(({ text }) => `  ${text}`),
    "",
    ...ways,
    `Rewrites (noise of variance ${noiseVariance} in latent space)`,
    ...rewrites.slice(0, 6).map(({ source, text }) => `  ${source}\n    -> ${text}`),
    "",
    `Report with curves: ${report.path}`,
    "Go on:",
    `  npx riverrun sample --model ${out} --count 5`,
    `  npx riverrun interpolate --model ${out} "${paths[0]?.first ?? "one sentence"}" "${paths[0]?.second ?? "another"}"`,
  ];
}
