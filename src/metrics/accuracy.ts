/** Accuracy: the share of examples whose answer is the right one. */
import { UsageError } from "../base/errors.ts";
import { type CorpusScores, meanScores } from "./corpusScores.ts";

/**
 * Accuracy in percent of chosen answers (indices, labels) against the right ones.
 *
 * @throws UsageError where there are none or the numbers differ.
 */
export function accuracy<T extends string | number>(chosen: readonly T[], right: readonly T[]): CorpusScores {
  if (chosen.length === 0) throw new UsageError("there are no answers; expected at least one");
  if (chosen.length !== right.length) {
    throw new UsageError(`${chosen.length} answers stand against ${right.length} right ones; expected as many of each`);
  }
  return meanScores(
    "accuracy",
    "accuracy",
    Float64Array.from(chosen, (value, i) => (value === right[i] ? 1 : 0)),
  );
}
