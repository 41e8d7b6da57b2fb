/** New texts from the prior. */
import { hashSeed, RandomStream } from "../base/random.ts";
import { drawLength, type TextFlow } from "../flow/index.ts";
import { type DecodeOptions, decodeLatents, drawLatents, type GeneratedText } from "./latents.ts";

/** Choices of `sampleTexts`. */
export interface SampleOptions extends DecodeOptions {
  readonly count: number;
  readonly seed: number;
  /** tau: latents are drawn from N(0, tau^2). */
  readonly temperature?: number;
}

/** A sample and the number that makes it again. */
export interface Sample extends GeneratedText {
  readonly seed: number;
}

/**
 * N from the length model, z ~ N(0, tau^2 I), x = f^-1(z), words by the token rule. Sample i of seed s is the only
 * sample of seed s + i, so each can be made again alone.
 */
export function sampleTexts(model: TextFlow, options: SampleOptions): Sample[] {
  const { count, seed } = options;
  const temperature = options.temperature ?? model.config.generate.temperature;
  const seeds = Array.from({ length: count }, (_, index) => seed + index);
  const positions = seeds.map((own) =>
    model.config.data.fixedLength
      ? model.config.data.positions
      : drawLength(model.lengthLogProbabilities, model.unit, new RandomStream(hashSeed(own, "length")).uniform()),
  );
  const streams = seeds.map((own) => hashSeed(own, "latent"));
  const latents = drawLatents(model, positions, streams, temperature);
  return decodeLatents(model, latents, options).map((text, index) => ({ ...text, seed: seeds[index] }));
}
