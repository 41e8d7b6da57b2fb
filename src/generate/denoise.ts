/** Noisy texts through latent space and back, denoised in one step: what of the words the flow's density finds again. */
import { UsageError } from "../base/errors.ts";
import { hashSeed } from "../base/random.ts";
import { denoise, type PreparedText, type TextBatch, type TextFlow } from "../flow/index.ts";
import { noGrad, scope, type Tensor } from "../torch/index.ts";
import { defaultBatch, overBatches } from "./batches.ts";
import {
  compared,
  correctOf,
  type Reconstruction,
  ReconstructionTally,
  type ReconstructionTotals,
} from "./reconstruct.ts";
import { tokensOf } from "./tokens.ts";

/** What came back of one noisy text; the ids compared are those of the denoised points. */
export interface Denoised extends Reconstruction {
  /** Tokens that the model's own rule reads off the noisy points. */
  readonly correctBefore: number;
  /** Root mean square of x~ - e_w over the text's positions and channels: about sigma. */
  readonly noiseRms: number;
  /** Root mean square of x^ - e_w. */
  readonly denoisedRms: number;
}

/** Sums over many texts. */
export interface DenoisedTotals extends ReconstructionTotals {
  /** Share of the tokens that the model's own rule reads off the noisy points. */
  readonly tokenAccuracyBefore: number;
  /** Square roots of the mean squares of the texts. */
  readonly noiseRms: number;
  readonly denoisedRms: number;
}

/** Root mean square of each row over its real positions, zero elsewhere. */
function rms(difference: Tensor, texts: readonly PreparedText[]): number[] {
  const squares = scope(() => difference.to("float64").square().sum([1, 2]).toNumbers());
  return squares.map((sum, row) => Math.sqrt(sum / (texts[row].positions * difference.size(2))));
}

/**
 * x~ = e_w + sigma u with the evaluation noise of `seed`, z = f(x~), then x^ = x + sigma^2 d log p(x) / dx at x = f^-1(z):
 * the mean of the clean points given the noisy ones, if the flow's density is right (Tweedie's formula). Words are those
 * nearest to x^.
 *
 * @throws UsageError for a Language Flow+, whose words do not come from points
 */
export function denoiseTexts(
  model: TextFlow,
  texts: readonly PreparedText[],
  options: { readonly seed: number; readonly batchSize?: number },
): Denoised[] {
  if (model.attentionDecoder) {
    throw new UsageError(
      `denoising moves points, but ${model.config.preset} says words of latents: take its flow, which stands in the folder "flow"`,
    );
  }
  const { sigma } = model.config.data;
  const body = (batch: TextBatch): Denoised[] => {
    const { context } = batch;
    const [clean, noisy, back] = noGrad(() => {
      const seeds = batch.texts.map(({ ids }) => hashSeed(options.seed, "evaluation", ids));
      const noisy = model.points(batch, model.drawNoise(batch, seeds));
      return [model.points(batch), noisy, model.decode(model.flow.encode(noisy, context).y, context)];
    });
    const found = denoise(model.flow, back, sigma, context);
    const errors = back.sub(noisy).abs().amax([1, 2]).toNumbers();
    const [before, after] = [tokensOf(model, back, context), tokensOf(model, found, context, { rule: "nearest" })];
    const [noise, rest] = [noisy, found].map((points) => rms(points.sub(clean), batch.texts));
    return batch.texts.map((text, row) => ({
      ...compared(model, text, after[row], errors[row]),
      correctBefore: correctOf(model, text, before[row]),
      noiseRms: noise[row],
      denoisedRms: rest[row],
    }));
  };
  return overBatches(model, texts, options.batchSize ?? defaultBatch, body, { gradients: true });
}

/** The summary of many denoised texts, which are counted and not kept. */
export class DenoisedTally {
  readonly #reconstructions = new ReconstructionTally();
  #texts = 0;
  #correct = 0;
  #noise = 0;
  #rest = 0;

  add(row: Denoised): void {
    this.#reconstructions.add(row);
    this.#texts++;
    this.#correct += row.correctBefore;
    this.#noise += row.noiseRms ** 2;
    this.#rest += row.denoisedRms ** 2;
  }

  /** @throws UsageError where nothing was added */
  totals(): DenoisedTotals {
    const totals = this.#reconstructions.totals();
    return {
      ...totals,
      tokenAccuracyBefore: this.#correct / totals.tokens,
      noiseRms: Math.sqrt(this.#noise / this.#texts),
      denoisedRms: Math.sqrt(this.#rest / this.#texts),
    };
  }
}
