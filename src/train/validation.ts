/** Held-out figures. */
import { RiverrunError } from "../base/errors.ts";
import { hashSeed, namedSeed, RandomStream } from "../base/random.ts";
import { noiseFloor, type PreparedText, spokenIds, type TextFlow, type TextScore } from "../flow/index.ts";
import { defaultBatch, overBatches } from "../generate/batches.ts";
import { scoreTexts } from "../generate/index.ts";

/** Sums and means over held-out texts. */
export interface Validation {
  /** Sum of NELBO over sum of tokens, nats. */
  readonly nelboPerToken: number;
  /** Sum of -log p over (sum of positions * D * ln 2). */
  readonly bitsPerDim: number;
  /** Standard error of `bitsPerDim` over the texts. */
  readonly bitsPerDimError: number;
  /** log2(sigma sqrt(2 pi e)), which no model's expected bitsPerDim is below. */
  readonly floorBitsPerDim: number;
  readonly texts: number;
  readonly tokens: number;
  /**
   * Of Language Flow+, whose other figures are its frozen flow's: the sum of -log p(w | z) over the tokens said, nats, z
   * with the noise of the training. No likelihood of a text: z is made of it.
   */
  readonly decoderNatsPerToken?: number | undefined;
}

/** A seeded choice of at most `most` texts, the same at every validation. */
export function chooseHeldOut(model: TextFlow, texts: readonly string[], most: number, seed: number): PreparedText[] {
  const order = new RandomStream(namedSeed(seed, "held-out texts")).shuffle(texts.map((_, index) => index));
  const chosen = order.slice(0, most).sort((a, b) => a - b);
  return chosen.map((index) => model.prepare(texts[index]));
}

/**
 * Bits per dimension over texts as a ratio of sums, R = sum a_i / sum d_i, with the standard error of a ratio:
 * sqrt(m / (m - 1) sum r_c^2) / sum d, r_c the sum of a_i - R d_i over the copies of one text, which share their noise.
 * The error is never taken smaller than that of the noise's own log-density, sqrt(sum d / 2) / (ln 2 sum d).
 *
 * @param density -log p of each text, nats
 * @param dimensions positions * D of each text
 * @param keys equal for copies of a text
 */
export function ratioWithError(
  density: readonly number[],
  dimensions: readonly number[],
  keys: readonly string[],
): { readonly mean: number; readonly error: number } {
  const size = dimensions.reduce((sum, count) => sum + count, 0);
  const ratio = density.reduce((sum, nats) => sum + nats, 0) / size;
  const residuals = new Map<string, number>();
  keys.forEach((key, index) => {
    residuals.set(key, (residuals.get(key) ?? 0) + density[index] - ratio * dimensions[index]);
  });
  const squares = [...residuals.values()].reduce((sum, residual) => sum + residual * residual, 0);
  const clusters = residuals.size;
  const sampled = clusters > 1 ? Math.sqrt((squares * clusters) / (clusters - 1)) / size : 0;
  const least = Math.sqrt(size / 2) / size;
  return { mean: ratio / Math.LN2, error: Math.max(sampled, least) / Math.LN2 };
}

/** A density was below the entropy of its own noise, where none can be. */
export class BelowFloorError extends RiverrunError {
  override name = "BelowFloorError";
}

/** @throws RiverrunError where a mean is not finite, BelowFloorError where it is more than 4 standard errors below the floor. */
export function refuseBelowFloor(mean: number, error: number, floor: number, texts: number): void {
  if (!Number.isFinite(mean)) {
    throw new RiverrunError(
      `the density of ${texts} held-out texts is ${mean}: the weights have exploded, or a file of model.safetensors or training/ was damaged; go on from an earlier copy, or start anew with a lower train.learningRate`,
    );
  }
  if (mean >= floor - 4 * error) return;
  throw new BelowFloorError(
    `a bug in riverrun: ${mean.toFixed(5)} bits per dimension over ${texts} texts are ${((floor - mean) / error).toFixed(1)} standard errors (of ${error.toFixed(5)}) below the entropy of the noise, ${floor.toFixed(5)}; no density can be there, so the likelihood is wrong`,
  );
}

/** What a summary reads of a text's score. */
type Scored = Pick<TextScore, "tokens" | "negLogDensity" | "nelbo">;

/** The summary of scores. @throws RiverrunError where it is below the floor, see `refuseBelowFloor`. */
export function summarise(model: TextFlow, texts: readonly PreparedText[], scores: readonly Scored[]): Validation {
  const { dimensions, sigma } = model.config.data;
  const tokens = scores.reduce((sum, score) => sum + score.tokens, 0);
  const nelbo = scores.reduce((sum, score) => sum + score.nelbo, 0);
  const { mean, error } = ratioWithError(
    scores.map(({ negLogDensity }) => negLogDensity),
    texts.map(({ positions }) => positions * dimensions),
    texts.map(({ ids }) => ids.join(" ")),
  );
  const floor = noiseFloor(sigma);
  refuseBelowFloor(mean, error, floor, texts.length);
  return {
    nelboPerToken: nelbo / tokens,
    bitsPerDim: mean,
    bitsPerDimError: error,
    floorBitsPerDim: floor,
    texts: texts.length,
    tokens,
  };
}

/** -log p(w | z) of each text by the attention decoder, nats, with a noise of its own on the latents. */
function decoderNats(model: TextFlow, texts: readonly PreparedText[], seed: number, variance: number): number[] {
  return overBatches(model, texts, defaultBatch, (batch) => {
    const seeds = batch.texts.map(({ ids }) => hashSeed(seed, "evaluation", ids));
    return model.decoderNats(batch, model.drawLatentNoise(batch, seeds, Math.sqrt(variance))).toNumbers();
  });
}

/** What a validation knows of one text, which does not depend on the texts beside it. */
export interface HeldOutScore {
  /** -log p(x~ | N), nats. */
  readonly negLogDensity: number;
  /** The bound, nats. */
  readonly nelbo: number;
  /** Of Language Flow+: -log p(w | z), nats; else 0. */
  readonly decoderNats: number;
}

/** Scores held-out texts with evaluation noise; in float32 (a float64 model in float64), as `riverrun score` does. */
export function scoreHeldOut(model: TextFlow, texts: readonly PreparedText[], seed: number): HeldOutScore[] {
  const decoder = model.config.attentionDecoder;
  const { scores, nats } = model.withNetworks("float32", () => ({
    scores: scoreTexts(model, texts, { seed }),
    nats: decoder && decoderNats(model, texts, seed, decoder.noiseVariance),
  }));
  return scores.map(({ negLogDensity, nelbo }, row) => ({ negLogDensity, nelbo, decoderNats: nats?.[row] ?? 0 }));
}

/** The summary of held-out scores. @throws RiverrunError where the result cannot be. */
export function validationOf(
  model: TextFlow,
  texts: readonly PreparedText[],
  scores: readonly HeldOutScore[],
): Validation {
  const validation = summarise(
    model,
    texts,
    scores.map(({ negLogDensity, nelbo }, row) => ({ negLogDensity, nelbo, tokens: texts[row].tokensCounted })),
  );
  if (!model.config.attentionDecoder) return validation;
  const spoken = texts.reduce((sum, { ids }) => sum + spokenIds(ids).length, 0);
  return { ...validation, decoderNatsPerToken: scores.reduce((sum, score) => sum + score.decoderNats, 0) / spoken };
}

/** Scores held-out texts with evaluation noise. @throws RiverrunError where the result cannot be. */
export function validate(model: TextFlow, texts: readonly PreparedText[], seed: number): Validation {
  return validationOf(model, texts, scoreHeldOut(model, texts, seed));
}
