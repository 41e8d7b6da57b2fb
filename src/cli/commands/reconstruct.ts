/** riverrun reconstruct */
import type { Command } from "commander";
import { UsageError } from "../../base/errors.ts";
import type { Reconstruction } from "../../generate/index.ts";
import type { ModelOptions } from "../model.ts";
import { emit, say } from "../output.ts";
import { modelCommand } from "../program.ts";

interface ReconstructOptions extends ModelOptions {
  readonly json?: boolean;
}

/** Adds `riverrun reconstruct`. */
export function addReconstruct(program: Command): void {
  modelCommand(
    program,
    "reconstruct",
    "decode(encode(x)): what comes back",
    "reconstruct --model runs/lines --json lines.txt",
  )
    .argument("[file]", ".txt or .jsonl; stdin where absent")
    .option("--json", "ends with one line of totals")
    .action(reconstruct);
}

async function reconstruct(file: string | undefined, options: ReconstructOptions): Promise<void> {
  const { reconstructTexts, totalsOf } = await import("../../generate/index.ts");
  const { openModel } = await import("../model.ts");
  const { overTexts } = await import("../texts.ts");
  const model = openModel(options);
  const all: Reconstruction[] = [];
  await overTexts(model, file, (batch) => {
    const rows = reconstructTexts(model, batch);
    // The totals need figures only: texts of a file of any size are not kept.
    for (const row of rows) all.push({ ...row, text: "", reconstruction: "" });
    return rows.map((row) => [row]);
  });
  if (all.length === 0) throw new UsageError("there is no text to reconstruct");
  const totals = totalsOf(all);
  if (options.json) await emit(totals);
  say(
    `${totals.texts} texts: ${(100 * totals.tokenAccuracy).toFixed(3)} % of ${totals.tokens} tokens came back, largest error ${totals.maxAbsError.toExponential(2)}, ${(100 * totals.unknownShare).toFixed(2)} % unknown words, ${(100 * totals.truncatedShare).toFixed(2)} % of the texts cut`,
  );
}
