/** riverrun reconstruct */
import type { Command } from "commander";
import { nonFiniteIn } from "../../base/finite.ts";
import type { PreparedText } from "../../flow/index.ts";
import { counted } from "../counted.ts";
import type { ModelOptions } from "../model.ts";
import { integer, type LineOptions, overLinesOfTexts } from "../options.ts";
import { emit, say } from "../output.ts";
import { modelCommand } from "../program.ts";

interface ReconstructOptions extends ModelOptions, LineOptions {
  readonly json?: boolean;
  readonly denoise?: boolean;
  readonly seed: number;
}

/** Adds `riverrun reconstruct`. */
export function addReconstruct(program: Command): void {
  overLinesOfTexts(
    modelCommand(
      program,
      "reconstruct",
      "texts to latent space and back, without noise: what comes back",
      "reconstruct --model runs/lines --json lines.txt",
    ),
  )
    .option("--json", "ends with one more line, the totals of all texts")
    .option(
      "--denoise",
      "with the noise of the training on the way, taken off again by one step along the slope of the model's density",
    )
    .option("--seed <n>", "of the noise of --denoise", integer(0), 1)
    .action(reconstruct);
}

async function reconstruct(file: string | undefined, options: ReconstructOptions): Promise<void> {
  const { DenoisedTally, denoiseTexts, ReconstructionTally, reconstructTexts } = await import(
    "../../generate/index.ts"
  );
  const { openModel } = await import("../model.ts");
  const { overTexts } = await import("../texts.ts");
  const model = openModel(options);
  const percent = (share: number, digits: number): string => `${(100 * share).toFixed(digits)} %`;
  // There are no totals of nothing: an empty stdin, or no line after --skip-lines.
  const totalsOf = async <Row extends object, Totals>(
    tally: { add(row: Row): void; totals(): Totals },
    rowsOf: (batch: readonly PreparedText[]) => readonly Row[],
  ): Promise<Totals | undefined> => {
    const { texts } = await overTexts(model, file, options, (batch) =>
      rowsOf(batch).map((row) => {
        if (nonFiniteIn(row) === undefined) tally.add(row);
        return [row];
      }),
    );
    if (texts === 0) return undefined;
    const totals = tally.totals();
    if (options.json) await emit(totals);
    return totals;
  };
  if (options.denoise) {
    const totals = await totalsOf(new DenoisedTally(), (batch) => denoiseTexts(model, batch, { seed: options.seed }));
    if (!totals) return;
    say(
      `${counted(totals.texts, "noisy text")}: ${percent(totals.tokenAccuracyBefore, 3)} of ${counted(totals.tokens, "token")} were read off before denoising, ${percent(totals.tokenAccuracy, 3)} after; noise of ${totals.noiseRms.toFixed(4)} became ${totals.denoisedRms.toFixed(4)} (root mean squares)`,
    );
    return;
  }
  const totals = await totalsOf(new ReconstructionTally(), (batch) => reconstructTexts(model, batch));
  if (!totals) return;
  say(
    `${counted(totals.texts, "text")}, ${percent(totals.exactShare, 2)} of them word for word: ${percent(totals.tokenAccuracy, 3)} of ${counted(totals.tokens, "token")} came back, largest error ${totals.maxAbsError.toExponential(2)}, ${percent(totals.unknownShare, 2)} unknown words, ${percent(totals.truncatedShare, 2)} of the texts cut`,
  );
}
