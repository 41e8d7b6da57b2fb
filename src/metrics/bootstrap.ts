/** Confidence intervals and significance by resampling the examples (Efron and Tibshirani 1993, chapters 13 and 16). */
import { availableParallelism } from "node:os";
import { UsageError } from "../base/errors.ts";
import { type CorpusScores, corpusScore } from "./corpusScores.ts";
import { resampleInWorkers } from "./resampleInWorkers.ts";

/** How a bootstrap is run. */
export interface BootstrapOptions {
  /** B, the number of resamples; 100,000 are needed to state p < 0.0001. */
  readonly resamples?: number;
  readonly seed?: number;
  /** Share of the resamples inside the interval, 0.95. */
  readonly confidence?: number;
  /** Threads; the result does not depend on it. Default: the processors at hand. */
  readonly workers?: number;
}

/** Two ends of an interval. */
export type Interval = readonly [low: number, high: number];

/** What {@link pairedBootstrap} found; scores in percent. */
export interface PairedBootstrap {
  readonly scoreA: number;
  readonly scoreB: number;
  /** scoreA - scoreB. */
  readonly delta: number;
  /** One-sided, null-centred: (1 + #{delta_b - delta >= delta}) / (B + 1). Small where A is better. */
  readonly pValue: number;
  /** Plain: (1 + #{delta_b <= 0}) / (B + 1). */
  readonly pValuePlain: number;
  /** Percentile interval of delta. */
  readonly interval: Interval;
  readonly resamples: number;
}

function settings(options: BootstrapOptions): Required<BootstrapOptions> {
  const { resamples = 100_000, seed = 1, confidence = 0.95, workers = availableParallelism() } = options;
  if (!Number.isInteger(resamples) || resamples < 1) {
    throw new UsageError(`${resamples} resamples; expected a whole number of at least 1`);
  }
  if (!Number.isSafeInteger(seed)) throw new UsageError(`the seed ${seed} is not a whole number below 2^53`);
  if (!(confidence > 0 && confidence < 1)) throw new UsageError(`a confidence of ${confidence}; expected 0 < c < 1`);
  if (!Number.isInteger(workers) || workers < 1) {
    throw new UsageError(`${workers} workers; expected a whole number of at least 1`);
  }
  return { resamples, seed, confidence, workers };
}

/** The quantile q of ascending values, linear between neighbours. */
function quantile(sorted: Float64Array, q: number): number {
  const at = q * (sorted.length - 1);
  const below = Math.floor(at);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (at - below) * (sorted[above] - sorted[below]);
}

function percentiles(values: Float64Array, confidence: number): Interval {
  const sorted = values.slice().sort();
  return [quantile(sorted, (1 - confidence) / 2), quantile(sorted, (1 + confidence) / 2)];
}

/**
 * The percentile interval of a corpus score, in percent: the score of B resamples of n examples drawn with replacement,
 * their (1 - confidence) / 2 quantiles from below and above.
 *
 * @throws UsageError for options out of range.
 */
export async function bootstrapInterval(scores: CorpusScores, options: BootstrapOptions = {}): Promise<Interval> {
  const { resamples, seed, confidence, workers } = settings(options);
  const { statistics, count, width } = scores;
  const sums = await resampleInWorkers({ statistics, count, width, seed }, resamples, workers);
  return percentiles(
    Float64Array.from({ length: resamples }, (_, b) => scores.score(sums.subarray(b * width, (b + 1) * width), count)),
    confidence,
  );
}

/**
 * Whether A is better than B on the same examples: every resample draws the same examples for both, both corpus scores
 * are recomputed from the per-example statistics, delta_b is their difference.
 *
 * The null-centred p moves the deltas so that their centre is no difference, and asks how often chance alone reaches
 * the difference seen; the plain p asks how often A was not better. Exact ties of identical systems give p = 1.
 *
 * @throws UsageError where the numbers of examples or the metrics differ, or for options out of range.
 */
export async function pairedBootstrap(
  a: CorpusScores,
  b: CorpusScores,
  options: BootstrapOptions = {},
): Promise<PairedBootstrap> {
  const { resamples, seed, confidence, workers } = settings(options);
  if (a.count !== b.count) {
    throw new UsageError(
      `A has ${a.count} examples and B has ${b.count}; expected the same examples in the same order`,
    );
  }
  if (a.signature !== b.signature) {
    throw new UsageError(`A was scored by ${a.signature} and B by ${b.signature}; expected the same metric`);
  }
  const width = a.width + b.width;
  const statistics = new Float64Array(a.count * width);
  for (let i = 0; i < a.count; i++) {
    statistics.set(a.statistics.subarray(i * a.width, (i + 1) * a.width), i * width);
    statistics.set(b.statistics.subarray(i * b.width, (i + 1) * b.width), i * width + a.width);
  }
  const sums = await resampleInWorkers({ statistics, count: a.count, width, seed }, resamples, workers);
  const scoreA = corpusScore(a);
  const scoreB = corpusScore(b);
  const delta = scoreA - scoreB;
  const deltas = Float64Array.from({ length: resamples }, (_, k) => {
    const middle = k * width + a.width;
    return (
      a.score(sums.subarray(k * width, middle), a.count) - b.score(sums.subarray(middle, (k + 1) * width), b.count)
    );
  });
  let centred = 0;
  let plain = 0;
  // A resample may equal the sample; rounding must not decide on which side such a tie falls.
  const rounding = 1e-9;
  for (const value of deltas) {
    if (value - delta >= delta - rounding) centred++;
    if (value <= rounding) plain++;
  }
  return {
    scoreA,
    scoreB,
    delta,
    pValue: (1 + centred) / (resamples + 1),
    pValuePlain: (1 + plain) / (resamples + 1),
    interval: percentiles(deltas, confidence),
    resamples,
  };
}
