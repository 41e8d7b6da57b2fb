/** Words whose vectors point the same way. */
import { UsageError } from "../base/errors.ts";
import type { WordVectors } from "./vectors.ts";

/** A word and its cosine with the one that was asked for. */
export interface Neighbour {
  readonly word: string;
  readonly cosine: number;
}

/**
 * The `count` other words of largest cosine w . v / (|w| |v|) with a word, nearest first, equal ones in the order of the
 * table. A vector of length 0 has cosine 0 with all.
 *
 * @throws UsageError where the table does not have the word
 */
export function nearestWords({ words, dimensions, values }: WordVectors, word: string, count: number): Neighbour[] {
  const place = words.indexOf(word);
  if (place < 0) throw new UsageError(`there is no vector of "${word}" (words are looked up as they are written)`);
  const own = values.subarray(place * dimensions, (place + 1) * dimensions);
  const length = Math.hypot(...own);
  const cosines = words.map((_, row) => {
    let product = 0;
    let squares = 0;
    for (let d = 0; d < dimensions; d++) {
      const value = values[row * dimensions + d];
      product += own[d] * value;
      squares += value * value;
    }
    return product === 0 ? 0 : product / (length * Math.sqrt(squares));
  });
  return [...words.keys()]
    .filter((row) => row !== place)
    .sort((a, b) => cosines[b] - cosines[a] || a - b)
    .slice(0, count)
    .map((row) => ({ word: words[row], cosine: cosines[row] }));
}
