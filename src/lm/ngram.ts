/** Unigram and bigram statistics of token ids: entropies of the data, and the smallest language model to compare with. */
import { UsageError } from "../base/errors.ts";
import { Vocabulary } from "../text/vocabulary.ts";
import type { TokenIds } from "./languageModel.ts";

/** Entropies of the counts themselves, nats per token; they know every token that they are about. */
export interface DataEntropy {
  /** -sum_w p(w) ln p(w). */
  readonly unigram: number;
  /** -sum_{v,w} p(v, w) ln p(w | v), the first token after `<sos>`. */
  readonly bigram: number;
}

/** c(v, w), the first v of a text `<sos>`. */
function pairCounts(texts: readonly TokenIds[]): Map<number, Map<number, number>> {
  const pairs = new Map<number, Map<number, number>>();
  for (const ids of texts) {
    let before = Vocabulary.sos;
    for (const id of ids) {
      const row = pairs.get(before) ?? new Map<number, number>();
      pairs.set(before, row);
      row.set(id, (row.get(id) ?? 0) + 1);
      before = id;
    }
  }
  return pairs;
}

function sumOf(counts: Iterable<number>): number {
  let sum = 0;
  for (const count of counts) sum += count;
  return sum;
}

/** The unigram and bigram entropy of texts. @throws UsageError for no token. */
export function dataEntropy(texts: readonly TokenIds[]): DataEntropy {
  const total = texts.reduce((sum, ids) => sum + ids.length, 0);
  if (total === 0) throw new UsageError("the entropy of no text is not defined");
  const single = new Map<number, number>();
  let bigram = 0;
  for (const row of pairCounts(texts).values()) {
    const rowTotal = sumOf(row.values());
    for (const [id, count] of row) {
      single.set(id, (single.get(id) ?? 0) + count);
      bigram -= (count / total) * Math.log(count / rowTotal);
    }
  }
  let unigram = 0;
  for (const count of single.values()) unigram -= (count / total) * Math.log(count / total);
  return { unigram, bigram };
}

/**
 * The bigram model with Witten-Bell smoothing (Witten and Bell 1991, method C; interpolated), free of tuned numbers:
 *
 * p(w | v) = (c(v, w) + t(v) p_1(w)) / (c(v) + t(v)),  p_1(w) = (c(w) + 1) / (N + V'),
 *
 * c(v) = sum_w c(v, w), t(v) the number of different tokens seen after v (after a v never seen: p_1 alone), N all tokens,
 * V' the tokens that can be predicted: all of the vocabulary but `<pad>` and `<sos>`.
 */
export class BigramModel {
  readonly #pairs: ReadonlyMap<number, ReadonlyMap<number, number>>;
  readonly #totals = new Map<number, number>();
  readonly #single = new Map<number, number>();
  readonly #tokens: number;
  readonly #predictable: number;

  /** @param vocabularySize V, the four special tokens included */
  constructor(texts: readonly TokenIds[], vocabularySize: number) {
    this.#pairs = pairCounts(texts);
    this.#tokens = texts.reduce((sum, ids) => sum + ids.length, 0);
    if (this.#tokens === 0) throw new UsageError("a bigram model needs at least one token to learn from");
    this.#predictable = vocabularySize - 2;
    for (const [before, row] of this.#pairs) {
      this.#totals.set(before, sumOf(row.values()));
      for (const [id, count] of row) this.#single.set(id, (this.#single.get(id) ?? 0) + count);
    }
  }

  /** Numbers that the model consists of: different pairs and different tokens seen. */
  get parameters(): number {
    return sumOf([...this.#pairs.values()].map((row) => row.size)) + this.#single.size;
  }

  /** p_1(w). */
  unigram(id: number): number {
    return ((this.#single.get(id) ?? 0) + 1) / (this.#tokens + this.#predictable);
  }

  /** p(w | v). */
  probability(before: number, id: number): number {
    const row = this.#pairs.get(before);
    const lower = this.unigram(id);
    if (!row) return lower;
    return ((row.get(id) ?? 0) + row.size * lower) / ((this.#totals.get(before) ?? 0) + row.size);
  }

  /** -log P(text), nats. */
  nats(ids: TokenIds): number {
    let before: number = Vocabulary.sos;
    let sum = 0;
    for (const id of ids) {
      sum -= Math.log(this.probability(before, id));
      before = id;
    }
    return sum;
  }
}
