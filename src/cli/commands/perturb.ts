/** riverrun perturb */
import type { Command } from "commander";
import type { PreparedText } from "../../flow/index.ts";
import type { ModelOptions } from "../model.ts";
import { beamOption, integer, type LineOptions, noiseVariance, overLinesOfTexts, rawOption } from "../options.ts";
import { modelCommand } from "../program.ts";
import { unknownOf, unknownOption } from "../unknown.ts";
import { sayUnknownOf } from "../unknownWords.ts";

interface PerturbOptions extends ModelOptions, LineOptions {
  readonly noiseVariance: number;
  readonly variants: number;
  readonly seed: number;
  readonly beam?: number;
  readonly unknown: boolean;
  readonly raw?: boolean;
}

/** Adds `riverrun perturb`. */
export function addPerturb(program: Command): void {
  overLinesOfTexts(
    modelCommand(
      program,
      "perturb",
      "rewrites of texts by noise in latent space",
      "perturb --model runs/lines --noise-variance 0.1 --variants 3 lines.txt",
    ),
  )
    .option(
      "--noise-variance <v>",
      "variance of the noise; latents have about 1, the paper uses 0.5",
      noiseVariance,
      0.5,
    )
    .option("--variants <n>", "rewrites of each text", integer(1), 1)
    .option("--seed <n>", "of the noise", integer(0), 1)
    .option(...beamOption)
    .option(...unknownOption)
    .option(...rawOption)
    .action(perturb);
}

async function perturb(file: string | undefined, options: PerturbOptions): Promise<void> {
  const { marksOf, perturbTexts } = await import("../../generate/index.ts");
  const { openModel, shown } = await import("../model.ts");
  const { overTexts } = await import("../texts.ts");
  const model = openModel(options);
  const { variants } = options;
  const choices = { ...options, unknown: unknownOf(options) };
  const rewritten = (batch: readonly PreparedText[]): object[][] => {
    const rows = perturbTexts(model, batch, choices);
    return batch.map((source, index) =>
      rows.slice(index * variants, (index + 1) * variants).map((row) => ({
        source: row.source,
        variant: row.variant,
        text: shown(options, row),
        ...marksOf(source),
      })),
    );
  };
  sayUnknownOf(await overTexts(model, file, options, rewritten));
}
