/** Roots of increasing functions of one number. */

/** Value and slope of a function at a point. */
export interface Slope {
  value: number;
  slope: number;
}

/**
 * The root of an increasing function inside a bracket: Newton's steps where they stay inside and shrink fast enough,
 * else halving. Ends where the bracket cannot shrink any more in float64.
 *
 * @param at writes value and slope at x into `into`
 */
export function increasingRoot(at: (x: number, into: Slope) => void, low: number, high: number, start: number): number {
  const found: Slope = { value: 0, slope: 0 };
  let x = Math.min(high, Math.max(low, start));
  let last = high - low;
  const least = 1e-16 * last;
  for (let round = 0; round < 200; round++) {
    at(x, found);
    if (found.value === 0) return x;
    if (found.value < 0) low = x;
    else high = x;
    const newton = x - found.value / found.slope;
    const step = Math.abs(newton - x);
    if (step <= 2e-16 * Math.abs(x) + least) return Math.min(high, Math.max(low, newton));
    let next: number;
    if (newton > low && newton < high && step < 0.5 * last) {
      next = newton;
      last = step;
    } else {
      next = low + 0.5 * (high - low);
      last = 0.5 * (high - low);
      if (next <= low || next >= high) return x;
    }
    x = next;
  }
  return x;
}
