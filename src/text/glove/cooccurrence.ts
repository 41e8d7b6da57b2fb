/** Weighted counts of words that stand near each other. */

/** Non-zero entries of the symmetric co-occurrence matrix, each pair once a direction. */
export interface Cooccurrences {
  readonly rows: Int32Array;
  readonly columns: Int32Array;
  readonly values: Float64Array;
}

/**
 * X_ij = sum of 1 / distance over all occurrences of j within `window` words of i, on both sides, never across the end of
 * a text (GloVe).
 *
 * @param texts ids of each text
 */
export function cooccurrences(
  texts: Iterable<readonly number[]>,
  vocabularySize: number,
  window: number,
): Cooccurrences {
  const counts = new Map<number, number>();
  for (const ids of texts) {
    for (let at = 1; at < ids.length; at++) {
      for (let distance = 1; distance <= window && distance <= at; distance++) {
        const a = ids[at];
        const b = ids[at - distance];
        const forward = a * vocabularySize + b;
        const backward = b * vocabularySize + a;
        counts.set(forward, (counts.get(forward) ?? 0) + 1 / distance);
        counts.set(backward, (counts.get(backward) ?? 0) + 1 / distance);
      }
    }
  }
  const rows = new Int32Array(counts.size);
  const columns = new Int32Array(counts.size);
  const values = new Float64Array(counts.size);
  let index = 0;
  for (const [pair, value] of counts) {
    rows[index] = Math.floor(pair / vocabularySize);
    columns[index] = pair % vocabularySize;
    values[index++] = value;
  }
  return { rows, columns, values };
}
