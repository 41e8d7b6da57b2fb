/** Who is at fault where no words can be read off latents: they, or the model. */
import { NonFiniteOutputError } from "../base/finite.ts";
import { hashSeed } from "../base/random.ts";
import type { TextFlow } from "../flow/index.ts";
import { type DecodeOptions, decodeLatents, drawLatents, type Latent } from "./latents.ts";

/** Whether `decodeLatents` throws a NonFiniteOutputError. */
export function saysNoWords(model: TextFlow, latents: readonly Latent[], options: DecodeOptions): boolean {
  try {
    decodeLatents(model, latents, options);
    return false;
  } catch (error) {
    if (error instanceof NonFiniteOutputError) return true;
    throw error;
  }
}

/**
 * Whether `decodeLatents` throws a NonFiniteOutputError for a latent of N(0, I) of so many positions, too, so that it is not
 * the latents that are at fault where it did.
 */
export function isModelAtFault(model: TextFlow, positions: number, options: DecodeOptions): boolean {
  return saysNoWords(model, drawLatents(model, [positions], [hashSeed(1, "latent")], 1), options);
}

/**
 * What is wrong with a latent for which `decodeLatents` threw a NonFiniteOutputError, beginning with its field "values";
 * undefined where the model is at fault.
 */
export function faultOfLatent(
  model: TextFlow,
  { positions, values }: Latent,
  options: DecodeOptions,
): string | undefined {
  if (isModelAtFault(model, positions, options)) return undefined;
  const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return `values: far too large, up to ${largest.toPrecision(3)}: the model computes NaN or infinity from them where words are chosen; expected latents of about N(0, I), as encode gives them`;
}
