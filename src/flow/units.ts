/** From the parts of a bound to the figures that are reported (nats per token, bits per dimension). */
import type { Likelihood, TextBatch, TextFlow } from "./textFlow.ts";

/** The figures of one text. */
export interface TextScore {
  /** n: words and `<eos>`. */
  readonly tokens: number;
  /** How many of them are words that are not in the vocabulary, scored as `<unk>`. */
  readonly unknown: number;
  /** -log p(x~ | N), nats. */
  readonly negLogDensity: number;
  /** The bound on -log P(text), nats: -log p(x~) + log q(x~ | w) - sum_t log p(w_t | x~_t), length included. */
  readonly nelbo: number;
  readonly nelboPerToken: number;
  /** -log p / (counted positions * D * ln 2), raw. */
  readonly bitsPerDim: number;
  /** -log p / (T * D * ln 2) - log2 d, the paper's equation 6 with T the model's length. */
  readonly bitsPerDimPaper: number;
  /** log2(sigma sqrt(2 pi e)): no model's expected bitsPerDim is below it. */
  readonly floorBitsPerDim: number;
}

/** log2(sigma * sqrt(2 pi e)), the entropy of the noise in bits per dimension. */
export function noiseFloor(sigma: number): number {
  return Math.log2(sigma * Math.sqrt(2 * Math.PI * Math.E));
}

/** One score for each text of a batch. */
export function scoresOf(model: TextFlow, batch: TextBatch, likelihood: Likelihood): TextScore[] {
  const { data, report } = model.config;
  const columns = {
    density: likelihood.negLogDensity.toNumbers(),
    length: likelihood.lengthNats.toNumbers(),
    noise: likelihood.logNoise.toNumbers(),
    decode: likelihood.decodeNats.toNumbers(),
  };
  return batch.texts.map((text, row) => {
    const negLogDensity = columns.density[row];
    const nelbo = negLogDensity + columns.length[row] + columns.noise[row] + columns.decode[row];
    const perDimension = data.dimensions * Math.LN2;
    return {
      tokens: text.tokensCounted,
      unknown: text.unknown,
      negLogDensity,
      nelbo,
      nelboPerToken: nelbo / text.tokensCounted,
      bitsPerDim: negLogDensity / (text.positions * perDimension),
      bitsPerDimPaper: negLogDensity / (data.positions * perDimension) - Math.log2(report.d),
      floorBitsPerDim: noiseFloor(data.sigma),
    };
  });
}
