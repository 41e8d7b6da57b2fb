/** Corpus BLEU-4 (Papineni et al. 2002) in the two conventions that papers report. */
import { type CorpusScores, checkPairs } from "./corpusScores.ts";
import { clippedMatches, countNgrams, largestCounts } from "./ngrams.ts";
import { type TokenizationName, tokenizationByName } from "./tokenization.ts";

/** Highest order of n-grams. */
const orders = 4;

/** Statistics of an example: length of the hypothesis, closest length of a reference, 4 matches, 4 totals. */
const width = 2 + 2 * orders;

function statisticsOf(hypothesis: readonly string[], references: readonly (readonly string[])[]): number[] {
  const c = hypothesis.length;
  let closest = references[0].length;
  for (const { length } of references) {
    const nearer = Math.abs(length - c) - Math.abs(closest - c);
    // Of two references equally near in length the shorter counts, in both conventions.
    if (nearer < 0 || (nearer === 0 && length < closest)) closest = length;
  }
  const matches: number[] = [];
  const guesses: number[] = [];
  for (let order = 1; order <= orders; order++) {
    matches.push(clippedMatches(countNgrams(hypothesis, order), largestCounts(references, order)));
    guesses.push(Math.max(0, c - order + 1));
  }
  return [c, closest, ...matches, ...guesses];
}

/**
 * coco-caption's BLEU-4 of summed statistics: (prod_n (m_n + 1e-15) / (g_n + 1e-9))^(1/4), times exp(1 - 1/ratio) where
 * ratio = (c + 1e-15) / (r + 1e-9) < 1. No smoothing: the guards only keep it defined. Percent.
 */
function cocoBleu(sums: ArrayLike<number>): number {
  let product = 1;
  for (let n = 0; n < orders; n++) product *= (sums[2 + n] + 1e-15) / (sums[2 + orders + n] + 1e-9);
  const ratio = (sums[0] + 1e-15) / (sums[1] + 1e-9);
  return 100 * product ** (1 / orders) * (ratio < 1 ? Math.exp(1 - 1 / ratio) : 1);
}

/**
 * sacrebleu's BLEU-4 of summed statistics: exp(mean_n log p_n) times the brevity penalty exp(1 - r/c) where c < r; the
 * k-th order without a match counts as 1 / (2^k g_n) (smoothing `exp`, Chen and Cherry 2014); 0 without any match or
 * where an order has no n-gram at all. Percent.
 */
export function sacreBleu(sums: ArrayLike<number>): number {
  const [c, r] = [sums[0], sums[1]];
  if (c === 0 || sums[2] + sums[3] + sums[4] + sums[5] === 0) return 0;
  let smoothing = 1;
  let logs = 0;
  for (let n = 0; n < orders; n++) {
    const guesses = sums[2 + orders + n];
    if (guesses === 0) return 0;
    if (sums[2 + n] === 0) smoothing *= 2;
    logs += Math.log(sums[2 + n] === 0 ? 100 / (smoothing * guesses) : (100 * sums[2 + n]) / guesses);
  }
  return (c < r ? Math.exp(1 - r / c) : 1) * Math.exp(logs / orders);
}

/**
 * BLEU-4 of a corpus. `13a` and `none` count as sacrebleu 2.6.0 does and carry its signature; `coco` and `ptb` count as
 * coco-caption does.
 *
 * @param references one list of texts an example.
 * @throws UsageError where the numbers differ or an example has no reference.
 */
export function bleu(
  hypotheses: readonly string[],
  references: readonly (readonly string[])[],
  tokenization: TokenizationName = "13a",
): CorpusScores {
  checkPairs(hypotheses, references);
  const tokens = tokenizationByName(tokenization);
  const statistics = new Float64Array(hypotheses.length * width);
  for (const [i, hypothesis] of hypotheses.entries()) {
    statistics.set(statisticsOf(tokens(hypothesis), references[i].map(tokens)), i * width);
  }
  const sacre = tokenization === "13a" || tokenization === "none";
  const numbers = new Set(references.map(({ length }) => length));
  const nrefs = numbers.size === 1 ? references[0].length : "var";
  return {
    metric: "bleu",
    signature: sacre
      ? `nrefs:${nrefs}|case:mixed|eff:no|tok:${tokenization}|smooth:exp|version:2.6.0`
      : `nrefs:${nrefs}|case:${tokenization === "ptb" ? "lc" : "mixed"}|eff:no|tok:${tokenization}|smooth:none|ref:closest|version:coco-caption`,
    count: hypotheses.length,
    width,
    statistics,
    score: sacre ? sacreBleu : cocoBleu,
  };
}
