/** How varied a set of texts is. */
import { UsageError } from "../base/errors.ts";
import { sacreBleu } from "./bleu.ts";
import { countNgrams } from "./ngrams.ts";
import { type TokenizationName, tokenizationByName } from "./tokenization.ts";

/**
 * Distinct-n (Li et al. 2016): different n-grams over all n-grams of the texts together, in [0, 1]; 0 where there are
 * no n-grams.
 *
 * @throws UsageError unless n is a whole number of at least 1.
 */
export function distinctN(texts: readonly string[], n: number, tokenization: TokenizationName = "none"): number {
  if (!Number.isInteger(n) || n < 1)
    throw new UsageError(`distinct-n of n = ${n}; expected a whole number of at least 1`);
  const tokens = tokenizationByName(tokenization);
  const different = new Set<string>();
  let all = 0;
  for (const text of texts) {
    for (const [ngram, count] of countNgrams(tokens(text), n)) {
      different.add(ngram);
      all += count;
    }
  }
  return all === 0 ? 0 : different.size / all;
}

/** The largest and the second largest count of an n-gram over texts, and whose the largest is. */
interface TwoLargest {
  owner: number;
  largest: number;
  second: number;
}

/**
 * Self-BLEU (Zhu et al. 2018) in percent: the mean over texts of BLEU-4 of a text against all the others as its
 * references, counted as sacrebleu counts a sentence (an order without a match is smoothed). 100 says that every text
 * is in another one; lower is more varied.
 *
 * Linear in the number of n-grams: a text's matches are clipped by the largest count of the n-gram in another text,
 * which the two largest counts of each n-gram tell.
 *
 * @throws UsageError for fewer than two texts.
 */
export function selfBleu(texts: readonly string[], tokenization: "13a" | "none" = "none"): number {
  if (texts.length < 2) throw new UsageError(`self-BLEU of ${texts.length} texts; expected at least two`);
  const tokens = texts.map(tokenizationByName(tokenization));
  const statistics = tokens.map(({ length }, i) => [length, closestLength(length, tokens, i)]);
  for (let order = 1; order <= 4; order++) {
    const counts = tokens.map((words) => countNgrams(words, order));
    const table = new Map<string, TwoLargest>();
    for (const [owner, ngrams] of counts.entries()) {
      for (const [ngram, count] of ngrams) {
        const entry = table.get(ngram);
        if (entry === undefined) table.set(ngram, { owner, largest: count, second: 0 });
        else if (count > entry.largest) Object.assign(entry, { owner, largest: count, second: entry.largest });
        else entry.second = Math.max(entry.second, count);
      }
    }
    for (const [i, ngrams] of counts.entries()) {
      let matches = 0;
      for (const [ngram, count] of ngrams) {
        const entry = table.get(ngram);
        if (entry !== undefined) matches += Math.min(count, entry.owner === i ? entry.second : entry.largest);
      }
      statistics[i].push(matches);
    }
  }
  let sum = 0;
  for (const row of statistics) {
    sum += sacreBleu([...row, ...[1, 2, 3, 4].map((order) => Math.max(0, row[0] - order + 1))]);
  }
  return sum / texts.length;
}

/** The length nearest to `length` among the other texts; the shorter of two equally near. */
function closestLength(length: number, tokens: readonly (readonly string[])[], self: number): number {
  let closest = Number.POSITIVE_INFINITY;
  for (const [i, { length: other }] of tokens.entries()) {
    if (i === self) continue;
    const nearer = Math.abs(other - length) - Math.abs(closest - length);
    if (nearer < 0 || (nearer === 0 && other < closest)) closest = other;
  }
  return closest;
}
