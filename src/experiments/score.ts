/** Figures of a trained flow on reported texts. */
import { hashSeed } from "../base/random.ts";
import { noiseFloor, type PreparedText, type TextFlow } from "../flow/index.ts";
import { overBatches } from "../generate/batches.ts";
import { ratioWithError, refuseBelowFloor } from "../train/validation.ts";
import type { FlowFigures, RunResult } from "./results.ts";

/** The parts of the bound of one text, nats. */
interface Parts {
  readonly density: number;
  readonly length: number;
  readonly noise: number;
  readonly decoding: number;
}

/**
 * The bound of every text and its parts, with evaluation noise keyed by (seed, token ids).
 *
 * @throws RiverrunError where the mean is below the noise floor by more than 4 standard errors: no density can be there.
 */
export function scoreFlow(
  model: TextFlow,
  texts: readonly PreparedText[],
  seed: number,
): Pick<RunResult, "nats" | "tokens"> & { readonly density: FlowFigures } {
  const { dimensions, positions, sigma } = model.config.data;
  const parts = overBatches(model, texts, 32, (batch): Parts[] => {
    const seeds = batch.texts.map(({ ids }) => hashSeed(seed, "evaluation", ids));
    const likelihood = model.likelihood(batch, model.drawNoise(batch, seeds));
    const columns = [likelihood.negLogDensity, likelihood.lengthNats, likelihood.logNoise, likelihood.decodeNats].map(
      (column) => column.toNumbers(),
    );
    return batch.texts.map((_, row) => {
      const [density, length, noise, decoding] = columns.map((column) => column[row]);
      return { density, length, noise, decoding };
    });
  });
  const sum = (of: (part: Parts) => number): number => parts.reduce((total, part) => total + of(part), 0);
  const sizes = texts.map((text) => text.positions * dimensions);
  const { mean, error } = ratioWithError(
    parts.map(({ density }) => density),
    sizes,
    texts.map(({ ids }) => ids.join(" ")),
  );
  const floor = noiseFloor(sigma);
  refuseBelowFloor(mean, error, floor, texts.length);
  const negLogDensity = sum(({ density }) => density);
  return {
    nats: parts.map(({ density, length, noise, decoding }) => density + length + noise + decoding),
    tokens: texts.map(({ tokensCounted }) => tokensCounted),
    density: {
      negLogDensity,
      excess: sum(({ density, noise }) => density + noise),
      length: sum(({ length }) => length),
      decoding: sum(({ decoding }) => decoding),
      dimensions: sizes.reduce((total, size) => total + size, 0),
      bitsPerDim: mean,
      bitsPerDimError: error,
      bitsPerDimPaper:
        negLogDensity / (texts.length * positions * dimensions * Math.LN2) - Math.log2(model.config.report.d),
      floorBitsPerDim: floor,
      sigma,
    },
  };
}
