import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { makeDirectory, writeFileAtomic } from "../../src/base/atomicFile.ts";
import { RiverrunError } from "../../src/base/errors.ts";

const folder = mkdtempSync(join(tmpdir(), "riverrun-files-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("makeDirectory", () => {
  it("makes a folder and those above it, and again without harm, also through a link", () => {
    const deep = join(folder, "a", "b", "c");
    makeDirectory(deep);
    makeDirectory(deep);
    symlinkSync(join(folder, "a"), join(folder, "link"));
    makeDirectory(join(folder, "link", "d"));
    expect(existsSync(deep) && existsSync(join(folder, "a", "d"))).toBe(true);
  });

  it("names the path and the reason where a file stands in the way", () => {
    const file = join(folder, "file");
    writeFileSync(file, "");
    expect(() => makeDirectory(file)).toThrow(RiverrunError);
    expect(() => makeDirectory(join(file, "below"))).toThrow(/cannot make the folder .*below: .*(ENOTDIR|EEXIST)/);
  });

  it.runIf(existsSync("/proc/self"))("gives up where the file system takes no folder", () => {
    expect(() => makeDirectory("/proc/riverrun/model")).toThrow(
      /cannot make the folder \/proc\/riverrun\/model: ENOENT/,
    );
  });
});

describe("writeFileAtomic", () => {
  it("leaves the old file and nothing else where the new one cannot be finished", () => {
    const path = join(folder, "whole", "file.txt");
    makeDirectory(join(folder, "whole"));
    writeFileAtomic(path, "old");
    function* broken(): Generator<Uint8Array> {
      yield Buffer.from("new");
      throw new Error("no more");
    }
    expect(() => writeFileAtomic(path, broken())).toThrow(/cannot write .*file\.txt: no more; what stood there/);
    expect(readFileSync(path, "utf8")).toBe("old");
    expect(readdirSync(join(folder, "whole"))).toEqual(["file.txt"]);
    writeFileAtomic(path, Buffer.from("new"));
    expect(readFileSync(path, "utf8")).toBe("new");
  });
});
