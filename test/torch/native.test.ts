import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { packageRoot } from "../../src/torch/native.ts";
import { resultOf, runChild } from "./support.ts";

it("has slots and size classes that keep their promises (C++, under the sanitisers)", () => {
  const cache = readFileSync(join(packageRoot, "build/cmake/CMakeCache.txt"), "utf8");
  const compiler = /^CMAKE_CXX_COMPILER:\w+=(.+)$/m.exec(cache)?.[1] ?? "c++";
  const folder = mkdtempSync(join(tmpdir(), "riverrun-native-"));
  try {
    const program = join(folder, "structures");
    const source = join(packageRoot, "test/torch/structures.cc");
    const flags = ["-std=c++20", "-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"];
    execFileSync(compiler, [...flags, "-I", join(packageRoot, "native"), source, "-o", program]);
    expect(execFileSync(program, { encoding: "utf8" })).toBe("good\n");
  } finally {
    rmSync(folder, { recursive: true });
  }
});

it("answers any arguments with a value or a JavaScript error, never with a crash", () => {
  const { calls, errors, values, foreign } = resultOf(runChild("fuzz", { args: ["6000", "20"] })) as Record<
    string,
    number
  >;
  expect(calls).toBe(6000);
  expect(foreign).toBe(0);
  expect(errors + values).toBe(calls);
  expect(values).toBeGreaterThan(300);
  expect(errors).toBeGreaterThan(300);
});
