/** riverrun quickstart: the whole main job on the built-in corpus, for a reader at a terminal. */
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { UsageError } from "../../base/errors.ts";
import { builtinCorpus } from "../../corpora/index.ts";
import { presetConfig } from "../../flow/index.ts";
import * as generate from "../../generate/index.ts";
import { Vocabulary } from "../../text/vocabulary.ts";
import { getThreads } from "../../torch/index.ts";
import { train } from "../../train/index.ts";
import { say } from "../output.ts";
import { writeReport } from "../report.ts";
import { watchSignals } from "./train.ts";

/** Entropy of single tokens in nats: what a model of word frequencies alone would need. */
function unigramEntropy(counts: readonly number[]): number {
  const total = counts.reduce((sum, count) => sum + count, 0);
  return -counts.reduce((sum, count) => sum + (count > 0 ? (count / total) * Math.log(count / total) : 0), 0);
}

const out = join("runs", "quickstart");

export async function quickstart(options: { readonly steps: number }): Promise<void> {
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
  const signal = watchSignals();
  const { model, validation, parameters, step } = await train({
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
    interrupted: signal,
  });
  const stopped = signal();
  if (stopped) {
    process.exitCode = stopped === "SIGINT" ? 130 : 143;
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
