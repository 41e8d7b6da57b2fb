import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { isAlive, isStale, tryLock, withLock } from "../../scripts/setup/lock.mjs";
import { temporaryFolder, writeTree } from "./temporary.ts";

/** The id of a process that has ended. */
function deadPid(): number {
  const { pid } = spawnSync(process.execPath, ["-e", ""]);
  return pid;
}

describe("the lock of a set-up", () => {
  it("lets one in at a time", async () => {
    const lock = path.join(temporaryFolder(), "deep", "lock");
    let inside = 0;
    let most = 0;
    const order: number[] = [];
    const work = (name: number) => async () => {
      inside++;
      most = Math.max(most, inside);
      await new Promise((resolve) => setImmediate(resolve));
      order.push(name);
      inside--;
    };
    await Promise.all([1, 2, 3].map((name) => withLock(lock, () => undefined, work(name))));
    expect(most).toBe(1);
    expect(order.sort()).toEqual([1, 2, 3]);
    expect(fs.existsSync(lock)).toBe(false);
  });

  it("tells the second who holds it", () => {
    const lock = path.join(temporaryFolder(), "lock");
    expect(tryLock(lock, "first")).toEqual({ taken: true });
    expect(tryLock(lock, "second")).toEqual({ taken: false, owner: { pid: process.pid, host: os.hostname() } });
    expect(fs.readdirSync(path.dirname(lock))).toEqual(["lock"]);
  });

  it("is given back when the work fails", async () => {
    const lock = path.join(temporaryFolder(), "lock");
    const fail = () => Promise.reject(new Error("no"));
    await expect(withLock(lock, () => undefined, fail)).rejects.toThrow("no");
    expect(tryLock(lock, "next")).toEqual({ taken: true });
  });

  it("is taken over from a process that is gone", () => {
    const lock = path.join(temporaryFolder(), "lock");
    writeTree(lock, { token: JSON.stringify({ pid: deadPid(), host: os.hostname() }) });
    expect(tryLock(lock, "next")).toEqual({ taken: true });
    expect(fs.readdirSync(lock)).toEqual(["next"]);
  });

  it("is taken over when it is an empty folder, and kept while its owner cannot be read but is fresh", () => {
    const lock = path.join(temporaryFolder(), "lock");
    fs.mkdirSync(lock);
    expect(tryLock(lock, "next")).toEqual({ taken: true });
    const other = path.join(temporaryFolder(), "lock");
    writeTree(other, { token: "{" });
    expect(tryLock(other, "next")).toEqual({ taken: false, owner: undefined });
  });

  it("is stale on another machine only when its owner has long been silent", () => {
    const elsewhere = { pid: process.pid, host: "another.machine" };
    expect(isStale(elsewhere, 10_000)).toBe(false);
    expect(isStale(elsewhere, 120_000)).toBe(true);
    expect(isStale({ pid: process.pid, host: os.hostname() }, 120_000)).toBe(false);
  });

  it("tells a running process from one that has ended", () => {
    expect(isAlive(process.pid)).toBe(true);
    expect(isAlive(deadPid())).toBe(false);
  });
});
