/** Drawing from the likely words only: top-k, top-p (nucleus) and min-p. */
import { UsageError } from "../../base/errors.ts";
import type { Tensor } from "../../torch/index.ts";

/**
 * Which words may be drawn, of the probabilities q = pi^(1/tau), normalised. Of several rules each is asked of what the
 * ones before it left, in the order of the fields. Words as likely as the last that a rule keeps are kept with it.
 */
export interface Truncation {
  /** k: the k likeliest words (Fan et al. 2018). Default: 0, all of them. */
  readonly topK?: number;
  /** p: the fewest words that together have a share of p, the likeliest first (Holtzman et al. 2020). Default: 1, all. */
  readonly topP?: number;
  /** m: words w with q(w) >= m max q (Nguyen et al. 2024). Default: 0, all. */
  readonly minP?: number;
}

/** A rule's name, the number with which it leaves no word out, and which numbers it takes. */
interface TruncationRule {
  readonly name: string;
  readonly all: number;
  readonly takes: (value: number) => boolean;
  readonly expected: string;
}

/** The rules in their order. */
export const truncationRules: Readonly<Record<keyof Truncation, TruncationRule>> = {
  topK: {
    name: "top-k",
    all: 0,
    takes: (value) => Number.isInteger(value) && value >= 0,
    expected: "a whole number of at least 0",
  },
  topP: {
    name: "top-p",
    all: 1,
    takes: (value) => value > 0 && value <= 1,
    expected: "a number above 0, at most 1",
  },
  minP: {
    name: "min-p",
    all: 0,
    takes: (value) => value >= 0 && value <= 1,
    expected: "a number from 0 to 1",
  },
};

export const truncationNames = Object.keys(truncationRules) as readonly (keyof Truncation)[];

/** The rules that were given, as "top-k 40, top-p 0.9"; empty where none was. */
export function truncationText(truncation: Truncation): string {
  return truncationNames
    .filter((rule) => truncation[rule] !== undefined)
    .map((rule) => `${truncationRules[rule].name} ${truncation[rule]}`)
    .join(", ");
}

/** @throws UsageError naming the rule whose number is out of range */
export function demandTruncation(truncation: Truncation): void {
  for (const rule of truncationNames) {
    const value = truncation[rule];
    const { name, takes, expected } = truncationRules[rule];
    if (value !== undefined && !takes(value)) throw new UsageError(`${name}: expected ${expected}, got ${value}`);
  }
}

/**
 * Logits (R, V) with -Infinity for the words that may not be drawn. The others of a row share the probability of those in
 * proportion to their own. The logits as they are where no rule leaves a word out, and at temperature 0, which takes the
 * likeliest word anyhow.
 */
export function truncated(logits: Tensor, temperature: number, truncation: Truncation): Tensor {
  const {
    topK = truncationRules.topK.all,
    topP = truncationRules.topP.all,
    minP = truncationRules.minP.all,
  } = truncation;
  const takesK = topK > 0 && topK < logits.size(1);
  if (temperature === 0 || !(takesK || topP < 1 || minP > 0)) return logits;
  const probabilities = logits.to("float64").div(temperature).softmax(1);
  // Every rule keeps the words from some probability on; the highest of those of a row decides.
  let least = probabilities.amax(1, true).mul(minP);
  if (takesK || topP < 1) {
    let sorted = probabilities.sort(1, true);
    if (takesK) {
      const kth = sorted.slice(1, topK - 1, topK);
      least = least.maximum(kth);
      sorted = sorted.maskedFill(sorted.lt(kth), 0);
    }
    if (topP < 1) {
      // A word is wanted where those before it do not have the share yet; the likeliest always is.
      const before = sorted.cumsum(1).sub(sorted);
      const wanted = before.lt(sorted.sum(1, true).mul(topP));
      least = least.maximum(sorted.maskedFill(wanted.logicalNot(), 2).amin(1, true));
    }
  }
  return logits.maskedFill(probabilities.lt(least), Number.NEGATIVE_INFINITY);
}
