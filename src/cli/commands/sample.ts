/** riverrun sample */
import type { Command } from "commander";
import type { Truncation } from "../../flow/index.ts";
import type { ModelOptions } from "../model.ts";
import { atLeast, beamOption, integer, rawOption, truncationOptions } from "../options.ts";
import { emit } from "../output.ts";
import { modelCommand } from "../program.ts";
import { unknownOf, unknownOption } from "../unknown.ts";

interface SampleOptions extends ModelOptions, Truncation {
  readonly count: number;
  readonly seed: number;
  readonly temperature?: number;
  readonly beam?: number;
  readonly unknown: boolean;
  readonly raw?: boolean;
}

/** Samples that are drawn together. */
const batch = 64;

/** Adds `riverrun sample`. */
export function addSample(program: Command): void {
  truncationOptions(
    modelCommand(
      program,
      "sample",
      "new texts, drawn from the model",
      "sample --model runs/lines --count 10 --temperature 0.8",
    )
      .option("--count <n>", "texts to make", integer(1), 10)
      .option("--seed <n>", "of the first sample; sample i has seed + i", integer(0), 1)
      .option(
        "--temperature <t>",
        "factor on the latents' standard deviation; where words are drawn one by one, their probabilities to the power 1/t (default: the model's generate.temperature)",
        atLeast(0),
      ),
  )
    .option(...beamOption)
    .option(...unknownOption)
    .option(...rawOption)
    .action(sample);
}

async function sample(options: SampleOptions): Promise<void> {
  const { sampleTexts } = await import("../../generate/index.ts");
  const { openModel, shown } = await import("../model.ts");
  const model = openModel(options);
  const { temperature, topK, topP, minP, beam } = options;
  const choices = { temperature, topK, topP, minP, beam, unknown: unknownOf(options) };
  for (let start = 0; start < options.count; start += batch) {
    const count = Math.min(batch, options.count - start);
    const seed = options.seed + start;
    for (const row of sampleTexts(model, { count, seed, ...choices })) {
      await emit({ text: shown(options, row), seed: row.seed });
    }
  }
}
