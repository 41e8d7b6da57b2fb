/** Bootstrap resamples: sums of the statistics of n examples drawn with replacement. */
import { hashSeed, RandomStream } from "../base/random.ts";

/** One piece of work: resamples `from` to `to` of one bootstrap. */
export interface ResampleTask {
  /** (n, w), row after row. */
  readonly statistics: Float64Array;
  readonly count: number;
  readonly width: number;
  readonly seed: number;
  readonly from: number;
  readonly to: number;
}

/**
 * The statistics of resamples `from` to `to`, summed: (to - from, w). Resample b draws from a stream of its own, keyed
 * by (seed, b), so that the sums do not depend on how the resamples are shared out.
 *
 * The draws are counted first and the rows are then added in order, times their counts: reading the rows in sequence is
 * faster than gathering them.
 */
export function resampleSums({ statistics, count, width, seed, from, to }: ResampleTask): Float64Array {
  const sums = new Float64Array((to - from) * width);
  const counts = new Int32Array(count);
  for (let b = from; b < to; b++) {
    counts.fill(0);
    drawCounts(counts, new RandomStream(hashSeed("bootstrap", seed, b)).state().words);
    addRows(sums.subarray((b - from) * width, (b - from + 1) * width), statistics, counts, width);
  }
  return sums;
}

/**
 * Draws n of n examples and counts them. The generator is {@link RandomStream}'s xoshiro128**, written out because its
 * state stays in registers here (a billion draws for 10,000 examples and 100,000 resamples). A draw u of 32 bits gives
 * floor(u / q) with q = floor(2^32 / n), and is drawn again where that is n: uniform without bias.
 */
function drawCounts(counts: Int32Array, words: readonly [number, number, number, number]): void {
  const n = counts.length;
  const quotient = Math.floor(0x1_0000_0000 / n);
  let [a, b, c, d] = words.map((word) => word | 0);
  for (let left = n; left > 0; ) {
    const scrambled = Math.imul(b, 5);
    const draw = Math.imul((scrambled << 7) | (scrambled >>> 25), 9) >>> 0;
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = (d << 11) | (d >>> 21);
    const index = Math.floor(draw / quotient);
    if (index >= n) continue;
    counts[index]++;
    left--;
  }
}

/** sums += counts[i] * statistics[i, :], over i. */
function addRows(sums: Float64Array, statistics: Float64Array, counts: Int32Array, width: number): void {
  let at = 0;
  // Four columns at a time have their sums in registers; going over the counts again costs less than storing sums.
  for (; at + 4 <= width; at += 4) {
    let [s0, s1, s2, s3] = [0, 0, 0, 0];
    for (let i = 0, row = at; i < counts.length; i++, row += width) {
      const times = counts[i];
      s0 += times * statistics[row];
      s1 += times * statistics[row + 1];
      s2 += times * statistics[row + 2];
      s3 += times * statistics[row + 3];
    }
    sums[at] = s0;
    sums[at + 1] = s1;
    sums[at + 2] = s2;
    sums[at + 3] = s3;
  }
  for (; at < width; at++) {
    let sum = 0;
    for (let i = 0, row = at; i < counts.length; i++, row += width) sum += counts[i] * statistics[row];
    sums[at] = sum;
  }
}
