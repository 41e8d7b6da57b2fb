/** Latents as plain numbers, and texts from them. */
import { type PreparedText, type TextFlow } from "../flow/index.ts";
import { Generator, noGrad, randn, scope, type Tensor, tensor } from "../torch/index.ts";
import { defaultBatch, overBatches } from "./batches.ts";
import { type BeamOptions, beamDecode, decodesByWord } from "./beam.ts";
import { textOf, tokensOf, wordsOf } from "./tokens.ts";

/** The latent of one text: `positions` x D numbers, standard normal under the model. */
export interface Latent {
  readonly positions: number;
  readonly values: Float32Array;
}

/** A text that came out of latent space. */
export interface GeneratedText {
  readonly text: string;
  readonly tokens: readonly string[];
}

/** f(e_w) without noise for every text. */
export function encodeTexts(
  model: TextFlow,
  texts: readonly PreparedText[],
  options: { readonly batchSize?: number } = {},
): Latent[] {
  return overBatches(model, texts, options.batchSize ?? defaultBatch, (batch) => {
    const latents = model.encode(batch).to("float32").data() as Float32Array;
    const row = batch.context.positions * model.config.data.dimensions;
    return batch.texts.map(({ positions }, index) => ({
      positions,
      values: latents.slice(index * row, index * row + positions * model.config.data.dimensions),
    }));
  });
}

/** `count` rows of N(0, variance) each, row i from its own stream `seeds[i]`. */
export function drawLatents(
  model: TextFlow,
  positions: readonly number[],
  seeds: readonly bigint[],
  std: number,
): Latent[] {
  const generator = new Generator(0);
  const drawn = positions.map((length, row) => {
    generator.reseed(seeds[row]);
    const values = scope(() =>
      randn([length * model.config.data.dimensions], generator)
        .mul(std)
        .data(),
    ) as Float32Array;
    return { positions: length, values };
  });
  generator.dispose();
  return drawn;
}

/** Latents side by side, (B, T, D), zero at the pads. */
export function stackLatents(model: TextFlow, latents: readonly Latent[], positions: number): Tensor {
  const { dimensions } = model.config.data;
  const values = new Float32Array(latents.length * positions * dimensions);
  latents.forEach((latent, row) => {
    values.set(latent.values, row * positions * dimensions);
  });
  const shape = [latents.length, positions, dimensions];
  return tensor(values, shape, { device: model.device }).to(model.dtype);
}

/** How latents become texts. */
export interface DecodeOptions extends BeamOptions {
  readonly batchSize?: number;
  /**
   * Whether `<unk>` may be said: read off points it may unless this is false; a beam search says it only where this is true.
   */
  readonly unknown?: boolean;
}

/**
 * f^-1 of every latent, then words by the token rule; by beam search in the paper's autoregressive flow, in a flow that
 * runs left to right where a beam is given, and by the attention decoder of Language Flow+.
 *
 * @throws UsageError where a beam is asked for and the flow does not run left to right; NonFiniteOutputError where the
 *   numbers that words are chosen by are not finite.
 */
export function decodeLatents(
  model: TextFlow,
  latents: readonly Latent[],
  options: DecodeOptions = {},
): GeneratedText[] {
  const size = options.batchSize ?? defaultBatch;
  const texts: GeneratedText[] = [];
  for (let start = 0; start < latents.length; start += size) {
    const part = latents.slice(start, start + size);
    const ids = noGrad(() =>
      scope(() => {
        const context = model.contextOf(part.map(({ positions }) => positions));
        try {
          const stacked = stackLatents(model, part, context.positions);
          if (model.attentionDecoder || decodesByWord(model) || options.beam !== undefined) {
            return beamDecode(model, stacked, { ...options, lengths: context.lengths }).map((row) => row.ids);
          }
          const points = model.decode(stacked, context);
          return tokensOf(model, points, context, { rule: options.decoder, unknown: options.unknown, finite: true });
        } finally {
          context.release();
        }
      }),
    );
    for (const row of ids) {
      const tokens = wordsOf(model, row);
      texts.push({ text: textOf(model, tokens), tokens });
    }
  }
  return texts;
}
