/** What every corpus metric hands on: one row of sufficient statistics an example, and the score of summed rows. */
import { UsageError } from "../base/errors.ts";

/**
 * Per-example sufficient statistics of a corpus metric. The corpus score is a function of their sums alone, so that a
 * resample of the examples is scored by summing rows (Efron and Tibshirani 1993), never by counting words again.
 */
export interface CorpusScores {
  /** Name of the metric: "bleu", "rouge", "meteor", "exactMatch", "f1", "accuracy". */
  readonly metric: string;
  /** Everything that the score depends on besides the texts, as `key:value|key:value`. */
  readonly signature: string;
  /** Number of examples n. */
  readonly count: number;
  /** Statistics an example, w. */
  readonly width: number;
  /** (n, w), row after row. */
  readonly statistics: Float64Array;
  /** The score in percent of `count` examples whose statistics sum to `sums` (w numbers). */
  readonly score: (sums: ArrayLike<number>, count: number) => number;
}

/** The sum of all rows, (w). */
export function totals(scores: CorpusScores): Float64Array {
  const sums = new Float64Array(scores.width);
  for (let at = 0; at < scores.statistics.length; ) {
    for (let k = 0; k < scores.width; k++) sums[k] += scores.statistics[at++];
  }
  return sums;
}

/** The corpus score in percent. */
export function corpusScore(scores: CorpusScores): number {
  return scores.score(totals(scores), scores.count);
}

/** The score of every example taken alone, in percent, (n). */
export function exampleScores(scores: CorpusScores): Float64Array {
  const { statistics, width, count } = scores;
  return Float64Array.from({ length: count }, (_, i) =>
    scores.score(statistics.subarray(i * width, (i + 1) * width), 1),
  );
}

/** Scores that are the mean of one figure an example; `values` are shares in [0, 1]. */
export function meanScores(metric: string, signature: string, values: Float64Array): CorpusScores {
  return {
    metric,
    signature,
    count: values.length,
    width: 1,
    statistics: values,
    score: (sums, count) => (100 * sums[0]) / count,
  };
}

/**
 * Checks that there are examples and that every one has references.
 *
 * @param references one list an example.
 * @throws UsageError naming the counts, or the first example without a reference.
 */
export function checkPairs(hypotheses: readonly string[], references: readonly (readonly string[])[]): void {
  if (hypotheses.length === 0) throw new UsageError("there are no hypotheses; expected at least one");
  if (hypotheses.length !== references.length) {
    throw new UsageError(
      `${hypotheses.length} hypotheses stand against references for ${references.length} examples; expected as many of each, in the same order`,
    );
  }
  const bare = references.findIndex((texts) => texts.length === 0);
  if (bare >= 0) throw new UsageError(`example ${bare + 1} has no reference; expected at least one`);
}
