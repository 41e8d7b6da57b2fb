/** Scoring texts: the bound on their negative log-likelihood with reproducible noise. */
import { hashSeed } from "../base/random.ts";
import { type PreparedText, scoresOf, type TextFlow, type TextScore } from "../flow/index.ts";
import { defaultBatch, overBatches } from "./batches.ts";

/** Choices of `scoreTexts`. */
export interface ScoreOptions {
  /** Evaluation noise is keyed by (seed, token ids): a text has one score in every file, batch and process. */
  readonly seed: number;
  readonly batchSize?: number;
}

/** One score a text, in the order given. */
export function scoreTexts(model: TextFlow, texts: readonly PreparedText[], options: ScoreOptions): TextScore[] {
  return overBatches(model, texts, options.batchSize ?? defaultBatch, (batch) => {
    const noise = model.drawNoise(
      batch,
      batch.texts.map(({ ids }) => hashSeed(options.seed, "evaluation", ids)),
    );
    return scoresOf(model, batch, model.likelihood(batch, noise));
  });
}
