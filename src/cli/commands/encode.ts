/** riverrun encode */
import type { Command } from "commander";
import { UsageError } from "../../base/errors.ts";
import type { Latent } from "../../generate/index.ts";
import type { ModelOptions } from "../model.ts";
import { type LineOptions, overLinesOfTexts } from "../options.ts";
import { say } from "../output.ts";
import { modelCommand } from "../program.ts";
import { sayUnknownOf } from "../unknownWords.ts";

interface EncodeOptions extends ModelOptions, LineOptions {
  readonly out?: string;
}

/** Adds `riverrun encode`. */
export function addEncode(program: Command): void {
  overLinesOfTexts(
    modelCommand(
      program,
      "encode",
      "latents of texts, as JSON lines or into a safetensors file",
      "encode --model runs/lines lines.txt --out latents.safetensors",
    ),
  )
    .option("--out <file>", "safetensors file to write instead of lines: latents (rows, T, D), positions (rows)")
    .action(encode);
}

async function encode(file: string | undefined, options: EncodeOptions): Promise<void> {
  const { out } = options;
  const { encodeTexts, marksOf } = await import("../../generate/index.ts");
  const { latentRecord } = await import("../../generate/latentRecord.ts");
  const { openModel } = await import("../model.ts");
  const { FailedText, finite, overTexts } = await import("../texts.ts");
  const model = openModel(options);
  const latents: Latent[] = [];
  const tally = await overTexts(model, file, options, (batch) => {
    const found = encodeTexts(model, batch);
    if (out === undefined) {
      return batch.map((source, index) => [{ text: source.text, ...latentRecord(found[index]), ...marksOf(source) }]);
    }
    return found.map((latent) => {
      const checked = finite([latent]);
      if (checked instanceof FailedText) return checked;
      latents.push(latent);
      return [];
    });
  });
  sayUnknownOf(tally);
  if (out !== undefined) await write(out, latents, model.config.data.dimensions);
}

async function write(out: string, latents: readonly Latent[], dimensions: number): Promise<void> {
  const { tensor } = await import("../../torch/index.ts");
  const { saveSafetensors } = await import("../../torch/safetensors.ts");
  if (latents.length === 0) throw new UsageError("there is no text to encode");
  const longest = latents.reduce((most, { positions }) => Math.max(most, positions), 0);
  const values = new Float32Array(latents.length * longest * dimensions);
  latents.forEach((latent, row) => {
    values.set(latent.values, row * longest * dimensions);
  });
  const positions = latents.map((latent) => latent.positions);
  saveSafetensors(
    out,
    new Map([
      ["latents", tensor(values, [latents.length, longest, dimensions])],
      ["positions", tensor(positions, [positions.length], { dtype: "int64" })],
    ]),
  );
  say(`${latents.length} latents of up to ${longest} x ${dimensions} numbers in ${out}`);
}
