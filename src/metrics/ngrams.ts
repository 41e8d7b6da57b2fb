/** Counts of n-grams. */

/** Counts of the n-grams of one order; a key is the tokens joined by U+0000, which no token of a text line contains. */
export function countNgrams(tokens: readonly string[], order: number): Map<string, number> {
  const counts = new Map<string, number>();
  for (let start = 0; start + order <= tokens.length; start++) {
    let key = tokens[start];
    for (let k = 1; k < order; k++) key += `\0${tokens[start + k]}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}

/** Counts of several texts merged by the largest count of each n-gram, which is what BLEU clips by. */
export function largestCounts(texts: readonly (readonly string[])[], order: number): Map<string, number> {
  const largest = countNgrams(texts[0], order);
  for (const tokens of texts.slice(1)) {
    for (const [ngram, count] of countNgrams(tokens, order)) {
      if (count > (largest.get(ngram) ?? 0)) largest.set(ngram, count);
    }
  }
  return largest;
}

/** Clipped matches: sum over n-grams of min(count, largest count in the references). */
export function clippedMatches(counts: ReadonlyMap<string, number>, largest: ReadonlyMap<string, number>): number {
  let matches = 0;
  for (const [ngram, count] of counts) matches += Math.min(count, largest.get(ngram) ?? 0);
  return matches;
}
