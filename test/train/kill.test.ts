/** Real processes, real signals. The program that they run is bench/kill.ts, which also does the long version. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it, vi } from "vitest";
import { loadModel } from "../../src/flow/index.ts";
import { findCheckpoint } from "../../src/train/index.ts";
import { SignalWatch } from "../../src/train/signals.ts";
import { scratch } from "./support.ts";

const program = fileURLToPath(new URL("../../bench/kill.ts", import.meta.url));

function start(...args: string[]): { process: ChildProcess; ended: Promise<{ code: number | null; out: string }> } {
  const running = spawn(process.execPath, ["--import", "tsx", program, ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let out = "";
  running.stdout.on("data", (chunk: Buffer) => {
    out += chunk.toString();
  });
  return { process: running, ended: new Promise((resolve) => running.once("close", (code) => resolve({ code, out }))) };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 20));
}

const stepOf = (out: string): number =>
  existsSync(join(out, "training")) ? (findCheckpoint(out)?.state.step ?? -1) : -1;

describe("a training killed at random instants", () => {
  it("ends with the same numbers, to the last bit, as one that was let alone", async () => {
    const { code, out } = await start("--kills", "3", "--steps", "40", "--seed", "2").ended;
    const report = JSON.parse(out) as { readonly loads: number };
    expect(report).toMatchObject({ kills: 3, identical: true, differences: [] });
    expect(report.loads).toBeGreaterThan(0); // Else nothing was resumed.
    expect(code).toBe(0);
  });
});

describe.skipIf(process.platform === "win32")("a training that is sent signals", () => {
  it("writes a checkpoint and exits with 143 after SIGTERM and 130 after SIGINT", async () => {
    const out = join(scratch(), "signals");
    let before = -1;
    for (const [signal, expected] of [
      ["SIGTERM", 143],
      ["SIGINT", 130],
    ] as const) {
      const child = start("--child", out, "--steps", "1000000");
      await until(() => stepOf(out) > before + 6);
      child.process.kill(signal);
      expect((await child.ended).code).toBe(expected);
      expect(existsSync(join(out, "training", "lock"))).toBe(false);
      expect(stepOf(out)).toBeGreaterThan(before);
      before = stepOf(out);
    }
    loadModel(out).dispose();
  });
});

describe("SignalWatch", () => {
  it("remembers the first signal and ends the process at the second", () => {
    const listeners = process.listenerCount("SIGTERM");
    const exit = vi.spyOn(process, "exit").mockImplementation((() => undefined) as never);
    const watch = new SignalWatch();
    try {
      expect(watch.stop).toBeUndefined();
      process.emit("SIGTERM", "SIGTERM");
      expect(watch.stop).toBe("SIGTERM");
      expect(exit).not.toHaveBeenCalled();
      process.emit("SIGINT", "SIGINT");
      expect(exit).toHaveBeenCalledExactlyOnceWith(130);
    } finally {
      watch.dispose();
      exit.mockRestore();
    }
    expect(process.listenerCount("SIGTERM")).toBe(listeners);
  });

  it.skipIf(process.platform === "win32")("takes SIGUSR2 for a wish of one checkpoint", () => {
    const watch = new SignalWatch();
    expect(watch.takeCheckpointRequest()).toBe(false);
    process.emit("SIGUSR2", "SIGUSR2");
    expect(watch.takeCheckpointRequest()).toBe(true);
    expect(watch.takeCheckpointRequest()).toBe(false);
    expect(watch.stop).toBeUndefined();
    watch.dispose();
  });
});
