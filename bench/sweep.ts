/**
 * The choice of sigma and scale of the riverrun-nar family: trains one preset for every pair on the same texts with the
 * same seed and steps, and prints held-out nats per token and the share of tokens that come back from latent space (a wide
 * noise makes the Bayes rule prefer frequent words), a JSON line a pair:
 *
 *     npx tsx bench/sweep.ts --data lines.txt --sigmas 0.5,1,1.5 --scales 1,0.4 --steps 1000
 *
 * A scale multiplies the sigmas, so that pairs of one sigma keep the same noise in relation to the table.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readTexts } from "../src/corpora/index.ts";
import { presetConfig } from "../src/flow/index.ts";
import { reconstructTexts, totalsOf } from "../src/generate/index.ts";
import { getThreads, setThreads } from "../src/torch/index.ts";
import { train } from "../src/train/index.ts";
import { demanded, positiveNumbers, programOptions, wholeNumber } from "./options.ts";

const { values } = programOptions(
  "--data FILE [--preset NAME] [--sigmas LIST] [--scales LIST] [--steps N] [--seed N] [--dimensions D] [--threads N]",
  {
    options: {
      data: { type: "string" },
      preset: { type: "string", default: "small" },
      sigmas: { type: "string", default: "0.25,0.5,1,1.5,2" },
      scales: { type: "string", default: "1" },
      steps: { type: "string", default: "1000" },
      seed: { type: "string", default: "1" },
      dimensions: { type: "string" },
      threads: { type: "string" },
    },
  },
);
const whole = (name: "threads" | "dimensions", otherwise: number): number =>
  values[name] === undefined ? otherwise : wholeNumber(`--${name}`, values[name]);
const [steps, seed] = [wholeNumber("--steps", values.steps), wholeNumber("--seed", values.seed, 0)];
const [scales, sigmas] = [positiveNumbers("--scales", values.scales), positiveNumbers("--sigmas", values.sigmas)];
const dimensions = whole("dimensions", presetConfig(values.preset).data.dimensions);
setThreads(whole("threads", getThreads()));
const texts = await readTexts([demanded("--data FILE, one text a line", values.data)]);
for (const scale of scales) {
  for (const relative of sigmas) {
    const config = presetConfig(values.preset);
    Object.assign(config.data, { sigma: relative * scale, scale, dimensions });
    Object.assign(config.train, { maxSteps: steps, validateEvery: steps, checkpointEvery: steps });
    config.seed = seed;
    const out = mkdtempSync(join(tmpdir(), "riverrun-sweep-"));
    try {
      const { model, validation, parameters, seconds } = await train({ config, texts, out });
      const { tokenAccuracy } = totalsOf(
        reconstructTexts(
          model,
          texts.slice(0, 500).map((text) => model.prepare(text)),
        ),
      );
      model.dispose();
      const row = {
        preset: values.preset,
        dimensions,
        sigma: relative * scale,
        scale,
        steps,
        seed,
        parameters,
      };
      process.stdout.write(
        `${JSON.stringify({ ...row, ...validation, tokenAccuracy, seconds: Math.round(seconds), threads: getThreads() })}\n`,
      );
    } finally {
      rmSync(out, { recursive: true, force: true });
    }
  }
}
