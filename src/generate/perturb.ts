/** Rewrites of a text by noise on its latent, x^ = f^-1(f(x) + z_0). Paper, section 2.5. */
import { UsageError } from "../base/errors.ts";
import { NonFiniteOutputError, TooLargeError } from "../base/finite.ts";
import { hashSeed } from "../base/random.ts";
import type { PreparedText, TextFlow } from "../flow/index.ts";
import { decodesByWord } from "./beam.ts";
import { saysNoWords } from "./fault.ts";
import { type DecodeOptions, decodeLatents, drawLatents, encodeTexts, type GeneratedText } from "./latents.ts";
import { noiseVariances } from "./noiseVariance.ts";

/** Choices of `perturbTexts`. */
export interface PerturbOptions extends DecodeOptions {
  /** Variance of z_0, from 0 to 10000; the paper uses 0.5. */
  readonly noiseVariance: number;
  /** Rewrites of each text. */
  readonly variants: number;
  readonly seed: number;
}

/** One rewrite. */
export interface Rewrite extends GeneratedText {
  readonly source: string;
  /** 0, 1, ... of this source. */
  readonly variant: number;
}

/**
 * `variants` rewrites of every text, z_0 ~ N(0, noiseVariance) keyed by (seed, token ids, variant). Position 0 of an
 * autoregressive flow, the constant `<sos>`, gets no noise.
 *
 * @throws UsageError for a variance outside `noiseVariances` or a number of variants that is not a positive integer;
 *   TooLargeError where words can be read off the texts' own latents, but not under this noise; NonFiniteOutputError where
 *   not even off those.
 */
export function perturbTexts(model: TextFlow, texts: readonly PreparedText[], options: PerturbOptions): Rewrite[] {
  const { noiseVariance, variants, seed } = options;
  if (!noiseVariances.takes(noiseVariance)) {
    throw new UsageError(`noise-variance: expected ${noiseVariances.expected}, got ${noiseVariance}`);
  }
  if (!Number.isInteger(variants) || variants < 1) {
    throw new UsageError(`variants: expected a positive integer, got ${variants}`);
  }
  const encoded = encodeTexts(model, texts, options);
  const jobs = texts.flatMap((text, index) =>
    Array.from({ length: variants }, (_, variant) => ({ text, variant, latent: encoded[index] })),
  );
  const noise = drawLatents(
    model,
    jobs.map(({ latent }) => latent.positions),
    jobs.map(({ text, variant }) => hashSeed(seed, "perturb", text.ids, variant)),
    Math.sqrt(noiseVariance),
  );
  const untouched = decodesByWord(model) ? model.config.data.dimensions : 0;
  const moved = jobs.map(({ latent }, index) => ({
    positions: latent.positions,
    values: latent.values.map((value, place) => (place < untouched ? value : value + noise[index].values[place])),
  }));
  let decoded: readonly GeneratedText[];
  try {
    decoded = decodeLatents(model, moved, options);
  } catch (error) {
    const isOfNoise = error instanceof NonFiniteOutputError && noiseVariance > 0;
    if (!isOfNoise || saysNoWords(model, encoded, options)) throw error;
    throw new TooLargeError(
      `noise-variance: ${noiseVariance} is far too large: the model computes NaN or infinity from the noisy latents where words are chosen, but not from the texts' own; usual noise has 0.1 to 1`,
      { cause: error },
    );
  }
  return decoded.map((text, index) => ({ ...text, source: jobs[index].text.text, variant: jobs[index].variant }));
}
