/** The sign test on examples that one system wins. */
import { UsageError } from "../base/errors.ts";

/** What {@link signTest} found. */
export interface SignTest {
  /** Examples that A, B and neither wins. */
  readonly wins: number;
  readonly losses: number;
  readonly ties: number;
  /** Two-sided: the chance of a split at least as uneven among the examples that are no ties, each fair. */
  readonly pValue: number;
  /** One-sided: the chance that A wins at least so many. */
  readonly pValueOneSided: number;
  /**
   * log10 of both, true to rounding however small they are. A chance below the smallest double, 4.9e-324, is given as
   * that double above, never as 0.
   */
  readonly log10PValue: number;
  readonly log10PValueOneSided: number;
}

/** ln of the chance of at least k heads in n fair throws, exact up to rounding: 2^-n sum over i >= k of n over i. */
function logUpperTail(k: number, n: number): number {
  // The terms are summed from the largest downwards, relative to the first, so that 2^-n need not be representable.
  let logTerm = -n * Math.LN2;
  for (let i = 1; i <= Math.min(k, n - k); i++) logTerm += Math.log((n - i + 1) / i);
  let relative = 1;
  let sum = 1;
  for (let i = k; i < n; i++) {
    relative *= (n - i) / (i + 1);
    sum += relative;
    if (relative < sum * 1e-18) break;
  }
  return Math.min(0, logTerm + Math.log(sum));
}

/** A chance from its ln. */
function chanceOf(logChance: number): number {
  return Math.max(Number.MIN_VALUE, Math.exp(logChance));
}

/**
 * The sign test from counts of wins.
 *
 * @throws UsageError unless all are whole numbers of at least 0.
 */
export function signTestOfCounts(wins: number, losses: number, ties = 0): SignTest {
  for (const count of [wins, losses, ties]) {
    if (!Number.isInteger(count) || count < 0) throw new UsageError(`${count} wins, losses or ties; expected a count`);
  }
  const n = wins + losses;
  const twoSided = n === 0 ? 0 : Math.min(0, Math.LN2 + logUpperTail(Math.max(wins, losses), n));
  // A wins at least 0 times for certain. Where B wins more the upper tail is summed from below its middle: the complement
  // is exact there.
  let oneSided = 0;
  if (wins >= losses) oneSided = n === 0 ? 0 : logUpperTail(wins, n);
  else if (wins > 0) oneSided = Math.log1p(-Math.exp(logUpperTail(losses + 1, n)));
  return {
    wins,
    losses,
    ties,
    pValue: chanceOf(twoSided),
    pValueOneSided: chanceOf(oneSided),
    log10PValue: twoSided / Math.LN10,
    log10PValueOneSided: oneSided / Math.LN10,
  };
}

/**
 * The sign test on scores of the same examples by two systems.
 *
 * @throws UsageError where the numbers of examples differ.
 */
export function signTest(a: ArrayLike<number>, b: ArrayLike<number>): SignTest {
  if (a.length !== b.length) {
    throw new UsageError(
      `A has ${a.length} examples and B has ${b.length}; expected the same examples in the same order`,
    );
  }
  let wins = 0;
  let losses = 0;
  for (let i = 0; i < a.length; i++) {
    if (a[i] > b[i]) wins++;
    else if (a[i] < b[i]) losses++;
  }
  return signTestOfCounts(wins, losses, a.length - wins - losses);
}
