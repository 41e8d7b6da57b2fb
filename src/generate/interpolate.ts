/** Texts on the way between two texts. Paper, Table 2. */
import { UsageError } from "../base/errors.ts";
import type { PreparedText, TextFlow } from "../flow/index.ts";
import { type DecodeOptions, decodeLatents, encodeTexts, type GeneratedText, type Latent } from "./latents.ts";

/** Choices of `interpolateTexts`. */
export interface InterpolateOptions extends DecodeOptions {
  /** Weights of the first text: 1 is the first, 0 the second. */
  readonly ratios: readonly number[];
  /** Along the great circle instead of the straight line, which keeps the norm that the prior expects. */
  readonly spherical?: boolean;
}

/** One text on the way. */
export interface Interpolation extends GeneratedText {
  readonly ratio: number;
}

/** r a + (1 - r) b. */
export function linear(a: Float32Array, b: Float32Array, ratio: number): Float32Array {
  return a.map((value, index) => ratio * value + (1 - ratio) * b[index]);
}

/**
 * (sin(r w) a + sin((1 - r) w) b) / sin w, w the angle between a and b; the straight line where they are parallel.
 */
export function spherical(a: Float32Array, b: Float32Array, ratio: number): Float32Array {
  let dot = 0;
  let squareA = 0;
  let squareB = 0;
  a.forEach((value, index) => {
    dot += value * b[index];
    squareA += value * value;
    squareB += b[index] * b[index];
  });
  const cosine = dot / Math.sqrt(squareA * squareB);
  const angle = Math.acos(Math.max(-1, Math.min(1, cosine)));
  const sine = Math.sin(angle);
  if (!(sine > 1e-6)) return linear(a, b, ratio);
  const weightA = Math.sin(ratio * angle) / sine;
  const weightB = Math.sin((1 - ratio) * angle) / sine;
  return a.map((value, index) => weightA * value + weightB * b[index]);
}

/**
 * z = r z_1 + (1 - r) z_2, decoded. Where the texts differ in length, the number of positions is interpolated too, and
 * positions that only one text has count as 0, the centre of the prior, in the other.
 *
 * @throws UsageError for a ratio outside [0, 1].
 */
export function interpolateTexts(
  model: TextFlow,
  first: PreparedText,
  second: PreparedText,
  options: InterpolateOptions,
): Interpolation[] {
  return interpolatePairs(model, [[first, second]], options)[0];
}

/** {@link interpolateTexts} of many pairs at once. */
export function interpolatePairs(
  model: TextFlow,
  pairs: readonly (readonly [PreparedText, PreparedText])[],
  options: InterpolateOptions,
): Interpolation[][] {
  const { ratios } = options;
  for (const ratio of ratios) {
    if (!(ratio >= 0 && ratio <= 1)) throw new UsageError(`ratios: expected numbers from 0 to 1, got ${ratio}`);
  }
  const ends = encodeTexts(model, pairs.flat());
  const { dimensions } = model.config.data;
  const cut = ({ values }: Latent, positions: number): Float32Array => {
    const part = new Float32Array(positions * dimensions);
    part.set(values.subarray(0, part.length));
    return part;
  };
  const blend = options.spherical ? spherical : linear;
  const latents = pairs.flatMap((_, index) => {
    const [a, b] = [ends[2 * index], ends[2 * index + 1]];
    return ratios.map((ratio) => {
      const mixed = (ratio * a.positions + (1 - ratio) * b.positions) / model.unit;
      const positions = Math.round(mixed) * model.unit;
      return { positions, values: blend(cut(a, positions), cut(b, positions), ratio) };
    });
  });
  const texts = decodeLatents(model, latents, options);
  return pairs.map((_, index) => ratios.map((ratio, place) => ({ ...texts[index * ratios.length + place], ratio })));
}
