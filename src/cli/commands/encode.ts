/** riverrun encode */
import type { Command } from "commander";
import { UsageError } from "../../base/errors.ts";
import type { Latent } from "../../generate/index.ts";
import type { ModelOptions } from "../model.ts";
import { textsArgument } from "../options.ts";
import { say } from "../output.ts";
import { modelCommand } from "../program.ts";

interface EncodeOptions extends ModelOptions {
  readonly out: string;
}

/** Adds `riverrun encode`. */
export function addEncode(program: Command): void {
  modelCommand(
    program,
    "encode",
    "latents of texts into a safetensors file",
    "encode --model runs/lines lines.txt --out latents.safetensors",
  )
    .argument(...textsArgument)
    .requiredOption("--out <file>", "safetensors file to write: latents (N, T, D), positions (N)")
    .action(encode);
}

async function encode(file: string | undefined, options: EncodeOptions): Promise<void> {
  const { encodeTexts } = await import("../../generate/index.ts");
  const { tensor } = await import("../../torch/index.ts");
  const { saveSafetensors } = await import("../../torch/safetensors.ts");
  const { openModel } = await import("../model.ts");
  const { overTexts } = await import("../texts.ts");
  const model = openModel(options);
  const latents: Latent[] = [];
  await overTexts(model, file, (batch) => {
    latents.push(...encodeTexts(model, batch));
    return batch.map(() => []);
  });
  if (latents.length === 0) throw new UsageError("there is no text to encode");
  const { dimensions } = model.config.data;
  const longest = latents.reduce((most, { positions }) => Math.max(most, positions), 0);
  const values = new Float32Array(latents.length * longest * dimensions);
  latents.forEach((latent, row) => {
    values.set(latent.values, row * longest * dimensions);
  });
  const positions = latents.map((latent) => latent.positions);
  saveSafetensors(
    options.out,
    new Map([
      ["latents", tensor(values, [latents.length, longest, dimensions])],
      ["positions", tensor(positions, [positions.length], { dtype: "int64" })],
    ]),
  );
  say(`${latents.length} latents of up to ${longest} x ${dimensions} numbers in ${options.out}`);
}
