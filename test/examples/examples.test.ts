/** The programs in examples/, run as their readers run them. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { packageRoot } from "../../src/torch/native.ts";

const folder = mkdtempSync(join(tmpdir(), "riverrun-examples-"));
const model = join(folder, "model");
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Lines on stdout of an example that must succeed. */
function lines(name: string, ...args: string[]): string[] {
  const program = join(packageRoot, "examples", `${name}.ts`);
  const run = spawnSync(process.execPath, ["--import", "tsx", program, ...args], {
    encoding: "utf8",
    cwd: packageRoot,
  });
  expect(run.status, run.stderr).toBe(0);
  return run.stdout.trimEnd().split("\n");
}

let scores: string[] = [];
beforeAll(() => {
  scores = lines("train-and-score", model, "60");
});

test("train-and-score: a sentence of the corpus is likelier than its words in reverse; the second run only scores", () => {
  const nats = scores.map((line) => Number(/([\d.]+) nats per token/.exec(line)?.[1]));
  expect(nats).toHaveLength(2);
  expect(nats[0]).toBeLessThan(nats[1]);
  expect(lines("train-and-score", model, "60")).toEqual(scores);
});

test("sample-interpolate-rewrite: the ends of an interpolation and a rewrite without noise are the sentences", () => {
  const printed = lines("sample-interpolate-rewrite", model);
  expect(printed).toHaveLength(3 + 3 + 5 + 3);
  const [first, last] = [printed[5], printed[9]].map((line) => line.replace(/^ *[\d.]+: /, ""));
  expect(printed[11]).toBe(`  0: ${first}`);
  expect(first).not.toBe(last);
});

test("latents: no step gives the text back, and every token has its figures", () => {
  const printed = lines("latents", model);
  const [, text, positions] = /^"(.*) \." is (\d+) x 16 numbers$/.exec(printed[0]) ?? [];
  expect(printed[1]).toBe(`  0 of the way: ${text}.`);
  const rows = printed.slice(5).map((line) => line.trim().split(/ +/));
  expect(rows).toHaveLength(Number(positions));
  expect(rows.every(([, energy, nats]) => Number(energy) > 0 && Number(nats) <= 0)).toBe(true);
});

test.each(["latents", "sample-interpolate-rewrite"])("%s: says in a line that there is no model", (name) => {
  const program = join(packageRoot, "examples", `${name}.ts`);
  const run = spawnSync(process.execPath, ["--import", "tsx", program, join(folder, "none")], {
    encoding: "utf8",
    cwd: packageRoot,
  });
  expect([run.status, run.stdout]).toEqual([3, ""]);
  expect(run.stderr).toMatch(
    /^\S+none holds no trained model: run "npx tsx examples\/train-and-score\.ts \S+" first\n$/,
  );
});
