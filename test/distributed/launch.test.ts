/** riverrun launch: real processes, real signals, and what it refuses. */
import { describe, expect, it } from "vitest";
import { quote } from "../../src/base/invocation.ts";
import { addLaunch } from "../../src/cli/commands/launch.ts";
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

  it("ends with the exit code of a process that fails, which all have heard of", async () => {
    const folder = scratch();
    const training = tinyTraining(sentencesFile(folder), `${folder}/model`, 5);
    const { code, err } = await launching("--nproc", "3", "--", ...training, "--set", "train.batchSize=2").ended;
    expect(code).toBe(2);
    expect(err).toContain("riverrun: 3 processes cannot share a batch of 2 texts");
    expect(err).toMatch(/launch: rank \d ended with exit code 2; the others have 60 s to end/);
  });
});

describe("riverrun launch", () => {
  it.each([
    [
      ["--nproc", "2", "--", "score", "--model", "x"],
      /launch: "score" cannot be shared by processes; expected "train"/,
    ],
    [["--nproc", "0", "--", "train"], /--nproc/],
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
