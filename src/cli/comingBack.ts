/** A model whose texts do not come back from latent space is of little use, and its training says so. */
import type { Config } from "../flow/index.ts";
import type { ReconstructionTotals } from "../generate/index.ts";

/** Share of the tokens of which fewer are worth a warning. */
const expectedShare = 0.99;

/** Why words are lost, and what to do. */
function causeOf({ data, generate }: Config, maxAbsError: number): string {
  if (!(maxAbsError < data.sigma / 2)) {
    return `coordinates come back with errors of up to ${maxAbsError.toPrecision(2)}; train with a lower train.learningRate, or in float64 (--precision)`;
  }
  const apart = "vectors that are farther apart (--vectors, a larger data.dimensions)";
  return generate.decoder === "cosine"
    ? `words whose vectors have nearly one direction are mixed up; train with ${apart}`
    : `words whose vectors are too near each other for noise of data.sigma ${data.sigma} are mixed up; train with a smaller data.sigma, or with ${apart}`;
}

/**
 * What is said where tokens of held-out texts are lost on the way to latent space and back: by words that are not told
 * apart, or by an inverse that is off by as much as the noise. Undefined where hardly any is, and of a Language Flow+, whose
 * words its decoder says, be the points right or not.
 */
export function lossWarning(config: Config, totals: ReconstructionTotals): string | undefined {
  const { tokenAccuracy, tokens, texts, maxAbsError } = totals;
  if (config.attentionDecoder || tokenAccuracy >= expectedShare) return undefined;
  const share = `${(100 * tokenAccuracy).toFixed(2)} % of ${tokens} tokens of ${texts} held-out texts`;
  return `warning: only ${share} come back from latent space: ${causeOf(config, maxAbsError)}`;
}
