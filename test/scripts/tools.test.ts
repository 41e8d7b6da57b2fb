import { describe, expect, it } from "vitest";
import { errorsFirst } from "../../scripts/setup/addon.mjs";
import { orphans } from "../../scripts/setup/compile.mjs";
import { isNodeNewEnough } from "../../scripts/setup/node-version.mjs";
import { sameInstallation } from "../../scripts/setup/packages.mjs";
import { hint, parseCompilerVersion } from "../../scripts/setup/tools.mjs";
import { closingLine, countTests } from "../../scripts/test-summary.mjs";

describe("the version of Node.js", () => {
  it("must be 20.19 or newer", () => {
    for (const good of ["20.19.0", "v20.20.2", "22.1.0", "v100.0.0"]) expect(isNodeNewEnough(good)).toBe(true);
    for (const bad of ["20.18.9", "v18.20.0", "16.0.0"]) expect(isNodeNewEnough(bad)).toBe(false);
  });
});

describe("the version of a compiler", () => {
  const gnu = "Copyright (C) Free Software Foundation, Inc.";
  it.each([
    [`g++ (Debian 12.2.0-14+deb12u1) 12.2.0\n${gnu}`, { name: "gcc", version: "12.2.0" }],
    [`g++ (Ubuntu 11.4.0-1ubuntu1~22.04) 11.4.0\n${gnu}`, { name: "gcc", version: "11.4.0" }],
    [`g++ (GCC) 13.2.1 20240316 (Red Hat 13.2.1-7)\n${gnu}`, { name: "gcc", version: "13.2.1" }],
    ["Debian clang version 14.0.6\nTarget: x86_64-pc-linux-gnu", { name: "clang", version: "14.0.6" }],
    ["Apple clang version 15.0.0 (clang-1500.3.9.4)", { name: "clang", version: "15.0.0" }],
    ["", undefined],
    ["something else 1.2.3", undefined],
  ])("is read from %j", (text, expected) => {
    expect(parseCompilerVersion(text)).toEqual(expected);
  });
});

describe("the hint on what to install", () => {
  it("is one line that fits the system", () => {
    const on = (platform: NodeJS.Platform, release: string) =>
      hint("a compiler", ["g++", "python3-venv"], platform, release);
    expect(on("linux", 'ID=ubuntu\nID_LIKE="debian"')).toContain("apt-get install g++ python3-venv");
    expect(on("linux", "ID=fedora")).toContain("dnf install gcc-c++");
    expect(on("linux", "ID=fedora")).not.toContain("venv");
    expect(on("darwin", "")).toContain("xcode-select --install");
    expect(on("linux", "ID=alpine")).toContain("Alpine");
    for (const text of [on("linux", ""), on("win32", "")]) expect(text.split("\n")).toHaveLength(1);
  });
});

describe("what a failed compilation shows", () => {
  it("begins with the first error, or is the end where no line names one", () => {
    const output = "[1/3] Building\na.cc:7:3: error: no such thing\n  7 | x\n[2/3] Building\nninja: build stopped";
    expect(errorsFirst(output, ["tail"])[0]).toBe("a.cc:7:3: error: no such thing");
    expect(errorsFirst("killed", ["tail"])).toEqual(["tail"]);
  });
});

describe("installed npm packages", () => {
  const wanted = {
    packages: {
      "": { version: "1.0.0" },
      "node_modules/a": { version: "1.2.3" },
      "node_modules/for-macos": { version: "1.0.0", optional: true },
    },
  };
  const installed = (packages: object) => sameInstallation(wanted, { packages });

  it("are those of the lock file when all versions agree and only optional ones are absent", () => {
    expect(installed({ "node_modules/a": { version: "1.2.3" } })).toBe(true);
    expect(installed({ "node_modules/a": { version: "1.2.4" } })).toBe(false);
    expect(installed({})).toBe(false);
    expect(installed({ "node_modules/a": { version: "1.2.3" }, "node_modules/for-macos": { version: "0.9.0" } })).toBe(
      false,
    );
    expect(sameInstallation(wanted, undefined)).toBe(false);
  });
});

describe("files of dist/", () => {
  it("are orphans when no source makes them", () => {
    const outputs = ["a.js", "a.d.ts", "a.js.map", "gone.js", "gone.d.ts", "style.css", "old.css", ".stamp.json"];
    expect(orphans(["a.ts", "style.css"], outputs)).toEqual(["gone.js", "gone.d.ts", "old.css"]);
  });
});

describe("the closing line of the tests", () => {
  const file = (status: string, ...tests: string[]) => ({
    status,
    assertionResults: tests.map((test) => ({ status: test })),
  });

  it("counts tests, and a file that could not be loaded as a failure", () => {
    const report = {
      testResults: [
        file("passed", "passed", "passed", "pending"),
        file("failed", "failed", "passed", "todo"),
        file("failed"),
      ],
    };
    expect(countTests(report)).toEqual({ passed: 3, failed: 2, skipped: 2 });
    expect(closingLine(countTests(report))).toBe("3 passed, 2 failed, 2 skipped");
  });

  it("says that nothing ran when there is no report", () => {
    expect(closingLine(countTests(undefined))).toBe("0 passed, 0 failed");
  });
});
