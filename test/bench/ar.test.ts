import { expect, test } from "vitest";
import { benchAr } from "../../src/bench/ar.ts";

test("the bench of the autoregressive flow measures every figure it names", async () => {
  const tiny = { steps: 2, positions: 4, channels: 12, encodeBatch: 2, decodeBatch: 2, words: 20, repeats: 1 };
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
