import { describe, expect, it } from "vitest";
import { benchCausal } from "../../src/bench/causal.ts";
import { exponentOf } from "../../src/bench/costs.ts";
import { benchMemory } from "../../src/bench/memory.ts";

const tiny = { preset: "tiny-ar", words: 40, batch: 2, decodeBatch: 2, decodePositions: 2, repeats: 3 } as const;

describe("the bench of the left-to-right flow", () => {
  it("measures steps, words drawn and latents decoded", async () => {
    const result = await benchCausal({ ...tiny, peer: { skipped: "not here" } });
    // 36 words of four special ones more: 33 parameters each beside the network's 13,856.
    expect(result).toMatchObject({
      preset: "tiny-ar",
      words: 44,
      parameters: 13_856 + 33 * 44,
      peerSkipped: "not here",
    });
    for (const figure of [result.stepMs, result.sampleMs, result.decodeMs]) expect(figure).toBeGreaterThan(0);
    expect(result.tokensPerSecond).toBeCloseTo((1000 * 2 * 16) / result.stepMs, 6);
    expect(result.speedup).toBeUndefined();
  });

  it("leaves decoding out where it is told to", async () => {
    const result = await benchCausal({ ...tiny, decoding: false });
    expect(result.sampleMs).toBeUndefined();
    expect(result.decodeMs).toBeUndefined();
  });

  it("refuses a flow whose head does not mix over words", async () => {
    await expect(benchCausal({ ...tiny, preset: "tiny-tarflow" })).rejects.toThrow(/tiny-tarflow: expected a flow/);
    await expect(benchCausal({ ...tiny, preset: "none" })).rejects.toThrow(/unknown preset/);
  });
});

describe("memory and growth", () => {
  it("counts the state of a step of a preset", () => {
    const result = benchMemory({ preset: "tiny", batch: 2, words: 40, steps: 2 });
    expect(result).toMatchObject({ preset: "tiny", batch: 2, positions: 16, words: 44 });
    expect(result.stateMb).toBeCloseTo((16 * result.parameters) / 2 ** 20, 9);
    // The flow of a Language Flow+ is frozen: weights alone.
    const plus = benchMemory({ preset: "tiny-plus", batch: 2, words: 40, steps: 1 });
    const decoder = plus.parameters - result.parameters;
    expect(plus.stateMb).toBeCloseTo((4 * result.parameters + 16 * decoder) / 2 ** 20, 9);
    expect(result.peakRssMb).toBeGreaterThanOrEqual(result.baseRssMb);
    expect(result.peakOverState).toBeCloseTo((result.peakRssMb - result.baseRssMb) / result.stateMb, 9);
  });

  it("takes the exponent from the two largest sizes", () => {
    const points = [1, 2, 8].map((value) => ({ value, stepMs: value === 1 ? 100 : 3 * value ** 1.5 }));
    expect(exponentOf(points)).toBeCloseTo(1.5, 12);
  });
});
