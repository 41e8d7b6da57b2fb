/** Process groups between real processes. */
import { describe, expect, it } from "vitest";
import { freePort } from "../../src/base/freePort.ts";
import { ProcessGroup } from "../../src/torch/index.ts";
import { missing, startAll, ways } from "./support.ts";

interface Seen {
  readonly sum: number;
  readonly product: number;
  readonly turns: number;
  readonly text: string;
  readonly word: string;
  readonly nothing: null;
  readonly steps: number[][][];
  readonly buckets: number;
  readonly beside: number[][];
  readonly lostGradients: string;
  readonly lost: string;
}

describe.skipIf(missing !== undefined)(`a process group${missing === undefined ? "" : ` (${missing})`}`, () => {
  it.each(Object.keys(ways))(
    "sums %s, hands round, adds gradients up in buckets, hears signals meanwhile and notices who is gone",
    async (way) => {
      const running = await startAll("children/group.ts", [], 3, ways[way]);
      const ended = await Promise.all(running.map((one) => one.ended));
      expect(ended[2].signal).toBe("SIGKILL");
      for (const { code, out, err } of ended.slice(0, 2)) {
        expect({ code, err }).toEqual({ code: 0, err: "" });
        const seen = JSON.parse(out) as Seen;
        expect(seen).toMatchObject({
          sum: 6,
          product: 30,
          text: "déjà vu €",
          word: "from 1",
          nothing: null,
          buckets: 3,
        });
        // d/dp of sum over ranks and passes of f p^2 + f q: f = (1 + 2 + 3)(1 + 2) = 18 in the first step, twice that in the second.
        const expected = (f: number): number[][] => [
          [2 * f, 4 * f, 6 * f],
          [f, f],
          [0, 0, 0, 0, 0],
        ];
        expect(seen.steps).toEqual([expected(18), expected(36)]);
        expect(seen.beside).toEqual([
          [6, 0],
          [6, 3],
        ]);
        for (const lost of [seen.lostGradients, seen.lost]) {
          expect(lost).toMatch(/^another process is gone, or did not answer within 30 s \(.+\)$/);
          expect(lost).not.toMatch(/pair\.cc|GLHF/);
        }
      }
      // Rank 1 came late to the first sum; the event loop of rank 0 turned while it waited.
      expect((JSON.parse(ended[0].out) as Seen).turns).toBeGreaterThan(10);
    },
  );

  it("says who did not come, and where it waited", async () => {
    const membership = { rank: 0, localRank: 0, size: 2, address: "127.0.0.1", hostsStore: true, prefix: "t" };
    const place = { ...membership, port: await freePort(), networkInterface: "", sharedMemory: true };
    await expect(ProcessGroup.join(place, "cpu", 1)).rejects.toThrow(
      /^rank 0 of 2 could not meet the others at 127\.0\.0\.1:\d+ \(MASTER_ADDR and MASTER_PORT\): rank 1 of 2 processes did not come within 1 s$/,
    );
  });
});
