import { describe, expect, it } from "vitest";
import { RandomStream } from "../../src/base/random.ts";
import {
  accuracy,
  bleu,
  bootstrapInterval,
  type CorpusScores,
  corpusScore,
  exampleScores,
  pairedBootstrap,
  signTest,
  signTestOfCounts,
} from "../../src/metrics/index.ts";
import { resampleSums } from "../../src/metrics/resample.ts";

/** Right or wrong answers with a chance each. */
function answers(count: number, chance: number, seed: number): CorpusScores {
  const random = new RandomStream(seed);
  const chosen = Array.from({ length: count }, () => (random.uniform() < chance ? 1 : 0));
  return accuracy(chosen, new Array<number>(count).fill(1));
}

describe("resamples", () => {
  it("draw n examples each, uniformly", () => {
    // One column that counts the draws and one an example.
    const n = 10;
    const statistics = Float64Array.from({ length: n * (n + 1) }, (_, at) => {
      const column = at % (n + 1);
      return column === 0 || column - 1 === Math.floor(at / (n + 1)) ? 1 : 0;
    });
    const resamples = 20_000;
    const sums = resampleSums({ statistics, count: n, width: n + 1, seed: 3, from: 0, to: resamples });
    const drawn = new Float64Array(n + 1);
    let squares = 0;
    let otherSizes = 0;
    for (let b = 0; b < resamples; b++) {
      for (let k = 0; k <= n; k++) drawn[k] += sums[b * (n + 1) + k];
      if (sums[b * (n + 1)] !== n) otherSizes++;
      squares += (sums[b * (n + 1) + 1] - 1) ** 2;
    }
    expect(otherSizes).toBe(0);
    // Counts are multinomial: mean 1, variance 1 - 1/n; bounds at 5 standard errors.
    const error = 5 * Math.sqrt((1 - 1 / n) / resamples);
    for (let k = 1; k <= n; k++) expect(Math.abs(drawn[k] / resamples - 1)).toBeLessThan(error);
    expect(Math.abs(squares / resamples - (1 - 1 / n))).toBeLessThan(0.05);
  });

  it("do not depend on how they are shared out", () => {
    const { statistics, count, width } = bleu(["a b c d", "b c", "d"], [["a b"], ["b c"], ["e"]]);
    const task = { statistics, count, width, seed: 9 };
    const whole = resampleSums({ ...task, from: 0, to: 50 });
    const parts = [resampleSums({ ...task, from: 0, to: 17 }), resampleSums({ ...task, from: 17, to: 50 })];
    expect([...whole]).toEqual(parts.flatMap((part) => [...part]));
  });
});

describe("paired bootstrap", () => {
  it("of a system with itself gives p = 1 and an interval of no width", async () => {
    const a = answers(200, 0.6, 1);
    const result = await pairedBootstrap(a, a, { resamples: 1000 });
    expect(result).toMatchObject({ delta: 0, pValue: 1, pValuePlain: 1, interval: [0, 0] });
  });

  it("finds a real difference, and its direction", async () => {
    const [a, b] = [answers(400, 0.8, 1), answers(400, 0.6, 2)];
    const better = await pairedBootstrap(a, b, { resamples: 10_000, seed: 4 });
    expect(better.pValue).toBeLessThan(0.001);
    expect(better.interval[0]).toBeGreaterThan(0);
    expect(better.delta).toBe(corpusScore(a) - corpusScore(b));
    const worse = await pairedBootstrap(b, a, { resamples: 10_000, seed: 4 });
    expect(worse.pValue).toBeGreaterThan(0.999);
    expect(worse.interval[1]).toBeCloseTo(-better.interval[0], 12);
  });

  it("is the same for any number of workers", async () => {
    const [a, b] = [answers(5000, 0.7, 1), answers(5000, 0.69, 2)];
    const one = await pairedBootstrap(a, b, { resamples: 4100, seed: 5, workers: 1 });
    const two = await pairedBootstrap(a, b, { resamples: 4100, seed: 5, workers: 2 });
    expect(two).toEqual(one);
    const other = await pairedBootstrap(a, b, { resamples: 1000, seed: 6, workers: 1 });
    expect(other.interval).not.toEqual(one.interval);
  });

  it("has p about uniform where neither is better", async () => {
    const experiments = 400;
    const counts = new Array<number>(4).fill(0);
    for (let k = 0; k < experiments; k++) {
      const { pValue } = await pairedBootstrap(answers(150, 0.5, 1000 + k), answers(150, 0.5, 9000 + k), {
        resamples: 300,
        seed: k,
        workers: 1,
      });
      counts[Math.min(3, Math.floor(4 * pValue))]++;
    }
    // Quarters of 100 each; five standard deviations are 43.
    for (const count of counts) expect(Math.abs(count - experiments / 4)).toBeLessThan(43);
  });

  it("refuses systems that cannot be paired", async () => {
    await expect(pairedBootstrap(answers(3, 1, 1), answers(4, 1, 1))).rejects.toThrow("A has 3 examples and B has 4");
    const [a, b] = [bleu(["a"], [["a"]], "none"), bleu(["a"], [["a"]], "13a")];
    await expect(pairedBootstrap(a, b)).rejects.toThrow("expected the same metric");
    await expect(pairedBootstrap(a, a, { resamples: 0 })).rejects.toThrow("resamples");
    await expect(bootstrapInterval(a, { confidence: 1 })).rejects.toThrow("confidence");
  });
});

it("an interval covers the truth about as often as it says", async () => {
  let covered = 0;
  const experiments = 200;
  for (let k = 0; k < experiments; k++) {
    const [low, high] = await bootstrapInterval(answers(200, 0.6, 500 + k), { resamples: 400, seed: k, workers: 1 });
    if (low <= 60 && 60 <= high) covered++;
  }
  // 190 expected; five standard deviations are 15.
  expect(covered).toBeGreaterThan(175);
  expect(covered).toBeLessThan(200);
});

describe("sign test", () => {
  it("has the binomial's exact tails", () => {
    // P(X >= 8 of 10) = (45 + 10 + 1) / 1024.
    expect(signTestOfCounts(8, 2)).toMatchObject({
      pValueOneSided: expect.closeTo(56 / 1024, 12),
      pValue: expect.closeTo(112 / 1024, 12),
    });
    // P(X >= 2 of 10) = 1 - 11/1024.
    expect(signTestOfCounts(2, 8).pValueOneSided).toBeCloseTo(1 - 11 / 1024, 12);
    expect(signTestOfCounts(0, 1)).toMatchObject({ pValue: 1, pValueOneSided: 1, log10PValueOneSided: 0 });
    expect(signTestOfCounts(5, 5)).toMatchObject({ pValue: 1, pValueOneSided: expect.closeTo(638 / 1024, 12) });
    expect(signTestOfCounts(0, 0, 7)).toEqual({
      ...{ wins: 0, losses: 0, ties: 7, pValue: 1, pValueOneSided: 1, log10PValue: 0, log10PValueOneSided: 0 },
    });
    expect(signTestOfCounts(20, 0).pValue).toBeCloseTo(2 ** -19, 15);
  });

  it("works for counts whose 2^-n is no double", () => {
    const { pValue } = signTestOfCounts(5100, 4900);
    // Normal approximation with continuity correction: z = 199 / 100 gives 0.0466.
    expect(pValue).toBeCloseTo(0.0466, 3);
    expect(() => signTestOfCounts(-1, 0)).toThrow("expected a count");
  });

  it("never says p = 0: chances below the smallest double stand in log10", () => {
    // 2^-2000, and twice that.
    const all = signTestOfCounts(2000, 0);
    expect(all.log10PValueOneSided).toBeCloseTo(-2000 * Math.log10(2), 9);
    expect(all.log10PValue).toBeCloseTo(-1999 * Math.log10(2), 9);
    expect([all.pValue, all.pValueOneSided]).toEqual([Number.MIN_VALUE, Number.MIN_VALUE]);
    expect(signTestOfCounts(0, 2000)).toMatchObject({ pValueOneSided: 1, log10PValue: all.log10PValue });
    const { pValue, log10PValue } = signTestOfCounts(900, 100);
    expect(Math.log10(pValue)).toBeCloseTo(log10PValue, 9);
    // By integers: 2 sum over i <= 100 of C(1000, i) / 2^1000.
    let term = 1n;
    let sum = 1n;
    for (let i = 1n; i <= 100n; i++) {
      term = (term * (1001n - i)) / i;
      sum += term;
    }
    const digits = String(2n * sum);
    const exact = Math.log10(Number(`0.${digits.slice(0, 17)}`)) + digits.length - 1000 * Math.log10(2);
    expect(log10PValue).toBeCloseTo(exact, 9);
  });

  it("counts wins by example", () => {
    const a = bleu(["a b c d", "x", "a b c d"], [["a b c d"], ["y"], ["v w"]], "none");
    const b = bleu(["a b c z", "x", "a b c d"], [["a b c d"], ["y"], ["v w"]], "none");
    expect(signTest(exampleScores(a), exampleScores(b))).toMatchObject({ wins: 1, losses: 0, ties: 2 });
  });
});
