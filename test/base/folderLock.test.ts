import { spawn } from "node:child_process";
import { existsSync, readdirSync, utimesSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { FolderLock } from "../../src/base/folderLock.ts";
import { scratch } from "../train/support.ts";

const purpose = { doing: "training in this folder", instead: "take another --out" };
const pathIn = (folder: string): string => join(folder, "lock");

describe("FolderLock", () => {
  it("is held by one at a time and free again after release", () => {
    const path = pathIn(scratch());
    const lock = FolderLock.take(path, purpose);
    expect(() => FolderLock.take(path, purpose)).toThrow(/is training in this folder/);
    lock.release();
    expect(existsSync(path)).toBe(false);
    FolderLock.take(path, purpose).release();
  });

  it("leaves a lock that another process has made in its place", () => {
    const path = pathIn(scratch());
    const lock = FolderLock.take(path, purpose);
    writeFileSync(path, JSON.stringify({ pid: process.ppid, host: hostname(), started: null }));
    lock.release();
    expect(existsSync(path)).toBe(true);
  });

  it("is refused while another process lives, and taken over when it was killed", async () => {
    const path = pathIn(scratch());
    const other = spawn("sleep", ["60"]);
    const gone = new Promise((resolve) => other.once("exit", resolve));
    writeFileSync(path, JSON.stringify({ pid: other.pid, host: hostname(), started: null }));
    expect(() => FolderLock.take(path, purpose)).toThrow(new RegExp(`process ${other.pid} is training`));
    other.kill("SIGKILL");
    await gone;
    FolderLock.take(path, purpose).release();
  });

  it.runIf(process.platform === "linux")("knows a process that only has the number of a killed one", () => {
    const path = pathIn(scratch());
    writeFileSync(path, JSON.stringify({ pid: process.ppid, host: hostname(), started: "1" }));
    FolderLock.take(path, purpose).release();
  });

  it("believes another machine's lock while it is fresh", () => {
    const path = pathIn(scratch());
    writeFileSync(path, JSON.stringify({ pid: 1, host: "another-machine", started: null }));
    expect(() => FolderLock.take(path, purpose)).toThrow(/on another-machine.*remove that file/);
    utimesSync(path, 1e9, 1e9);
    FolderLock.take(path, purpose).release();
  });

  it("is taken over by one process only, where several find it left behind", async () => {
    const folder = scratch();
    const count = 400;
    const names = Array.from({ length: count }, (_, number) => `lock-${number}`);
    const left = JSON.stringify({ pid: process.ppid, host: hostname(), started: "1" });
    for (const name of names) writeFileSync(join(folder, name), left);
    const program = fileURLToPath(new URL("children/takeLocks.ts", import.meta.url));
    const start = String(Date.now() + 3000);
    const all = Array.from({ length: 3 }, () => {
      const args = ["--import", "tsx", program, folder, String(count), start];
      const running = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] });
      const said = new Promise<string>((resolve) =>
        running.stdout.once("data", (piece: Buffer) => resolve(`${piece}`)),
      );
      return { running, said };
    });
    const taken = await Promise.all(all.map(({ said }) => said));
    for (const { running } of all) running.stdin.end();
    const lists = taken.map((text) => JSON.parse(text) as string[]);
    expect(lists.flat().sort()).toEqual(names.sort());
    expect(readdirSync(folder).sort()).toEqual(names);
  });

  it("takes over a lock that was torn in the writing", () => {
    const path = pathIn(scratch());
    writeFileSync(path, '{"pid": 1');
    FolderLock.take(path, purpose).release();
  });
});
