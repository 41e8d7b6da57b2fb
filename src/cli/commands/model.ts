/** The commands that use a trained model. */
import { UsageError } from "../../base/errors.ts";
import { loadModel, noiseFloor, type PreparedText } from "../../flow/index.ts";
import * as generate from "../../generate/index.ts";
import { resolveDevice, setThreads, tensor } from "../../torch/index.ts";
import { loadSafetensors, saveSafetensors } from "../../torch/safetensors.ts";
import { emit, say } from "../output.ts";
import { overTexts } from "../texts.ts";

/** Options that all of these commands take. */
export interface ModelOptions {
  readonly model: string;
  readonly device: string;
  readonly threads?: number;
  readonly raw?: boolean;
}

function open(options: ModelOptions): ReturnType<typeof loadModel> {
  if (options.threads !== undefined) setThreads(options.threads);
  return loadModel(options.model, { device: resolveDevice(options.device) });
}

const shown = (options: ModelOptions, { text, tokens }: generate.GeneratedText): string =>
  options.raw ? tokens.join(" ") : text;

export async function score(
  file: string | undefined,
  options: ModelOptions & { readonly seed: number },
): Promise<void> {
  const model = open(options);
  let nats = 0;
  let tokens = 0;
  let bits = 0;
  const { texts } = await overTexts(model, file, (batch) =>
    generate.scoreTexts(model, batch, { seed: options.seed }).map((row, index) => {
      nats += row.nelbo;
      tokens += row.tokens;
      bits += row.bitsPerDim;
      return [{ text: batch[index].text, ...row, truncated: batch[index].truncated }];
    }),
  );
  if (texts > 0) {
    say(
      `${texts} texts, ${tokens} tokens: ${(nats / tokens).toFixed(4)} nats per token (perplexity at most ${Math.exp(nats / tokens).toPrecision(4)}), ${(bits / texts).toFixed(4)} bits per dimension (floor ${noiseFloor(model.config.data.sigma).toFixed(4)})`,
    );
  }
}

export async function encode(
  file: string | undefined,
  options: ModelOptions & { readonly out: string },
): Promise<void> {
  const model = open(options);
  const latents: generate.Latent[] = [];
  await overTexts(model, file, (batch) => {
    latents.push(...generate.encodeTexts(model, batch));
    return batch.map(() => []);
  });
  if (latents.length === 0) throw new UsageError("there is no text to encode");
  const { dimensions } = model.config.data;
  const longest = Math.max(...latents.map(({ positions }) => positions));
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

export async function decode(file: string, options: ModelOptions): Promise<void> {
  const model = open(options);
  const { tensors } = loadSafetensors(file);
  const latents = tensors.get("latents");
  const positions = tensors.get("positions")?.toNumbers();
  const { dimensions } = model.config.data;
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
  const rows = positions.map((length, index) => {
    if (length < 1 || length > latents.size(1) || length % model.unit !== 0) {
      throw new UsageError(
        `${file}: row ${index} has ${length} positions: expected a multiple of ${model.unit} up to ${latents.size(1)}`,
      );
    }
    return { positions: length, values: values.slice(index * row, index * row + length * dimensions) };
  });
  for (const text of generate.decodeLatents(model, rows)) await emit({ text: shown(options, text) });
}

export async function sample(
  options: ModelOptions & { readonly count: number; readonly seed: number; readonly temperature?: number },
): Promise<void> {
  const model = open(options);
  for (let start = 0; start < options.count; start += 64) {
    const count = Math.min(64, options.count - start);
    const rows = generate.sampleTexts(model, { ...options, count, seed: options.seed + start });
    for (const row of rows) await emit({ text: shown(options, row), seed: row.seed });
  }
}

export async function interpolate(
  first: string,
  second: string,
  options: ModelOptions & { readonly ratios: number[]; readonly spherical?: boolean },
): Promise<void> {
  const model = open(options);
  const rows = generate.interpolateTexts(model, model.prepare(first), model.prepare(second), options);
  for (const row of rows) await emit({ ratio: row.ratio, text: shown(options, row) });
}

export async function perturb(
  file: string | undefined,
  options: ModelOptions & { readonly noiseVariance: number; readonly variants: number; readonly seed: number },
): Promise<void> {
  const model = open(options);
  await overTexts(model, file, (batch) => {
    const rows = generate.perturbTexts(model, batch, options);
    return batch.map((_: PreparedText, index) =>
      rows
        .slice(index * options.variants, (index + 1) * options.variants)
        .map((row) => ({ source: row.source, variant: row.variant, text: shown(options, row) })),
    );
  });
}

export async function reconstruct(
  file: string | undefined,
  options: ModelOptions & { readonly json?: boolean },
): Promise<void> {
  const model = open(options);
  const all: generate.Reconstruction[] = [];
  await overTexts(model, file, (batch) => {
    const rows = generate.reconstructTexts(model, batch);
    all.push(...rows);
    return rows.map((row) => [row]);
  });
  if (all.length === 0) throw new UsageError("there is no text to reconstruct");
  const totals = generate.totalsOf(all);
  if (options.json) await emit(totals);
  say(
    `${totals.texts} texts: ${(100 * totals.tokenAccuracy).toFixed(3)} % of ${totals.tokens} tokens came back, largest error ${totals.maxAbsError.toExponential(2)}, ${(100 * totals.unknownShare).toFixed(2)} % unknown words, ${(100 * totals.truncatedShare).toFixed(2)} % of the texts cut`,
  );
}
