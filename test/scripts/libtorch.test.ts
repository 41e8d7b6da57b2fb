import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { throwAwayPartials, writeMarker } from "../../scripts/setup/download.mjs";
import { cachedLibtorch, findLibtorch, inspectLibtorch, isWhole, MARKER } from "../../scripts/setup/libtorch.mjs";
import { LIBTORCH_VERSION, pinFor, requirementsOf } from "../../scripts/setup/wheels.mjs";
import { temporaryFolder, writeTree } from "./temporary.ts";

const LIBRARY = process.platform === "darwin" ? "lib/libtorch_cpu.dylib" : "lib/libtorch_cpu.so";
const OLD_HEADER = "include/torch/csrc/api/include/torch/version.h";
const NEW_HEADER = "include/torch/headeronly/version.h";

const macros = (version: string) => {
  const [major, minor, patch] = version.split(".");
  return `#pragma once
/// Indicates the major version of LibTorch.
#define TORCH_VERSION_MAJOR ${major}
#define TORCH_VERSION_MINOR ${minor}
#define TORCH_VERSION_PATCH ${patch}
#define TORCH_VERSION TORCH_VERSION_MAJOR
`;
};

/** A folder that looks like a libtorch whose headers state the version. */
function fakeLibtorch(root: string, version: string): string {
  writeTree(root, { [LIBRARY]: "library", [OLD_HEADER]: macros(version) });
  return root;
}

/** A cache that holds a whole libtorch of the pinned version. */
function fakeCache(base: string): string {
  const folder = cachedLibtorch({ XDG_CACHE_HOME: base });
  fakeLibtorch(path.join(folder, "torch"), LIBTORCH_VERSION);
  writeMarker(folder, []);
  return folder;
}

describe("the version of a libtorch", () => {
  it("is read from the macros of version.h, where older and where newer releases keep them", () => {
    expect(inspectLibtorch(fakeLibtorch(temporaryFolder(), "2.6.1"))).toEqual({ version: "2.6.1" });
    const newer = temporaryFolder();
    writeTree(newer, {
      [LIBRARY]: "library",
      [OLD_HEADER]: "#pragma once\n#include <torch/headeronly/version.h>\n",
      [NEW_HEADER]: macros("2.15.0"),
    });
    expect(inspectLibtorch(newer)).toEqual({ version: "2.15.0" });
  });

  it("must be 2.6 or newer, and be stated", () => {
    expect(inspectLibtorch(fakeLibtorch(temporaryFolder(), "2.5.1"))).toHaveProperty(
      "fault",
      expect.stringContaining("2.5.1"),
    );
    expect(inspectLibtorch(fakeLibtorch(temporaryFolder(), "1.13.0"))).toHaveProperty("fault");
    expect(inspectLibtorch(fakeLibtorch(temporaryFolder(), "3.0.0"))).toEqual({ version: "3.0.0" });
    const silent = temporaryFolder();
    writeTree(silent, { [LIBRARY]: "library", [OLD_HEADER]: "#pragma once\n" });
    expect(inspectLibtorch(silent)).toHaveProperty("fault", expect.stringContaining("no version"));
  });

  it("is not asked of a folder without the library", () => {
    const root = temporaryFolder();
    writeTree(root, { [OLD_HEADER]: macros("2.15.0") });
    expect(inspectLibtorch(root)).toHaveProperty("fault", expect.stringContaining("libtorch_cpu"));
  });
});

describe("the search for a libtorch", () => {
  const none = () => undefined;

  it("takes LIBTORCH before Python's torch, and that before the cache", () => {
    const base = temporaryFolder();
    const own = fakeLibtorch(temporaryFolder(), "2.9.0");
    const python = fakeLibtorch(temporaryFolder(), "2.8.0");
    const cache = fakeCache(base);
    const env = { XDG_CACHE_HOME: base };
    expect(findLibtorch({ env: { ...env, LIBTORCH: own }, pythonTorch: () => python })).toEqual({
      path: own,
      version: "2.9.0",
      source: "LIBTORCH",
    });
    expect(findLibtorch({ env, pythonTorch: () => python })).toEqual({
      path: python,
      version: "2.8.0",
      source: "python",
    });
    expect(findLibtorch({ env, pythonTorch: none })).toEqual({
      path: path.join(cache, "torch"),
      version: LIBTORCH_VERSION,
      source: "cache",
    });
    expect(findLibtorch({ env: { XDG_CACHE_HOME: temporaryFolder() }, pythonTorch: none })).toBeUndefined();
  });

  it("passes over a torch of Python that is too old, and says so", () => {
    const notes: string[] = [];
    const python = fakeLibtorch(temporaryFolder(), "1.13.1");
    const env = { XDG_CACHE_HOME: temporaryFolder() };
    expect(findLibtorch({ env, pythonTorch: () => python, note: (text) => notes.push(text) })).toBeUndefined();
    expect(notes).toHaveLength(1);
    expect(notes[0]).toContain("1.13.1");
  });

  it("refuses a LIBTORCH that does not work instead of going on to the next place", () => {
    const env = { XDG_CACHE_HOME: temporaryFolder(), LIBTORCH: fakeLibtorch(temporaryFolder(), "2.1.0") };
    fakeCache(env.XDG_CACHE_HOME);
    expect(() => findLibtorch({ env, pythonTorch: none })).toThrow(/LIBTORCH=.*2\.1\.0.*2\.6/);
    expect(() => findLibtorch({ env: { ...env, LIBTORCH: "/nowhere" }, pythonTorch: none })).toThrow(
      /LIBTORCH=\/nowhere/,
    );
  });
});

describe("the libtorch of the cache", () => {
  it("counts only when its marker stands and its libraries have the sizes that it tells", () => {
    const folder = fakeCache(temporaryFolder());
    const library = path.join(folder, "torch", LIBRARY);
    expect(isWhole(folder)).toBe(true);
    fs.truncateSync(library, 3);
    expect(isWhole(folder)).toBe(false);
    fs.writeFileSync(library, "library");
    expect(isWhole(folder)).toBe(true);
    fs.rmSync(library);
    expect(isWhole(folder)).toBe(false);
  });

  it("is refused without a marker, with half a marker, and with that of another version", () => {
    const folder = fakeCache(temporaryFolder());
    const marker = path.join(folder, MARKER);
    const text = fs.readFileSync(marker, "utf8");
    for (const wrong of [text.slice(0, -20), "null", "{}", text.replace(LIBTORCH_VERSION, "2.14.0")]) {
      fs.writeFileSync(marker, wrong);
      expect(isWhole(folder)).toBe(false);
    }
    fs.rmSync(marker);
    expect(isWhole(folder)).toBe(false);
  });

  it("is rid of what killed set-ups left, and of nothing else", () => {
    const cache = temporaryFolder();
    const ended = spawnSync(process.execPath, ["-e", ""]).pid;
    const names = {
      dead: `partial-${os.hostname()}-${ended}-a`,
      running: `partial-${os.hostname()}-${process.pid}-b`,
      elsewhere: "partial-another.machine-1-c",
      other: "vectors",
    };
    for (const name of Object.values(names)) fs.mkdirSync(path.join(cache, name));
    throwAwayPartials(cache);
    expect(fs.readdirSync(cache).sort()).toEqual([names.elsewhere, names.running, names.other].sort());
  });
});

describe("the pinned wheels", () => {
  it("are named with their hashes, so that pip accepts no others", () => {
    const pin = pinFor("linux", "x64");
    expect(pin?.wheels.map(({ name }) => name)).toEqual(["torch", "nvidia-cuda-runtime", "nvidia-cuda-cupti"]);
    const lines = requirementsOf(pin?.wheels ?? [])
      .trimEnd()
      .split("\n");
    for (const line of lines) expect(line).toMatch(/^[a-z-]+==[\d.]+ --hash=sha256:[0-9a-f]{64}$/);
    expect(pinFor("linux", "riscv64")).toBeUndefined();
  });

  it.each([
    ["linux", "x64"],
    ["linux", "arm64"],
    ["darwin", "arm64"],
  ])("for %s on %s keep the files that they require, and not Python's or CUDA's", (platform, architecture) => {
    const pin = pinFor(platform, architecture);
    const keep = new RegExp(`^(?:${pin?.keep.join("|") ?? ""})$`);
    expect(pin?.required.length).toBeGreaterThan(0);
    for (const file of pin?.required ?? []) expect(file).toMatch(keep);
    expect("torch/lib/libtorch_python.so").not.toMatch(keep);
    expect("torch/lib/libtorch_cuda.so").not.toMatch(keep);
  });
});
