/** riverrun decode */
import { closeSync, openSync, readSync } from "node:fs";
import type { Command } from "commander";
import { messageOf, UsageError } from "../../base/errors.ts";
import { NonFiniteOutputError } from "../../base/finite.ts";
import { programName, quote } from "../../base/invocation.ts";
import { requireFile } from "../../corpora/textFile.ts";
import type { TextFlow } from "../../flow/index.ts";
import type { GeneratedText, Latent } from "../../generate/index.ts";
import type { ModelOptions } from "../model.ts";
import { beamOption, type LineOptions, lineOptions, rawOption } from "../options.ts";
import { emit } from "../output.ts";
import { modelCommand } from "../program.ts";
import { unknownOf, unknownOption } from "../unknown.ts";

interface DecodeOptions extends ModelOptions, LineOptions {
  readonly beam?: number;
  readonly unknown: boolean;
  readonly raw?: boolean;
}

/** Adds `riverrun decode`. */
export function addDecode(program: Command): void {
  const command = modelCommand(
    program,
    "decode",
    "texts from latents, as encode writes them",
    "decode --model runs/lines latents.safetensors",
  )
    .argument(
      "[file]",
      "safetensors, or .jsonl of objects with positions, values and, if wanted, id; stdin, JSON lines, where absent or -",
    )
    .option("--jsonl", "a file of another name holds JSON lines (stdin always does)");
  lineOptions(command)
    .option(...beamOption)
    .option(...unknownOption)
    .option(...rawOption)
    .action(decode);
}

async function decode(file: string | undefined, options: DecodeOptions): Promise<void> {
  const { openModel } = await import("../model.ts");
  const model = openModel(options);
  const { isStream } = await import("../lines.ts");
  if (file === undefined || file === "-" || options.jsonl || file.endsWith(".jsonl") || isStream(file)) {
    await decodeLines(model, file, options);
    return;
  }
  refuseText(file, options.model);
  for (const [option, given] of Object.entries({
    "skip-lines": options.skipLines > 0,
    "line-numbers": options.lineNumbers,
  })) {
    if (given) throw new UsageError(`--${option}: ${file} is safetensors, which has no lines; leave it out`);
  }
  await decodeFile(model, file, options);
}

/** Refuses what cannot be safetensors, whose first 8 bytes are a length that is far below 2^40. @throws UsageError */
function refuseText(file: string, model: string): void {
  requireFile(file);
  const head = new Uint8Array(8);
  const descriptor = openSync(file, "r");
  try {
    if (readSync(descriptor, head) === 8 && head.subarray(5).every((byte) => byte === 0)) return;
  } finally {
    closeSync(descriptor);
  }
  throw new UsageError(
    `${file} holds no latents: expected a safetensors file, or JSON lines in a file whose name ends in .jsonl, or with --jsonl; of texts, one a line, make one by: ${programName()} encode --model ${quote(model)} --out latents.safetensors TEXTS`,
  );
}

/** What a JSON line calls itself, if it is one. */
function idOf(line: string): string | number | undefined {
  try {
    const id = (JSON.parse(line) as { readonly id?: unknown } | null)?.id;
    return typeof id === "string" || typeof id === "number" ? id : undefined;
  } catch {
    return undefined;
  }
}

/** How latents become texts, as `decodeLatents` takes it. */
function choicesOf(options: DecodeOptions): { readonly beam: number | undefined; readonly unknown: false | undefined } {
  return { beam: options.beam, unknown: unknownOf(options) };
}

/** Latents of JSON lines with `positions`, `values` and, if wanted, `id`. */
async function decodeLines(model: TextFlow, file: string | undefined, options: DecodeOptions): Promise<void> {
  const { decodeLatents, faultOfLatent } = await import("../../generate/index.ts");
  const { latentOfLine, latentShape } = await import("../../generate/latentRecord.ts");
  const { plainLines } = await import("../lines.ts");
  const { shown } = await import("../model.ts");
  const { apart, FailedText, NamedLineError, overLines } = await import("../texts.ts");
  const shape = latentShape(model);
  type Item = ReturnType<typeof latentOfLine>;
  const itemOf = (line: string): Item => {
    try {
      return latentOfLine(line, shape);
    } catch (error) {
      throw new NamedLineError(messageOf(error), idOf(line));
    }
  };
  const choices = choicesOf(options);
  const decoded = (items: readonly Item[]): object[][] => {
    const texts = decodeLatents(
      model,
      items.map(({ latent }) => latent),
      choices,
    );
    return items.map(({ id }, index) => [{ ...(id === undefined ? {} : { id }), text: shown(options, texts[index]) }]);
  };
  const decodedApart = (items: readonly Item[]) =>
    apart(items, decoded, ({ id, latent }, error) => {
      const fault = faultOfLatent(model, latent, choices);
      return new FailedText(fault ?? error.message, { id, isOfModel: fault === undefined });
    });
  await overLines(plainLines(file), file, options, itemOf, decodedApart);
}

/** The error of a file's latents that gave one together: that of the first row that gives one alone. */
async function errorOfRows(
  model: TextFlow,
  file: string,
  rows: readonly Latent[],
  choices: ReturnType<typeof choicesOf>,
  together: NonFiniteOutputError,
): Promise<Error> {
  const { decodeLatents, faultOfLatent } = await import("../../generate/index.ts");
  for (const [index, row] of rows.entries()) {
    try {
      decodeLatents(model, [row], choices);
    } catch (error) {
      if (!(error instanceof NonFiniteOutputError)) throw error;
      const fault = faultOfLatent(model, row, choices);
      return fault === undefined ? error : new UsageError(`${file}: row ${index}: ${fault}`);
    }
  }
  return together;
}

/** Latents of a safetensors file. */
async function decodeFile(model: TextFlow, file: string, options: DecodeOptions): Promise<void> {
  const { decodeLatents } = await import("../../generate/index.ts");
  const { loadSafetensors } = await import("../../torch/safetensors.ts");
  const { shown } = await import("../model.ts");
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
      `${file}: expected "latents" (N, T, ${dimensions}) and "positions" (N), as ${programName()} encode --out writes them`,
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
  const choices = choicesOf(options);
  let texts: readonly GeneratedText[];
  try {
    texts = decodeLatents(model, rows, choices);
  } catch (error) {
    throw error instanceof NonFiniteOutputError ? await errorOfRows(model, file, rows, choices, error) : error;
  }
  for (const text of texts) await emit({ text: shown(options, text) });
}
