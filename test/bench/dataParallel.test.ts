/** Steps of one process and of two, ours beside PyTorch's. */
import { describe, expect, it } from "vitest";
import { benchDataParallel } from "../../src/bench/dataParallel.ts";
import { findPeer } from "../../src/bench/peer.ts";
import { missing } from "../distributed/support.ts";

const tiny = { preset: "tiny-ar", words: 40, batch: 4, repeats: 6 } as const;

/** Each case starts three processes or more that wait for each other, each with an engine, on a machine that may be busy. */
const limit = 600_000;

describe.skipIf(missing !== undefined)(
  `the bench of shared steps${missing === undefined ? "" : ` (${missing})`}`,
  () => {
    it(
      "times one process and two, whose losses are the same",
      async () => {
        const result = await benchDataParallel({ ...tiny, peer: { skipped: "not here" } });
        expect(result).toMatchObject({ preset: "tiny-ar", batch: 4, positions: 16, processes: 2, threads: 1 });
        // 36 words of four special ones more: 33 parameters each beside the network's 13,856.
        expect(result.parameters).toBe(13_856 + 33 * 44);
        expect(result.scaling).toBe(result.oneProcessMs / result.processesMs);
        expect(result.processesMs).toBeGreaterThan(0);
        expect(result.steps).toBe(3 + 6);
        expect(result.lossDifference).toBeGreaterThan(0); // Sums in another order, so these were two trainings.
        expect(result.lossDifference).toBeLessThan(1e-5);
        expect([result.peerSkipped, result.scalingRatio]).toEqual(["not here", undefined]);
      },
      limit,
    );

    it("refuses batches that cannot be shared out", async () => {
      await expect(benchDataParallel({ ...tiny, batch: 5 })).rejects.toThrow(/--batch 5: expected a multiple of the 2/);
      await expect(benchDataParallel({ ...tiny, processes: 1 })).rejects.toThrow(/--processes 1: expected at least 2/);
      await expect(benchDataParallel({ ...tiny, preset: "none" })).rejects.toThrow(/unknown preset/);
    });

    const real = findPeer();
    const title = "skipped" in real ? ` (skipped: ${real.skipped})` : "";
    it.skipIf("skipped" in real)(
      `is compared with DistributedDataParallel${title}`,
      async () => {
        const result = await benchDataParallel({ ...tiny, peer: real });
        expect(result.peerScaling).toBe((result.peerOneProcessMs as number) / (result.peerProcessesMs as number));
        expect(result.scalingRatio).toBe(result.scaling / (result.peerScaling as number));
        expect(result.peerProcessesMs).toBeGreaterThan(0);
        expect(result.peerLossDifference).toBeGreaterThan(0);
        expect(result.peerLossDifference).toBeLessThan(1e-5);
        const other = await benchDataParallel({ ...tiny, preset: "tiny", repeats: 1, peer: real });
        expect(other.peerSkipped).toContain("no version of the flow of tiny");
      },
      limit,
    );
  },
);
