import { expect, test } from "vitest";
import { benchAr } from "../../src/bench/ar.ts";

const tiny = { steps: 2, positions: 4, channels: 12, encodeBatch: 2, decodeBatch: 2, words: 20, repeats: 1 };

test("the bench of the autoregressive flow measures every figure it names", async () => {
  for (const network of ["lstm", "attention"] as const) {
    const result = await benchAr({ ...tiny, network });
    expect(result.network).toBe(network);
    const { decodeSecondsPerText, beam5SecondsPerText, wavefrontSpeedup, loopsSeconds, wavefrontSeconds } = result;
    for (const figure of [decodeSecondsPerText, beam5SecondsPerText, loopsSeconds, wavefrontSeconds]) {
      expect(figure).toBeGreaterThan(0);
      expect(figure).toBeLessThan(60);
    }
    expect(wavefrontSpeedup).toBe(loopsSeconds / wavefrontSeconds);
    expect(result.parameters).toBeGreaterThan(0);
  }
});

test("it honours the number of steps and says what fewer than the paper's leave out", async () => {
  const [two, four] = [await benchAr(tiny), await benchAr({ ...tiny, steps: 4 })];
  expect([two.steps, four.steps]).toEqual([2, 4]);
  expect(four.parameters).toBe(2 * two.parameters);
  expect(two.leftOut).toEqual([expect.stringContaining("22 of the paper's 24 steps")]);
});
