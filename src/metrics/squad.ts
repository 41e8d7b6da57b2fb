/** Exact match and F1 of SQuAD v1.1, by the rules of its official script. */
import { UsageError } from "../base/errors.ts";
import { type CorpusScores, meanScores } from "./corpusScores.ts";
import { splitWords } from "./words.ts";

/** The 32 punctuation characters of ASCII. */
const punctuation = /[!-/:-@[-`{-~]/g;

/** a, an, the as whole words; a word is of letters, digits and underscores of any script (the script's `\b`). */
const articles = /(?<![\p{L}\p{N}_])(?:a|an|the)(?![\p{L}\p{N}_])/gu;

/** Lower case, ASCII punctuation deleted, articles deleted, white space collapsed, in this order. */
export function normalizeAnswer(text: string): string {
  return splitWords(text.toLowerCase().replace(punctuation, "").replace(articles, " ")).join(" ");
}

/** 1 where the normalised texts are equal, else 0. */
function exactMatch(prediction: string, gold: string): number {
  return prediction === gold ? 1 : 0;
}

/** F1 of the multisets of normalised words; 0 without a common word. */
function wordF1(prediction: readonly string[], gold: readonly string[]): number {
  const left = new Map<string, number>();
  for (const word of gold) left.set(word, (left.get(word) ?? 0) + 1);
  let common = 0;
  for (const word of prediction) {
    const count = left.get(word) ?? 0;
    if (count === 0) continue;
    left.set(word, count - 1);
    common++;
  }
  if (common === 0) return 0;
  const precision = common / prediction.length;
  const recall = common / gold.length;
  return (2 * precision * recall) / (precision + recall);
}

/** Scores of one answer in [0, 1], each the largest over the gold answers. */
export function scoreAnswer(prediction: string, golds: readonly string[]): { exactMatch: number; f1: number } {
  const ours = normalizeAnswer(prediction);
  const words = splitWords(ours);
  const best = { exactMatch: 0, f1: 0 };
  for (const text of golds) {
    const gold = normalizeAnswer(text);
    best.exactMatch = Math.max(best.exactMatch, exactMatch(ours, gold));
    best.f1 = Math.max(best.f1, wordF1(words, splitWords(gold)));
  }
  return best;
}

/** A question and its gold answers. */
export interface GoldAnswers {
  readonly id: string;
  readonly answers: readonly string[];
}

/** What {@link squad} found. */
export interface SquadScores {
  readonly exactMatch: CorpusScores;
  readonly f1: CorpusScores;
  /** Ids of questions without a prediction; they score 0 and count. */
  readonly missing: readonly string[];
}

/**
 * Exact match and F1 in percent over all questions; a question without a prediction scores 0.
 *
 * @throws UsageError where there are no questions, or one has no gold answer.
 */
export function squad(questions: Iterable<GoldAnswers>, predictions: ReadonlyMap<string, string>): SquadScores {
  const exact: number[] = [];
  const f1: number[] = [];
  const missing: string[] = [];
  for (const { id, answers } of questions) {
    if (answers.length === 0) throw new UsageError(`question ${id} has no gold answer; expected at least one`);
    const prediction = predictions.get(id);
    const score = prediction === undefined ? { exactMatch: 0, f1: 0 } : scoreAnswer(prediction, answers);
    if (prediction === undefined) missing.push(id);
    exact.push(score.exactMatch);
    f1.push(score.f1);
  }
  if (exact.length === 0) throw new UsageError("there are no questions; expected at least one");
  return {
    exactMatch: meanScores("exactMatch", "squad-em|version:1.1", Float64Array.from(exact)),
    f1: meanScores("f1", "squad-f1|version:1.1", Float64Array.from(f1)),
    missing,
  };
}
