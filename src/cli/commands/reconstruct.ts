/** riverrun reconstruct */
import type { Command } from "commander";
import { counted } from "../counted.ts";
import type { ModelOptions } from "../model.ts";
import { type LineOptions, overLinesOfTexts } from "../options.ts";
import { emit, say } from "../output.ts";
import { modelCommand } from "../program.ts";

interface ReconstructOptions extends ModelOptions, LineOptions {
  readonly json?: boolean;
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
    .action(reconstruct);
}

async function reconstruct(file: string | undefined, options: ReconstructOptions): Promise<void> {
  const { ReconstructionTally, reconstructTexts } = await import("../../generate/index.ts");
  const { openModel } = await import("../model.ts");
  const { overTexts } = await import("../texts.ts");
  const model = openModel(options);
  const tally = new ReconstructionTally();
  const { texts } = await overTexts(model, file, options, (batch) =>
    reconstructTexts(model, batch).map((row) => {
      tally.add(row);
      return [row];
    }),
  );
  // Nothing was left to do after --skip-lines.
  if (texts === 0 && options.skipLines > 0) return;
  const totals = tally.totals();
  if (options.json) await emit(totals);
  const percent = (share: number, digits: number): string => `${(100 * share).toFixed(digits)} %`;
  say(
    `${counted(totals.texts, "text")}, ${percent(totals.exactShare, 2)} of them word for word: ${percent(totals.tokenAccuracy, 3)} of ${counted(totals.tokens, "token")} came back, largest error ${totals.maxAbsError.toExponential(2)}, ${percent(totals.unknownShare, 2)} unknown words, ${percent(totals.truncatedShare, 2)} of the texts cut`,
  );
}
