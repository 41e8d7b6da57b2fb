/** Trainings side by side, in real processes. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { runTable4, type Table4Options } from "../../src/experiments/table4/table4.ts";
import { linesFile, quickScale, scratch } from "./support.ts";

const folder = scratch();
const lines: string[] = [];
const options: Table4Options = {
  files: [linesFile(folder)],
  scale: quickScale(),
  seeds: 1,
  out: join(folder, "jobs"),
  models: ["bilstm-density", "transformer-lm", "bigram"],
  device: "cpu",
  log: (message) => lines.push(message),
  stopRequested: () => undefined,
};

describe("trainings in processes of their own", () => {
  it("stop at a checkpoint when they are asked to, go on, fail alone, and end with the numbers of one process", async () => {
    let steps = 0;
    const stopping = runTable4({
      ...options,
      jobs: 2,
      onStep: () => steps++,
      stopRequested: () => (steps > 0 ? "SIGTERM" : undefined),
    });
    await expect(stopping).rejects.toMatchObject({ name: "StoppedError", exitCode: 143 });
    // A row whose folder cannot be made fails; the others do not notice.
    const blocked = join(options.out, "runs", "lines", "riverrun-ar");
    mkdirSync(blocked);
    writeFileSync(join(blocked, "seed-1"), "");
    const models = [...(options.models ?? []), "riverrun-ar"];
    const side = await runTable4({ ...options, models, jobs: 2 });
    expect(side.failures).toHaveLength(1);
    expect(side.rows.find(({ model }) => model === "riverrun-ar")?.failures).toMatchObject([{ seed: 1 }]);
    const alone = await runTable4({ ...options, out: join(folder, "alone") });
    const figures = ({ rows }: typeof alone) => rows.map(({ model, nelboPerToken }) => ({ model, nelboPerToken }));
    expect(figures(side).filter(({ model }) => model !== "riverrun-ar")).toEqual(figures(alone));
    expect(lines.filter((line) => /^transformer-lm on lines, seed 1: step \d+: \d/.test(line)).length).toBeGreaterThan(
      0,
    );
  });
});

describe.skipIf(process.platform !== "linux")("a training whose process is killed", () => {
  it("fails alone with a word, and the same command goes on with it", async () => {
    const scale = quickScale({ maxSteps: 60, validateEvery: 30, checkpointEvery: 5 });
    const own = { ...options, scale, models: ["bilstm-density", "transformer-lm"], out: join(folder, "one-killed") };
    const victim = join(own.out, "runs", "lines", "bilstm-density", "seed-1", "training");
    let killed = 0;
    const said: string[] = [];
    const first = await runTable4({
      ...own,
      jobs: 2,
      log: (message) => said.push(message),
      onStep: (name, step) => {
        if (killed > 0 || step < 10 || !name.startsWith("bilstm-density")) return;
        killed = (JSON.parse(readFileSync(join(victim, "lock"), "utf8")) as { pid: number }).pid;
        process.kill(killed, "SIGKILL");
      },
    });
    expect(killed).not.toBe(process.pid);
    expect(first.failures).toEqual([expect.stringMatching(/bilstm-density/)]);
    expect(said.join("\n")).toMatch(/bilstm-density on lines, seed 1: FAILED: its process ended by SIGKILL/);
    expect(first.rows.find(({ model }) => model === "transformer-lm")?.nelboPerToken).not.toBeNull();
    expect(existsSync(join(victim, "last.json"))).toBe(true);
    const again = await runTable4({ ...own, jobs: 2, log: (message) => said.push(message) });
    expect(again.failures).toEqual([]);
    expect(said.join("\n")).toMatch(/going on after step \d+ of 60/);
    const alone = await runTable4({ ...own, out: join(folder, "none-killed") });
    const figures = ({ rows }: typeof alone) => rows.map(({ model, nelboPerToken }) => ({ model, nelboPerToken }));
    expect(figures(again)).toEqual(figures(alone));
  });
});

describe("data that a training's process does not find", () => {
  it("ends the table with the exit code of missing data", async () => {
    const own = linesFile(scratch());
    let steps = 0;
    // There when the table reads it, gone when the process does.
    const run = runTable4({
      ...options,
      files: [own],
      jobs: 2,
      out: join(folder, "gone"),
      log: () => {
        if (steps++ === 0) rmSync(own);
      },
    });
    await expect(run).rejects.toMatchObject({ name: "DataMissingError", exitCode: 3 });
  });
});

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 20));
}

function childrenOf({ pid }: ChildProcess): number[] {
  const path = `/proc/${pid}/task/${pid}/children`;
  return existsSync(path) ? readFileSync(path, "utf8").trim().split(/\s+/).filter(Boolean).map(Number) : [];
}

/** Whether a process runs; one that has ended and that nobody has asked about does not. */
function runs(pid: number): boolean {
  const path = `/proc/${pid}/stat`;
  if (!existsSync(path)) return false;
  const stat = readFileSync(path, "latin1");
  return stat.slice(stat.lastIndexOf(")") + 2, stat.lastIndexOf(")") + 3) !== "Z";
}

describe.skipIf(process.platform !== "linux")("a table that is killed", () => {
  it("takes its trainings with it, which leave a checkpoint", async () => {
    const out = join(folder, "killed");
    const main = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
    const table = spawn(
      process.execPath,
      [
        "--import",
        "tsx",
        main,
        "experiment",
        "table4",
        "--data",
        options.files[0],
        "--models",
        "bilstm-density,riverrun-ar",
      ].concat(["--jobs", "2", "--out", out]),
      { stdio: "ignore" },
    );
    const run = (name: string): string => join(out, "runs", "lines", name, "seed-1", "training");
    await until(() => ["bilstm-density", "riverrun-ar"].every((name) => existsSync(join(run(name), "lock"))));
    const children = childrenOf(table);
    expect(children.length).toBeGreaterThanOrEqual(2);
    table.kill("SIGKILL");
    await until(() => !children.some(runs));
    for (const name of ["bilstm-density", "riverrun-ar"]) expect(existsSync(join(run(name), "last.json"))).toBe(true);
  });
});
