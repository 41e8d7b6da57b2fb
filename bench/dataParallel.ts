/**
 * One training in one process with one thread, in one with two threads, and in two processes with one thread each:
 *
 *     npm run build && npx tsx bench/dataParallel.ts --steps 40 --batch 32 --repeats 3
 *
 * Prints JSON: tokens per second (the median of the logged steps after the first ten, over all repeats, which take turns),
 * and how many times as fast as one process with one thread the others are. Timings mean something only on a machine
 * that has nothing else to do.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { RiverrunError } from "../src/base/errors.ts";
import { readMetrics } from "../src/train/metricsLog.ts";

const { values } = parseArgs({
  options: {
    steps: { type: "string", default: "40" },
    batch: { type: "string", default: "32" },
    repeats: { type: "string", default: "3" },
    preset: { type: "string", default: "small" },
  },
});
const program = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));

function training(out: string, threads: number): string[] {
  const settings = { maxSteps: values.steps, batchSize: values.batch, logEvery: 1, validateEvery: 1_000_000 };
  return [
    ...["train", "--preset", values.preset, "--data", "builtin", "--out", out, "--threads", String(threads)],
    ...Object.entries(settings).flatMap(([key, value]) => ["--set", `train.${key}=${value}`]),
    ...["--set", "train.validationTexts=8", "--set", "vectors.iterations=1"],
  ];
}

/** Tokens per second of the steps after the first ten. */
function rates(processes: number, threads: number): number[] {
  const folder = mkdtempSync(join(tmpdir(), "riverrun-parallel-"));
  try {
    const out = join(folder, "model");
    const own = training(out, threads);
    const args = processes === 1 ? own : ["launch", "--nproc", String(processes), "--", ...own];
    const { status, stderr } = spawnSync(process.execPath, [program, ...args], { encoding: "utf8" });
    if (status !== 0) throw new RiverrunError(`the training ended with ${status}: ${stderr.slice(-500)}`);
    return readMetrics(join(out, "metrics.jsonl"))
      .filter(({ split, step }) => split === "training" && step > 10)
      .map(({ tokensPerSecond }) => Number(tokensPerSecond));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const median = (numbers: readonly number[]): number => [...numbers].sort((a, b) => a - b)[numbers.length >> 1];

const ways = { oneThread: [1, 1], twoThreads: [1, 2], twoProcesses: [2, 1] } as const;
const all: Record<keyof typeof ways, number[]> = { oneThread: [], twoThreads: [], twoProcesses: [] };
for (let repeat = 0; repeat < Number(values.repeats); repeat++) {
  for (const way of Object.keys(ways) as (keyof typeof ways)[]) {
    const [processes, threads] = ways[way];
    all[way].push(...rates(processes, threads));
  }
}
const [one, threads, processes] = [median(all.oneThread), median(all.twoThreads), median(all.twoProcesses)];
process.stdout.write(
  `${JSON.stringify({
    preset: values.preset,
    batch: Number(values.batch),
    tokensPerSecond: { oneThread: one, twoThreads: threads, twoProcesses: processes },
    twoThreadsScaling: threads / one,
    twoProcessesScaling: processes / one,
  })}\n`,
);
