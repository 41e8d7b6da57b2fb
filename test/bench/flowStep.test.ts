import { describe, expect, it } from "vitest";
import { benchFlowStep } from "../../src/bench/flowStep.ts";

const tiny = { steps: 1, levels: 2, batch: 2, positions: 8, channels: 12, heads: 3, repeats: 4 } as const;

describe("the bench of a training step", () => {
  it("measures every figure it names", async () => {
    const result = await benchFlowStep(tiny);
    expect(result).toMatchObject({ preset: "paper-nar", precision: "float32" });
    expect(result.parameters).toBeGreaterThan(0);
    const { stepMs, fastestStepMs, inverseMs, fastestInverseMs, gflopPerStep, gflops, gemmPeakGflops } = result;
    for (const figure of [stepMs, inverseMs, gemmPeakGflops, result.peakRssMb]) expect(figure).toBeGreaterThan(0);
    expect(fastestStepMs).toBeLessThanOrEqual(stepMs);
    expect(fastestInverseMs).toBeLessThanOrEqual(inverseMs);
    expect(gflops).toBe(gflopPerStep / (fastestStepMs / 1e3));
    expect(result.fractionOfPeak).toBe(gflops / gemmPeakGflops);
    expect(Object.keys(result).filter((key) => key.startsWith("peer"))).toEqual([]);
  });

  it("counts the operations of the networks' products", async () => {
    // Two couplings of 10 C^2 weights, C = 12 on 4 positions then 24 on 2; 2 rows, 2 operations, three times.
    const { gflopPerStep } = await benchFlowStep({ ...tiny, repeats: 1 });
    expect(gflopPerStep * 1e9).toBeCloseTo(3 * 2 * 2 * 10 * (12 ** 2 * 4 + 24 ** 2 * 2), 6);
  });

  it("says why there is no peer, and measures ours all the same", async () => {
    const skipped = "PyTorch is not in .oracle/torch";
    const result = await benchFlowStep({ ...tiny, repeats: 1, peer: { skipped } });
    expect(result.peerSkipped).toBe(skipped);
    expect(result.stepMs).toBeGreaterThan(0);
    expect(result.speedup).toBeUndefined();
    const channel = await benchFlowStep({ ...tiny, repeats: 1, couplings: "channel", peer: true });
    expect(channel.peerSkipped).toContain("couplings over time alone");
  });

  it("refuses precisions and sizes that cannot be", async () => {
    await expect(benchFlowStep({ ...tiny, precision: "float16" })).rejects.toThrow(
      /precision float16: .* float32 or bf16/,
    );
    await expect(benchFlowStep({ ...tiny, positions: 6 })).rejects.toThrow("T must be a multiple of 2^L = 4");
    await expect(benchFlowStep({ ...tiny, channels: 10 })).rejects.toThrow(/must be a multiple of their 3 heads/);
  });
});
