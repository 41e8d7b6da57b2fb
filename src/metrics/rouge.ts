/** ROUGE-L (Lin 2004) as coco-caption computes it. */
import { type CorpusScores, checkPairs, meanScores } from "./corpusScores.ts";
import { type TokenizationName, tokenizationByName } from "./tokenization.ts";

/** Weight of recall against precision. */
const beta = 1.2;

/** Length of the longest common subsequence of two token lists; O(|a| |b|) time, O(|b|) memory. */
export function longestCommonSubsequence(a: readonly string[], b: readonly string[]): number {
  const lengths = new Uint32Array(b.length + 1);
  for (const token of a) {
    let diagonal = 0;
    for (let j = 1; j <= b.length; j++) {
      const above = lengths[j];
      if (b[j - 1] === token) lengths[j] = diagonal + 1;
      else if (lengths[j - 1] > above) lengths[j] = lengths[j - 1];
      diagonal = above;
    }
  }
  return lengths[b.length];
}

/**
 * F of one example: P = lcs / |hypothesis| and R = lcs / |reference|, each the largest over the references,
 * F = (1 + b^2) P R / (R + b^2 P), b = 1.2; 0 where either is 0. Two empty texts are equal and count 1.
 */
export function rougeL(hypothesis: readonly string[], references: readonly (readonly string[])[]): number {
  let precision = 0;
  let recall = 0;
  for (const reference of references) {
    if (hypothesis.length === 0 && reference.length === 0) return 1;
    const common = longestCommonSubsequence(hypothesis, reference);
    if (common === 0) continue;
    precision = Math.max(precision, common / hypothesis.length);
    recall = Math.max(recall, common / reference.length);
  }
  if (precision === 0) return 0;
  return ((1 + beta ** 2) * precision * recall) / (recall + beta ** 2 * precision);
}

/**
 * Mean ROUGE-L of a corpus.
 *
 * @param references one list of texts an example.
 * @throws UsageError where the numbers differ or an example has no reference.
 */
export function rouge(
  hypotheses: readonly string[],
  references: readonly (readonly string[])[],
  tokenization: TokenizationName = "coco",
): CorpusScores {
  checkPairs(hypotheses, references);
  const tokens = tokenizationByName(tokenization);
  const values = Float64Array.from(hypotheses, (text, i) => rougeL(tokens(text), references[i].map(tokens)));
  const numbers = new Set(references.map(({ length }) => length));
  const nrefs = numbers.size === 1 ? references[0].length : "var";
  const letters = tokenization === "ptb" ? "lc" : "mixed";
  return meanScores(
    "rouge",
    `rouge-l|nrefs:${nrefs}|case:${letters}|tok:${tokenization}|beta:1.2|version:coco-caption`,
    values,
  );
}
