import { spawnSync } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { packageRoot } from "../../src/torch/native.ts";

const folder = mkdtempSync(join(tmpdir(), "riverrun-cli-"));
const model = join(folder, "model");

function riverrun(args: readonly string[], input = ""): { code: number | null; out: string; err: string } {
  const run = spawnSync(process.execPath, [join(packageRoot, "dist", "cli", "main.js"), ...args], {
    input,
    encoding: "utf8",
  });
  return { code: run.status, out: run.stdout, err: run.stderr };
}

const records = (out: string): Record<string, unknown>[] =>
  out
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);

beforeAll(() => {
  const lines = Array.from(
    { length: 120 },
    (_, i) => `${["mara", "oskar", "lene"][i % 3]} sold a ${["warm", "red"][i % 2]} pie .`,
  );
  writeFileSync(join(folder, "lines.txt"), lines.join("\n"));
  const run = riverrun([
    "train",
    "--preset",
    "tiny",
    "--data",
    join(folder, "lines.txt"),
    "--out",
    model,
    "--set",
    "train.maxSteps=20",
    "--set",
    "vectors.iterations=2",
  ]);
  expect(run.err).toContain("step 20 of 20");
  expect(run.code).toBe(0);
});

test("score, reconstruct and perturb are filters: a record a line, in order, errors as records", () => {
  const input = "mara sold a red pie .\n\noskar sold a warm pie .\n";
  const scored = records(riverrun(["score", "--model", model], input).out);
  expect(Object.keys(scored[0])).toEqual([
    "text",
    "tokens",
    "negLogDensity",
    "nelbo",
    "nelboPerToken",
    "bitsPerDim",
    "bitsPerDimPaper",
    "floorBitsPerDim",
    "truncated",
  ]);
  expect(scored[1]).toMatchObject({ line: 2 });
  expect(scored[2].text).toBe("oskar sold a warm pie .");
  const back = records(riverrun(["reconstruct", "--model", model, "--json"], input).out);
  expect(back.at(-1)).toMatchObject({ texts: 2, tokens: 14 });
  expect(
    records(riverrun(["perturb", "--model", model, "--variants", "2", "--noise-variance", "0"], input).out).length,
  ).toBe(5);
});

test("sample, interpolate, encode and decode", () => {
  expect(
    records(riverrun(["sample", "--model", model, "--count", "3", "--seed", "7"]).out).map(({ seed }) => seed),
  ).toEqual([7, 8, 9]);
  const between = records(
    riverrun([
      "interpolate",
      "--model",
      model,
      "mara sold a red pie .",
      "lene sold a warm pie .",
      "--ratios",
      "1,0.5,0",
    ]).out,
  );
  expect(between.map(({ ratio }) => ratio)).toEqual([1, 0.5, 0]);
  const latents = join(folder, "z.safetensors");
  expect(riverrun(["encode", "--model", model, "--out", latents], "mara sold a red pie .\n").code).toBe(0);
  expect(records(riverrun(["decode", "--model", model, latents]).out)[0].text).toBe(between[0].text);
});

test.each([
  [["train", "--preset", "nope"], 2, "unknown preset"],
  [["train", "--preset", "tiny"], 2, "--data"],
  [["train", "--preset", "tiny", "--set", "train.maxStep=3", "--print-config"], 2, "there is no key"],
  [["train", "--preset", "tiny", "--set", "train.maxSteps=-3", "--print-config"], 2, "train.maxSteps"],
  [["score", "--model", "/nowhere"], 3, "does not exist"],
  [["score"], 2, "--model"],
  [["sample", "--model", model, "--count", "0"], 2, "whole number"],
  [["train", "--preset", "tiny", "--data", "/nowhere.txt", "--out", join(folder, "x")], 3, "does not exist"],
  [["nonsense"], 2, "unknown command"],
])("%j ends with code %i and says %s", (args, code, words) => {
  const run = riverrun(args);
  expect(run.err).toContain(words);
  expect(run.err).not.toContain("    at ");
  expect(run.code).toBe(code);
});

test("help and version need no model", () => {
  expect(riverrun(["--help"]).out).toContain("train");
  expect(riverrun(["train", "--help"]).out).toContain("Example:");
  expect(riverrun(["--version"]).out).toMatch(/^riverrun \d/);
});
