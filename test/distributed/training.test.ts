/** A training in several processes gives the numbers of one. */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { findCheckpoint, readMetrics, train } from "../../src/train/index.ts";
import { scratch } from "../train/support.ts";
import { missing, startAll, until, ways } from "./support.ts";
import { tinyOptions } from "./trainings.ts";

/** The largest difference of any figure of two runs, relative to its size, but for those of clock and memory. */
function difference(one: string, other: string): number {
  const [a, b] = [one, other].map((out) => readMetrics(`${out}/metrics.jsonl`));
  expect(b.map(({ step, split }) => [step, split])).toEqual(a.map(({ step, split }) => [step, split]));
  let most = 0;
  for (const [index, row] of a.entries()) {
    expect(Object.keys(b[index])).toEqual(Object.keys(row));
    for (const [name, value] of Object.entries(row)) {
      if (typeof value !== "number" || ["wall", "tokensPerSecond", "rssMb"].includes(name)) continue;
      most = Math.max(most, Math.abs(value - Number(b[index][name])) / Math.max(1e-12, Math.abs(value)));
    }
  }
  return most;
}

async function trainAlone(out: string, steps: number, precision: string, validateEvery = 4): Promise<void> {
  (await train({ ...tinyOptions(out, steps, precision, validateEvery), resume: true })).model.dispose();
}

const steps = 9;

describe.skipIf(missing !== undefined)(`a shared training${missing === undefined ? "" : ` (${missing})`}`, () => {
  it.each(Object.keys(ways))(
    "has the loss curve and the validations of one process, summing %s: 1e-9 in float64, 1e-5 in float32",
    async (way) => {
      const folder = scratch();
      const running = await startAll(
        "children/training.ts",
        [`${folder}/two`, `${steps}`, "4", "new", "float64", "float32"],
        2,
        ways[way],
      );
      await trainAlone(`${folder}/one-float64`, steps, "float64");
      await trainAlone(`${folder}/one-float32`, steps, "float32");
      const [first, second] = await Promise.all(running.map((one) => one.ended));
      expect({ code: second.code, err: second.err }).toEqual({ code: 0, err: "" });
      expect({ code: first.code, err: first.code === 0 ? "" : first.err }).toEqual({ code: 0, err: "" });
      expect(difference(`${folder}/one-float64`, `${folder}/two-float64`)).toBeLessThan(1e-9);
      expect(difference(`${folder}/one-float32`, `${folder}/two-float32`)).toBeLessThan(1e-5);
    },
  );

  it.each(Object.keys(ways))(
    "stops in all processes, summing %s, when one is killed, keeps every whole step, and goes on in one",
    async (way) => {
      const folder = scratch();
      const out = `${folder}/killed-float64`;
      const running = await startAll(
        "children/training.ts",
        [`${folder}/killed`, "100000", "1000", "new", "float64"],
        2,
        ways[way],
      );
      await until(() => running[0].said().includes("at step 4\n"), running[0]);
      running[1].process.kill("SIGKILL");
      const ended = await running[0].ended;
      expect(ended.code).toBe(1);
      expect(ended.err).toMatch(
        /failed: rank 0 of 2: another process is gone, .*; the last checkpoint in .*killed-float64 is whole: go on with --resume/,
      );
      expect(existsSync(`${out}/training/lock`)).toBe(false);
      const at = findCheckpoint(out)?.state.step ?? -1;
      // Of the last step that was reported, not of the last multiple of train.checkpointEvery.
      expect(at).toBe(Number(ended.err.match(/at step (\d+)\n(?!.*at step)/s)?.[1]));
      const end = at + 5;
      await trainAlone(out, end, "float64", 1000);
      await trainAlone(`${folder}/whole`, end, "float64", 1000);
      expect(difference(`${folder}/whole`, out)).toBeLessThan(1e-9);
    },
  );

  it("goes on in another number of processes, more or fewer, with the same numbers", async () => {
    const folder = scratch();
    const out = `${folder}/resumed-float64`;
    // Where one training ends, the other validates.
    await trainAlone(out, 4, "float64");
    for (const [size, end] of [
      [3, 8],
      [2, 12],
    ] as const) {
      const args = [`${folder}/resumed`, `${end}`, "4", "resume", "float64"];
      const ended = await Promise.all((await startAll("children/training.ts", args, size)).map((one) => one.ended));
      expect(ended.map(({ code, err }) => ({ code, err: code === 0 ? "" : err }))).toEqual(
        Array.from({ length: size }, () => ({ code: 0, err: "" })),
      );
      expect(findCheckpoint(out)?.state).toMatchObject({ step: end, processes: 1 });
    }
    await trainAlone(`${folder}/whole`, 12, "float64");
    expect(difference(`${folder}/whole`, out)).toBeLessThan(1e-9);
  });

  it("says in every process why one has ended", async () => {
    const folder = scratch();
    mkdirSync(`${folder}/hurt-float64/training`, { recursive: true });
    writeFileSync(`${folder}/hurt-float64/training/last.json`, "{");
    const running = await startAll("children/training.ts", [`${folder}/hurt`, "5", "4", "resume", "float64"], 2);
    const [leader, other] = await Promise.all(running.map((one) => one.ended));
    expect(leader.err).toMatch(/failed: .*last\.json is damaged/);
    expect(other.err).toMatch(/failed: rank 1 of 2: stopping because of rank 0: .*last\.json is damaged/);
    expect(other.err).not.toContain("the last checkpoint");
    expect([leader.code, other.code]).toEqual([1, 1]);
  });
});
