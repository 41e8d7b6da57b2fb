/** A categorical model of how many positions a text fills. */
import { RiverrunError } from "../base/errors.ts";
import { type Tensor, tensor } from "../torch/index.ts";

/**
 * log p(N) for N = unit, 2 unit, ..., maximum from counts with one added to each, so that no length is impossible.
 *
 * @param observed N of every training text
 */
export function lengthLogProbabilities(observed: readonly number[], unit: number, maximum: number): Float64Array {
  const counts = new Float64Array(maximum / unit).fill(1);
  for (const length of observed) counts[length / unit - 1] += 1;
  const total = counts.reduce((sum, count) => sum + count, 0);
  return counts.map((count) => Math.log(count / total));
}

/** -log p(N_b) of each row in nats, (B), float64. */
export function lengthNats(logProbabilities: ArrayLike<number>, lengths: readonly number[], unit: number): Tensor {
  return tensor(
    lengths.map((length) => {
      const value = logProbabilities[length / unit - 1];
      if (value === undefined) throw new RiverrunError(`internal: no probability for a text of ${length} positions`);
      return -value;
    }),
    [lengths.length],
    { dtype: "float64" },
  );
}

/** Draws a length by inversion of a uniform number in [0, 1). */
export function drawLength(logProbabilities: ArrayLike<number>, unit: number, uniform: number): number {
  let cumulative = 0;
  for (let index = 0; index < logProbabilities.length; index++) {
    cumulative += Math.exp(logProbabilities[index]);
    if (uniform < cumulative) return (index + 1) * unit;
  }
  return logProbabilities.length * unit;
}
