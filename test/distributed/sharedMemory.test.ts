/** Sums of processes of one machine, in memory that they share and, where they must not, through connections. */
import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { freePort } from "../../src/base/freePort.ts";
import { type Numbers, sizes, summed } from "./sums.ts";
import { missing, type Running, startAll, ways } from "./support.ts";

interface Failure {
  readonly message: string;
  readonly ms: number;
}

async function seenBy<Seen>(running: readonly Running[]): Promise<Seen[]> {
  const ended = await Promise.all(running.map((one) => one.ended));
  return ended.map(({ code, out, err }) => {
    expect({ code, err }).toEqual({ code: 0, err: "" });
    return JSON.parse(out) as Seen;
  });
}

function hashOf(dtype: Numbers, values: readonly number[]): string {
  const bytes = dtype === "float32" ? Float32Array.from(values) : Float64Array.from(values);
  return createHash("sha256").update(new Uint8Array(bytes.buffer)).digest("hex");
}

/** The hashes of the sums in the order of the ranks. */
function inOrder(dtype: Numbers, size: number): Record<string, string> {
  return Object.fromEntries(sizes.map((count) => [`${dtype} ${count}`, hashOf(dtype, summed(dtype, size, count))]));
}

const elsewhere = missing ?? (process.platform === "linux" ? undefined : "only Linux has it");

describe.skipIf(elsewhere !== undefined)(`shared memory${elsewhere === undefined ? "" : ` (${elsewhere})`}`, () => {
  it.each([2, 3, 5])("gives all of %i processes the bits of the sum in the order of the ranks", async (size) => {
    interface Seen {
      readonly shares: boolean;
      readonly hashes: Readonly<Record<string, string>>;
    }
    for (const [way, env] of Object.entries(ways)) {
      const seen = await seenBy<Seen>(await startAll("children/sums.ts", ["numbers"], size, env));
      const shares = way === "in shared memory";
      for (const one of seen) expect(one).toEqual({ ...seen[0], shares });
      if (shares) expect(seen[0].hashes).toMatchObject({ ...inOrder("float32", size), ...inOrder("float64", size) });
      expect(Object.keys(seen[0].hashes)).toHaveLength(4 * sizes.length);
    }
  });

  it("is used by none where one does not want to", async () => {
    const running = await startAll(
      "children/sums.ts",
      ["numbers"],
      2,
      (rank): Record<string, string> => (rank === 1 ? ways["through connections"] : ways["in shared memory"]),
    );
    const seen = await seenBy<{ readonly shares: boolean }>(running);
    expect(seen.map(({ shares }) => shares)).toEqual([false, false]);
  });

  it("lets the event loop turn while a rank is late, and sums in the order of the program", async () => {
    interface Seen {
      readonly turns: number;
      readonly hashes: unknown;
    }
    const seen = await seenBy<Seen>(await startAll("children/sums.ts", ["late"], 3, ways["in shared memory"]));
    for (const { hashes } of seen) expect(hashes).toEqual(inOrder("float32", 3));
    // 600 ms in turns of 5; of these the sums may hold up 30 each.
    expect(seen[0].turns).toBeGreaterThan(20);
  });

  it("notices who dies within a sum, and fails at once from then on", async () => {
    interface Seen {
      readonly lost: Failure;
      readonly later: Failure;
      readonly handed: Failure;
    }
    const running = await startAll("children/sums.ts", ["killed"], 3, ways["in shared memory"]);
    expect((await running[2].ended).signal).toBe("SIGKILL");
    for (const { lost, later, handed } of await seenBy<Seen>(running.slice(0, 2))) {
      const message = "another process is gone, or did not answer within 30 s (rank 2 has ended or left)";
      expect([lost.message, later.message, handed.message]).toEqual([message, message, message]);
      // Half of what one waits for who is silent.
      expect(Math.max(lost.ms, later.ms, handed.ms)).toBeLessThan(15_000);
    }
  });

  it("waits no longer than it may", async () => {
    interface Seen {
      readonly lost: Failure;
      readonly later: Failure;
    }
    const seen = await seenBy<Seen>(await startAll("children/sums.ts", ["silent"], 2, ways["in shared memory"]));
    const message = "another process is gone, or did not answer within 1 s (rank 1 did not come to a sum in time)";
    for (const { lost, later } of seen) {
      expect([lost.message, later.message]).toEqual([message, message]);
      expect(later.ms).toBeLessThan(900);
    }
    expect(seen[0].lost.ms).toBeGreaterThan(900);
  });

  it("sums no tensors of different sizes", async () => {
    interface Seen {
      readonly lost: Failure;
      readonly later: Failure;
    }
    const seen = await seenBy<Seen>(await startAll("children/sums.ts", ["unlike"], 2, ways["in shared memory"]));
    for (const [rank, { lost, later }] of seen.entries()) {
      const [own, theirs] = rank === 0 ? [24, 16] : [16, 24];
      const what = `rank ${1 - rank} sums ${theirs} bytes of 8 each where rank ${rank} sums ${own} bytes of 8 each`;
      expect(lost.message).toContain(`the processes do not do the same (${what}): all must run the same version`);
      expect(later.message).toBe(lost.message);
    }
  });

  it("is given back when a group is left, and taken again by the next", async () => {
    const ports = [String(await freePort()), String(await freePort()), String(await freePort())];
    const seen = await seenBy(await startAll("children/sums.ts", ["groups", ...ports], 2, ways["in shared memory"]));
    const each = { sum: 3, inside: 1, outside: 0 };
    expect(seen).toEqual([
      [each, each, each],
      [each, each, each],
    ]);
  });

  it("is done without where there is too little of it", async () => {
    // Two processes need somewhat more than 2 MiB. Shells count files in blocks of 512 or 1024 bytes.
    const running = await startAll("children/sums.ts", ["numbers"], 2, ways["in shared memory"], "ulimit -f 2048");
    const seen = await seenBy<{ readonly shares: boolean }>(running);
    expect(seen.map(({ shares }) => shares)).toEqual([false, false]);
  });
});
