/** From a stream of tokenised texts to the ids that GloVe counts. */
import { compareCodePoints } from "../code-point-order.ts";

/** The row of all other words in GloVe's files. */
export const unknownWord = "<unk>";
/** Words whose mean stands for all other words. */
const rarestWords = 100;

/**
 * The frequent words of texts, by falling count and then in code-point order.
 *
 * @returns the words, and how many tokens the texts have
 */
export async function frequentWords(
  texts: AsyncIterable<readonly string[]>,
  options: { readonly minCount: number; readonly maxWords: number; readonly onTokens?: (tokens: number) => void },
): Promise<{ readonly words: string[]; readonly tokens: number }> {
  const counts = new Map<string, number>();
  let tokens = 0;
  for await (const text of texts) {
    for (const token of text) counts.set(token, (counts.get(token) ?? 0) + 1);
    tokens += text.length;
    options.onTokens?.(tokens);
  }
  const frequent = [...counts].filter(([word, count]) => count >= options.minCount && word !== "");
  frequent.sort(([a, m], [b, n]) => n - m || compareCodePoints(a, b));
  return { words: frequent.slice(0, options.maxWords).map(([word]) => word), tokens };
}

/**
 * Ids of the texts' known words. Other words are left out before distances are taken, as in the reference program: the
 * words around them move together.
 */
export async function* knownIds(
  texts: AsyncIterable<readonly string[]>,
  words: readonly string[],
): AsyncGenerator<number[]> {
  const ids = new Map(words.map((word, id) => [word, id]));
  for await (const text of texts) yield text.flatMap((word) => ids.get(word) ?? []);
}

/** Vectors with a last row `<unk>`, the mean of the (at most) 100 rarest words' rows, as the reference program has it. */
export function withUnknown(
  words: readonly string[],
  dimensions: number,
  values: Float32Array,
): { readonly words: string[]; readonly dimensions: number; readonly values: Float32Array } {
  if (words.includes(unknownWord)) return { words: [...words], dimensions, values };
  const rarest = Math.min(rarestWords, words.length);
  const all = new Float32Array(values.length + dimensions);
  all.set(values);
  for (let d = 0; d < dimensions; d++) {
    let sum = 0;
    for (let row = words.length - rarest; row < words.length; row++) sum += values[row * dimensions + d];
    all[values.length + d] = sum / rarest;
  }
  return { words: [...words, unknownWord], dimensions, values: all };
}
