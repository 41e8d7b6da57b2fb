/**
 * Resident memory of a training of preset `tiny` over its steps:
 *
 *     npx tsx bench/memory.ts --steps 1000
 *
 * Prints one JSON line: megabytes after a tenth of the steps and at the end, and their ratio; exit code 1 where the end
 * is more than 5 % above.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { builtinCorpus } from "../src/corpora/index.ts";
import { presetConfig } from "../src/flow/index.ts";
import { memory } from "../src/torch/index.ts";
import { train } from "../src/train/index.ts";
import { programOptions, wholeNumber } from "./options.ts";

/** The most that memory may grow after warm-up. */
const mostGrowth = 1.05;

async function main(): Promise<void> {
  const { values } = programOptions("[--steps N]", { options: { steps: { type: "string", default: "1000" } } });
  const steps = wholeNumber("--steps", values.steps, 10);
  const config = presetConfig("tiny");
  config.train.maxSteps = steps;
  const { sentences } = builtinCorpus({ sentences: 2000 });
  const folder = mkdtempSync(join(tmpdir(), "riverrun-memory-"));
  const early = Math.round(steps / 10);
  const at = new Map<number, { readonly rssMb: number; readonly liveTensors: number }>();
  try {
    const { model } = await train({
      config,
      texts: sentences,
      out: join(folder, "model"),
      threads: 1,
      onEveryStep: ({ step }) => {
        if (step !== early && step !== steps) return;
        at.set(step, { rssMb: process.memoryUsage.rss() / 2 ** 20, liveTensors: memory().liveTensors });
      },
    });
    model.dispose();
    const [before, after] = [at.get(early), at.get(steps)];
    if (!before || !after) throw new Error(`the training did not come to step ${steps}`);
    const growth = after.rssMb / before.rssMb;
    const report = {
      steps,
      [`rssMbAtStep${early}`]: Math.round(before.rssMb),
      [`rssMbAtStep${steps}`]: Math.round(after.rssMb),
      growth: Number(growth.toFixed(4)),
      liveTensors: [before.liveTensors, after.liveTensors],
    };
    process.stdout.write(`${JSON.stringify(report)}\n`);
    if (growth > mostGrowth) process.exitCode = 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

await main();
