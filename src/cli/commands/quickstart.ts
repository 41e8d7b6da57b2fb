/** riverrun quickstart: the whole main job on the built-in corpus, for a reader at a terminal. */
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { UsageError } from "../../base/errors.ts";
import { integer } from "../options.ts";
import { say } from "../output.ts";
import { example } from "../program.ts";

interface QuickstartOptions {
  readonly steps: number;
}

/** Adds `riverrun quickstart`. */
export function addQuickstart(program: Command): void {
  program
    .command("quickstart")
    .description("learns a flow from the built-in corpus and shows what it can do")
    .option("--steps <n>", "training steps", integer(1), 500)
    .addHelpText("after", example("quickstart"))
    .action(quickstart);
}

/** Entropy of single tokens in nats: what a model of word frequencies alone would need. */
function unigramEntropy(counts: readonly number[]): number {
  const total = counts.reduce((sum, count) => sum + count, 0);
  return -counts.reduce((sum, count) => sum + (count > 0 ? (count / total) * Math.log(count / total) : 0), 0);
}

const out = join("runs", "quickstart");

async function quickstart(options: QuickstartOptions): Promise<void> {
  const { builtinCorpus } = await import("../../corpora/index.ts");
  const { presetConfig } = await import("../../flow/index.ts");
  const generate = await import("../../generate/index.ts");
  const { Vocabulary } = await import("../../text/vocabulary.ts");
  const { getThreads } = await import("../../torch/index.ts");
  const { train } = await import("../../train/index.ts");
  const { writeReport } = await import("../report.ts");
  const { sentences } = builtinCorpus();
  if (existsSync(out)) {
    if (!existsSync(join(out, "metrics.jsonl")))
      throw new UsageError(`${out} holds something that this command did not make: move it away first`);
    rmSync(out, { recursive: true });
  }
  const small = presetConfig("small");
  const config = {
    ...small,
    train: { ...small.train, maxSteps: options.steps, validateEvery: 100, checkpointEvery: 100, validationTexts: 200 },
  };
  say(`learning a flow from ${sentences.length} sentences of the built-in corpus on ${getThreads()} threads`);
  const started = performance.now();
  const { model, validation, parameters, step, signal, exitCode } = await train({
    config,
    texts: sentences,
    out,
    log: say,
    onStep: (at, { loss, tokensPerSecond }) => {
      const left = ((performance.now() - started) / 1000 / at) * (config.train.maxSteps - at);
      say(
        `step ${at} of ${config.train.maxSteps}: ${loss.toFixed(3)} bits per dimension, ${tokensPerSecond.toFixed(0)} tokens/s, ${left.toFixed(0)} s left`,
      );
    },
    signals: true,
  });
  if (signal !== undefined) {
    process.exitCode = exitCode;
    return;
  }
  const entropy = unigramEntropy(
    model.vocabulary.counts.filter((_, id) => id !== Vocabulary.pad && id !== Vocabulary.sos),
  );
  const heldOut = sentences.slice(0, 200).map((text) => model.prepare(text));
  const totals = generate.totalsOf(generate.reconstructTexts(model, heldOut));
  const samples = generate.sampleTexts(model, { count: 8, seed: 1 });
  const [first, second] = [sentences[0], sentences[1]];
  const ratios = [1, 0.8, 0.6, 0.5, 0.4, 0.2, 0];
  const between = generate.interpolateTexts(model, heldOut[0], heldOut[1], { ratios });
  const rewrites = generate.perturbTexts(model, heldOut.slice(2, 4), { noiseVariance: 0.1, variants: 3, seed: 1 });
  const report = join(out, "report.html");
  writeReport(report, { model, directory: out, parameters, validation, totals, samples, between, rewrites, entropy });
  const lines = [
    "",
    `trained ${step} steps, ${parameters} parameters, vocabulary of ${model.vocabulary.size} words`,
    "",
    "likelihood of held-out sentences",
    `  ${validation?.nelboPerToken.toFixed(3)} nats per token, an upper bound (word frequencies alone: ${entropy.toFixed(3)})`,
    `  ${validation?.bitsPerDim.toFixed(3)} bits per dimension (no model can be below the noise floor, ${validation?.floorBitsPerDim.toFixed(3)})`,
    "",
    "there and back",
    `  ${(100 * totals.tokenAccuracy).toFixed(2)} % of ${totals.tokens} tokens come back from latent space, largest error ${totals.maxAbsError.toExponential(1)}`,
    "",
    "samples",
    ...samples.map(({ text }) => `  ${text}`),
    "",
    `between "${first}" and "${second}"`,
    ...between.map(({ ratio, text }) => `  ${ratio.toFixed(1)}  ${text}`),
    "",
    "rewrites (noise of variance 0.1 in latent space)",
    ...rewrites.map(({ source, text }) => `  ${source}\n    -> ${text}`),
    "",
    `report: ${report}`,
    "",
  ];
  process.stdout.write(lines.join("\n"));
}
