/** Held-out figures. */
import { RiverrunError } from "../base/errors.ts";
import { noiseFloor, type PreparedText, type TextFlow } from "../flow/index.ts";
import { scoreTexts } from "../generate/index.ts";

/** Sums and means over held-out texts. */
export interface Validation {
  /** Sum of NELBO over sum of tokens, nats. */
  readonly nelboPerToken: number;
  readonly bitsPerDim: number;
  readonly floorBitsPerDim: number;
  readonly texts: number;
  readonly tokens: number;
}

/**
 * Scores texts with evaluation noise.
 *
 * @throws RiverrunError where the mean of bits per dimension is more than 4 standard errors below the noise's entropy:
 *   no model can be there in expectation, so the likelihood would be wrong.
 */
export function validate(model: TextFlow, texts: readonly PreparedText[], seed: number): Validation {
  const scores = scoreTexts(model, texts, { seed });
  const sum = (of: (index: number) => number): number => scores.reduce((total, _, index) => total + of(index), 0);
  const tokens = sum((index) => scores[index].tokens);
  const bits = scores.map((score) => score.bitsPerDim);
  const mean = sum((index) => bits[index]) / bits.length;
  const variance = sum((index) => (bits[index] - mean) ** 2) / Math.max(1, bits.length - 1);
  const floorBitsPerDim = noiseFloor(model.config.data.sigma);
  const error = Math.sqrt(variance / bits.length);
  if (bits.length > 1 && mean < floorBitsPerDim - 4 * error) {
    throw new RiverrunError(
      `the mean of ${mean.toFixed(4)} bits per dimension over ${bits.length} texts is more than 4 standard errors (${error.toFixed(4)}) below the noise floor ${floorBitsPerDim.toFixed(4)}: the likelihood is wrong`,
    );
  }
  const nelbo = sum((index) => scores[index].nelbo);
  return { nelboPerToken: nelbo / tokens, bitsPerDim: mean, floorBitsPerDim, texts: scores.length, tokens };
}
