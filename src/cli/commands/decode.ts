/** riverrun decode */
import type { Command } from "commander";
import { UsageError } from "../../base/errors.ts";
import type { ModelOptions } from "../model.ts";
import { beamOption, rawOption } from "../options.ts";
import { emit } from "../output.ts";
import { modelCommand } from "../program.ts";

interface DecodeOptions extends ModelOptions {
  readonly beam?: number;
  readonly raw?: boolean;
}

/** Adds `riverrun decode`. */
export function addDecode(program: Command): void {
  modelCommand(program, "decode", "texts of latents", "decode --model runs/lines latents.safetensors")
    .argument("<file>", "what encode wrote")
    .option(...beamOption)
    .option(...rawOption)
    .action(decode);
}

async function decode(file: string, options: DecodeOptions): Promise<void> {
  const { decodeLatents } = await import("../../generate/index.ts");
  const { loadSafetensors } = await import("../../torch/safetensors.ts");
  const { openModel, shown } = await import("../model.ts");
  const model = openModel(options);
  const { tensors } = loadSafetensors(file);
  const latents = tensors.get("latents");
  const positions = tensors.get("positions")?.toNumbers();
  const { dimensions, positions: longest, fixedLength } = model.config.data;
  if (
    !latents ||
    !positions ||
    latents.ndim !== 3 ||
    latents.size(2) !== dimensions ||
    latents.size(0) !== positions.length
  ) {
    throw new UsageError(
      `${file}: expected "latents" (N, T, ${dimensions}) and "positions" (N), as riverrun encode writes them`,
    );
  }
  const values = latents.to("float32").data() as Float32Array;
  const row = latents.size(1) * dimensions;
  const most = Math.min(longest, latents.size(1));
  const fits = (length: number): boolean =>
    fixedLength ? length === longest && most === longest : length > 0 && length <= most && length % model.unit === 0;
  const rows = positions.map((length, index) => {
    if (!fits(length)) {
      throw new UsageError(
        `${file}: row ${index} has ${length} positions: this model's texts have ${fixedLength ? longest : `a multiple of ${model.unit} up to ${longest}`}, and the rows have room for ${latents.size(1)}`,
      );
    }
    return { positions: length, values: values.slice(index * row, index * row + length * dimensions) };
  });
  for (const text of decodeLatents(model, rows, { beam: options.beam })) await emit({ text: shown(options, text) });
}
