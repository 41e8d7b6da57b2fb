/** Whether the orderings of the paper's table hold among our rows, with the evidence. */
import { RiverrunError } from "../../base/errors.ts";
import { natsPerToken, type RunResult } from "../results.ts";
import { claims } from "./paper.ts";

/** The difference of two rows on the same texts with the same seed. */
export interface PairedDifference {
  readonly seed: number;
  /** A - B, nats per token. */
  readonly difference: number;
  /** Standard error of the difference over the texts. */
  readonly error: number;
}

export type Verdict = "holds" | "does not hold" | "undecided" | "not run";

/** A claim tried on a pair of rows and a data set. */
export interface Ordering {
  readonly claim: string;
  readonly data: string;
  readonly lower: string;
  readonly higher: string;
  readonly relation: "below" | "equal";
  readonly verdict: Verdict;
  readonly differences: readonly PairedDifference[];
  /** For "equal": the largest |difference| that counts as equal, nats per token. */
  readonly tolerance: number | null;
}

/**
 * A - B in nats per token as a ratio of sums, sum (a_i - b_i) / sum n_i, with the standard error of a ratio over texts,
 * sqrt(m / (m - 1) sum (a_i - b_i - R n_i)^2) / sum n.
 */
export function pairedDifference(a: RunResult, b: RunResult): PairedDifference {
  if (a.tokens.length !== b.tokens.length || a.tokens.some((count, index) => count !== b.tokens[index])) {
    throw new RiverrunError(`internal: ${a.model} and ${b.model} were reported on different tokens of ${a.data}`);
  }
  const total = a.tokens.reduce((sum, count) => sum + count, 0);
  const apart = a.nats.map((nats, index) => nats - b.nats[index]);
  const difference = apart.reduce((sum, value) => sum + value, 0) / total;
  const squares = apart.reduce((sum, value, index) => sum + (value - difference * a.tokens[index]) ** 2, 0);
  const texts = apart.length;
  const error = texts > 1 ? Math.sqrt((squares * texts) / (texts - 1)) / total : Number.POSITIVE_INFINITY;
  return { seed: a.seed, difference, error };
}

/** Errors that a difference must be away from 0 to count. */
const significance = 2;
/** Share of the spread of the paper's rows within which two are "about equal". */
export const equalShare = 0.1;

function verdictOf(
  relation: Ordering["relation"],
  differences: readonly PairedDifference[],
  tolerance: number,
): Verdict {
  if (differences.length === 0) return "not run";
  if (relation === "equal") {
    const mean = differences.reduce((sum, { difference }) => sum + difference, 0) / differences.length;
    return Math.abs(mean) <= tolerance ? "holds" : "does not hold";
  }
  if (differences.every(({ difference, error }) => difference < -significance * error)) return "holds";
  if (differences.every(({ difference, error }) => difference > significance * error)) return "does not hold";
  return "undecided";
}

/** All claims on one data set. `results` are that data set's, of all seeds. */
export function orderingsOf(data: string, results: readonly RunResult[]): Ordering[] {
  const of = (model: string): RunResult[] => results.filter((result) => result.model === model);
  const means = [...new Set(claims.flatMap(({ pairs }) => pairs.flat()))].flatMap((model) => {
    const own = of(model).map(natsPerToken);
    return own.length === 0 ? [] : [own.reduce((sum, value) => sum + value, 0) / own.length];
  });
  const tolerance = means.length < 2 ? 0 : equalShare * (Math.max(...means) - Math.min(...means));
  return claims.flatMap(({ claim, relation, pairs }) =>
    pairs.map(([lower, higher]): Ordering => {
      const differences = of(lower).flatMap((a) => {
        const b = of(higher).find(({ seed }) => seed === a.seed);
        return b ? [pairedDifference(a, b)] : [];
      });
      return {
        claim,
        data,
        lower,
        higher,
        relation,
        // Two rows alone have no spread but their own difference to be measured by.
        verdict:
          relation === "equal" && means.length < 3 && differences.length > 0
            ? "undecided"
            : verdictOf(relation, differences, tolerance),
        differences,
        tolerance: relation === "equal" ? tolerance : null,
      };
    }),
  );
}
