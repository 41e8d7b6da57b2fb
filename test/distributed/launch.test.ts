/** riverrun launch: real processes, real signals, and what it refuses. */
import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { afterEach, describe, expect, it, vi } from "vitest";
import { quote } from "../../src/base/invocation.ts";
import { addLaunch } from "../../src/cli/commands/launch.ts";
import { RankFailures } from "../../src/cli/failure.ts";
import { findCheckpoint } from "../../src/train/index.ts";
import { run, scratch, sentencesFile, tinyTraining } from "../cli/support.ts";
import { missing, start, until } from "./support.ts";

const launching = (...args: string[]): ReturnType<typeof start> => start("../../src/cli/main.ts", ["launch", ...args]);

describe.skipIf(missing !== undefined)(`riverrun launch${missing === undefined ? "" : ` (${missing})`}`, () => {
  it("passes a signal on once: all processes stop after the same step, with one checkpoint and one report", async () => {
    const folder = scratch();
    const out = `${folder}/model`;
    const training = tinyTraining(sentencesFile(folder), out, 1_000_000);
    const args = [...training, "--set", "train.validateEvery=1000000"];
    const running = launching("--nproc", "2", "--", ...args);
    await until(() => running.said().includes("step 10 of"), running);
    running.process.kill("SIGTERM");
    const { code, err } = await running.ended;
    expect(code).toBe(143);
    expect(err.match(/2 processes share the training/g)).toHaveLength(1);
    expect(err.includes("sum its gradients in memory that they share")).toBe(process.platform === "linux");
    expect(err.match(/SIGTERM: finishing this step/g)).toHaveLength(1);
    expect(err).toMatch(/SIGTERM: stopped after step \d+, a checkpoint is written/);
    const again = ["launch", "--nproc", "2", "--", ...args, "--resume"].map(quote).join(" ");
    expect(err).toContain(`go on with: npx tsx src/cli/main.ts ${again}\n`);
    const stopped = Number(err.match(/stopped after step (\d+)/)?.[1]);
    expect(findCheckpoint(out)?.state).toMatchObject({ step: stopped, processes: 2, finished: null });
  });

  it.each(["1", "2"])("ends the training of %s where it is killed itself, with a checkpoint", async (nproc) => {
    const folder = scratch();
    const out = `${folder}/model`;
    const training = tinyTraining(sentencesFile(folder), out, 1_000_000);
    const running = launching("--nproc", nproc, "--", ...training, "--set", "train.checkpointEvery=1000000");
    await until(() => running.said().includes("step 10 of"), running);
    running.process.kill("SIGKILL");
    // Its streams are closed when the last process that writes into them has ended.
    const { signal, err } = await running.ended;
    expect(signal).toBe("SIGKILL");
    const [, stopped] = /the end of riverrun launch: stopped after step (\d+), a checkpoint is written/.exec(err) ?? [];
    expect(findCheckpoint(out)?.state).toMatchObject({ step: Number(stopped), finished: null });
    expect(existsSync(`${out}/training/lock`)).toBe(false);
  });

  it("ends with the exit code of a process that fails, which all have heard of", async () => {
    const folder = scratch();
    const training = tinyTraining(sentencesFile(folder), `${folder}/model`, 5);
    const { code, err } = await launching("--nproc", "3", "--", ...training, "--set", "train.batchSize=2").ended;
    expect(code).toBe(2);
    expect(err).toContain("riverrun: 3 processes cannot share a batch of 2 texts");
    expect(err.match(/cannot share a batch/g)).toHaveLength(1);
    expect(err).toMatch(/launch: rank \d ended with exit code 2; the others have 60 s to end/);
  });
});

describe("riverrun launch", () => {
  it("says once what all its processes refuse", async () => {
    const folder = scratch();
    const training = tinyTraining(sentencesFile(folder), `${folder}/model`, 5);
    for (const [args, message] of [
      [["--set", "train.maxStep=5"], /riverrun: --set train\.maxStep=5: there is no key "train\.maxStep"/g],
      [["--resume-from", "x"], /error: unknown option '--resume-from'/g],
    ] as const) {
      const { code, err } = await launching("--nproc", "3", "--", ...training, ...args).ended;
      expect(code).toBe(2);
      expect(err.match(message)).toHaveLength(1);
    }
  });

  it.each([
    [
      ["--nproc", "2", "--", "score", "--model", "x"],
      /launch: "score" cannot be shared by processes; expected "train"/,
    ],
    [["--nproc", "0", "--", "train"], /--nproc/],
    [
      ["--nproc", String(16 * availableParallelism() + 1), "--", "train"],
      /--nproc \d+: expected at most 16 processes a core, which is \d+ on the \d+ of this machine/,
    ],
    [["--", "train"], /--nproc/],
    [["--nproc", "2"], /command/],
    [["--nproc", "2", "--master-port", "70000", "--", "train"], /'70000' is invalid.* whole number from 1 to 65535/],
    [
      ["--nproc", "2", "train", "--preset", "tiny"],
      /unknown option '--preset'\nexpected: npx riverrun launch --nproc N -- train OPTIONS/,
    ],
  ])("refuses %j", async (args, message) => {
    const { code, err } = await run(addLaunch, ["launch", ...args]);
    expect(code).toBe(2);
    expect(err).toMatch(message);
  });
});

describe("failures of ranks", () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  const collecting = (): { readonly failures: RankFailures; readonly written: string[] } => {
    const written: string[] = [];
    return { failures: new RankFailures((text) => written.push(text)), written };
  };

  it("are written once, whichever rank found them, and not where rank 0 wrote them", () => {
    const { failures, written } = collecting();
    failures.heard(1, "riverrun: rank 1 of 3: the disk is full\n");
    failures.heard(2, "riverrun: rank 2 of 3: stopping because of rank 1: the disk is full\n");
    failures.heard(2, "riverrun: the file is gone\n");
    failures.heard(1, "riverrun: rank 1 of 3: stopping because of rank 0: no such preset\n");
    failures.heard(0, "riverrun: no such preset\n");
    expect(written).toEqual([]);
    failures.leaderEnded();
    expect(written).toEqual(["riverrun: rank 1 of 3: the disk is full\n", "riverrun: the file is gone\n"]);
    failures.heard(2, "riverrun: the file is gone\n");
    failures.heard(1, "riverrun: another\n");
    expect(written.slice(2)).toEqual(["riverrun: another\n"]);
  });

  it("do not wait for long for what rank 0 has to say", () => {
    vi.useFakeTimers();
    const { failures, written } = collecting();
    failures.heard(1, "riverrun: the file is gone\n");
    vi.advanceTimersByTime(9_000);
    expect(written).toEqual([]);
    vi.advanceTimersByTime(2_000);
    expect(written).toEqual(["riverrun: the file is gone\n"]);
  });
});
