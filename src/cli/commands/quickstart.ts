/** riverrun quickstart: the whole main job on the built-in corpus, for a reader at a terminal. */
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { makeDirectory, writeFileAtomic } from "../../base/atomicFile.ts";
import { UsageError } from "../../base/errors.ts";
import { FolderLock } from "../../base/folderLock.ts";
import { commandAgain, programName, quote } from "../../base/invocation.ts";
import type { Config } from "../../flow/index.ts";
import type { Report } from "../../report/index.ts";
import type { TrainResult } from "../../train/index.ts";
import { counted } from "../counted.ts";
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
    .option(
      "--out <dir>",
      "the model's folder; an interrupted quickstart goes on there, a finished one is replaced",
      "runs/quickstart",
    )
    .option("--resume", "go on with an interrupted quickstart (always so)")
    .addHelpText("after", example("quickstart"))
    .action(quickstart);
}

/** Says in the folder that a quickstart made it, and what that learns. */
const markName = ".quickstart";

/** Removes what another quickstart made. @throws UsageError where that still runs */
function clear(out: string): void {
  const training = join(out, "training");
  if (existsSync(training)) {
    FolderLock.take(join(training, "lock"), { doing: "training in this folder", instead: "give another --out" });
  }
  rmSync(out, { recursive: true });
}

/** Whether the folder holds all that a quickstart makes; what cannot be read is as good as that: it is replaced. */
async function isFinished(out: string): Promise<boolean> {
  const { findCheckpoint } = await import("../../train/index.ts");
  try {
    const state = findCheckpoint(out)?.state;
    return state !== undefined && state.finished !== null && existsSync(join(out, "report.html"));
  } catch (error) {
    if (error instanceof UsageError) return true;
    throw error;
  }
}

/**
 * Readies the folder: leaves what an interrupted quickstart of the same training has made, removes what any other has.
 *
 * @returns whether the training goes on
 * @throws UsageError where the folder holds anything else, or another process trains in it
 */
async function readyFolder(out: string, training: string): Promise<boolean> {
  if (out === "") throw new UsageError('--out "": expected a folder');
  const mark = join(out, markName);
  const status = statSync(out, { throwIfNoEntry: false });
  if (status && !status.isDirectory()) throw new UsageError(`${out} is a file; expected a folder (--out)`);
  if (existsSync(mark)) {
    if (readFileSync(mark, "utf8") === training && !(await isFinished(out))) return true;
    clear(out);
  } else if (status && readdirSync(out).length > 0) {
    throw new UsageError(`${out} holds something that this command did not make: move it away, or give another --out`);
  }
  makeDirectory(out);
  writeFileAtomic(mark, training);
  return false;
}

async function quickstart({ steps, out }: QuickstartOptions): Promise<void> {
  const { builtinCorpus } = await import("../../corpora/index.ts");
  const { presetConfig } = await import("../../flow/index.ts");
  const { writeReport } = await import("../../report/index.ts");
  const { getThreads } = await import("../../torch/index.ts");
  const { train } = await import("../../train/index.ts");
  const { clock, TrainingProgress } = await import("../progress.ts");
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
  const texts = createHash("sha256").update(sentences.join("\n")).digest("hex");
  const resume = await readyFolder(out, `${JSON.stringify({ config, texts })}\n`);
  const threads = getThreads();
  say(
    `learning a flow from ${sentences.length} sentences of the built-in corpus on ${threads} thread${threads === 1 ? "" : "s"}`,
  );
  const started = performance.now();
  const progress = new TrainingProgress();
  let result: TrainResult;
  try {
    const { onVectors, onEveryStep } = progress;
    result = await train({
      config,
      texts: sentences,
      out,
      resume,
      log: say,
      signals: true,
      onVectors,
      onEveryStep,
    });
  } finally {
    progress.end();
  }
  say("sampling, interpolating, rewriting");
  const report = writeReport(out, result);
  if (result.signal !== undefined) {
    say(`report: ${report.path}`);
    say(`go on with: ${commandAgain(process.argv.slice(2))}`);
    process.exitCode = result.exitCode;
    return;
  }
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
  const ends = [paths[0]?.first ?? "one sentence", paths[0]?.second ?? "another"];
  return [
    "",
    `Trained ${counted(step, "step")}, ${parameters} parameters, ${model.vocabulary.size} words`,
    "",
    ...(likelihood ?? []),
    "To latent space and back",
    `  ${(100 * totals.tokenAccuracy).toFixed(2)} % of ${totals.tokens} tokens came back, largest error ${totals.maxAbsError.toExponential(1)}`,
    "",
    "Samples (every position is drawn at once: bags of plausible words; the preset small-ar draws sentences)",
    ...samples.slice(0, 8).map(({ text }) => `  ${text}`),
    "",
    ...ways,
    `Rewrites (noise of variance ${noiseVariance} in latent space)`,
    ...rewrites.slice(0, 6).map(({ source, text }) => `  ${source}\n    -> ${text}`),
    "",
    `Report with curves: ${report.path}`,
    "Go on:",
    `  ${programName()} sample --model ${quote(out)} --count 5`,
    `  ${programName()} interpolate --model ${quote(out)} ${ends.map(quote).join(" ")}`,
  ];
}
