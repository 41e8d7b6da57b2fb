import fs from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { filesBelow, hashFiles, stampMatches, writeJson } from "../../scripts/setup/stamps.mjs";
import { temporaryFolder, writeTree } from "./temporary.ts";

describe("the hash of files", () => {
  it("changes with a content, a name, a new file and a lost file, and with nothing else", () => {
    const root = temporaryFolder();
    writeTree(root, { "src/a.ts": "1", "src/deep/b.ts": "2", "other.ts": "3" });
    const hash = () => hashFiles(root, ["src", "tsconfig.json"]);
    const first = hash();
    writeTree(root, { "other.ts": "changed", "src/a.ts": "1" });
    expect(hash()).toBe(first);
    const seen = new Set([first]);
    const changes = [
      () => writeTree(root, { "src/a.ts": "4" }),
      () => fs.renameSync(path.join(root, "src/a.ts"), path.join(root, "src/c.ts")),
      () => writeTree(root, { "src/empty.ts": "" }),
      () => fs.rmSync(path.join(root, "src/deep/b.ts")),
      () => writeTree(root, { "tsconfig.json": "" }),
    ];
    for (const change of changes) {
      change();
      seen.add(hash());
    }
    expect(seen.size).toBe(1 + changes.length);
  });

  it("does not confuse a boundary between two files", () => {
    const [one, two] = [temporaryFolder(), temporaryFolder()];
    writeTree(one, { "src/a": "xy", "src/b": "z" });
    writeTree(two, { "src/a": "x", "src/b": "yz" });
    expect(hashFiles(one, ["src"])).not.toBe(hashFiles(two, ["src"]));
  });
});

describe("a stamp", () => {
  it("matches the very value that it was written from", () => {
    const file = path.join(temporaryFolder(), "deep", "stamp.json");
    expect(stampMatches(file, { a: 1 })).toBe(false);
    writeJson(file, { a: 1, b: "x" });
    expect(stampMatches(file, { a: 1, b: "x" })).toBe(true);
    expect(stampMatches(file, { a: 2, b: "x" })).toBe(false);
    expect(filesBelow(path.dirname(file))).toEqual(["stamp.json"]);
  });
});
