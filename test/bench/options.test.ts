/** The programs of bench/ end a wrong call as riverrun does: in words, with the usage and exit code 2. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";
import { positiveNumber, positiveNumbers, wholeNumber } from "../../bench/options.ts";
import { packageRoot } from "../../src/torch/native.ts";

function run(program: string, ...args: string[]): { code: number | null; out: string; err: string } {
  const call = ["--import", "tsx", join("bench", `${program}.ts`), ...args];
  const { status, stdout, stderr } = spawnSync(process.execPath, call, { cwd: packageRoot, encoding: "utf8" });
  return { code: status, out: stdout, err: stderr };
}

test.each([
  [
    "sweep",
    ["--sigma", "1"],
    2,
    /^sweep\.ts: Unknown option '--sigma'.*\nusage: npx tsx bench\/sweep\.ts --data FILE .*\n$/,
  ],
  ["sweep", ["--steps", "many"], 2, /^sweep\.ts: --steps many: expected a whole number of at least 1\nusage: .*\n$/],
  ["sweep", [], 2, /^sweep\.ts: expected --data FILE, one text a line\nusage: .*\n$/],
  ["sweep", ["--data", "/nowhere.txt"], 3, /^sweep\.ts: .*\/nowhere\.txt does not exist.*\n$/],
  ["memory", ["--steps", "3"], 2, /^memory\.ts: --steps 3: expected a whole number of at least 10\nusage: .*\n$/],
  [
    "causal",
    ["--data", "a.txt", "--models", "lm,nope"],
    2,
    /^causal\.ts: --models nope: expected some of lm,codebook,.*\n/,
  ],
  [
    "causal",
    ["--data", "a.txt", "--sigma", "0.25,0.5"],
    2,
    /^causal\.ts: --sigma 0\.25,0\.5: expected one positive number\nusage: .*\n$/,
  ],
  ["squad", ["a.json", "b.json"], 2, /^squad\.ts: expected one FILE in SQuAD's schema, got 2 arguments\nusage: .*\n$/],
])("%s %j ends with %i and says why", (program, args, code, words) => {
  const ended = run(program, ...args);
  expect(ended.err).toMatch(words);
  expect([ended.code, ended.out]).toEqual([code, ""]);
});

test("--help is the usage", () => {
  expect(run("squad", "--help")).toEqual({ code: 0, out: "usage: npx tsx bench/squad.ts FILE\n", err: "" });
});

test("numbers are what they should be", () => {
  expect(wholeNumber("--n", "12")).toBe(12);
  expect(wholeNumber("--n", "0", 0)).toBe(0);
  for (const text of ["", "0", "1.5", "-1", "x", "1e99"])
    expect(() => wholeNumber("--n", text)).toThrow(`--n ${text}: `);
  expect(positiveNumbers("--n", "1,0.5")).toEqual([1, 0.5]);
  for (const text of ["", "1,", "0", "x"]) expect(() => positiveNumbers("--n", text)).toThrow(`--n ${text}: `);
  expect(positiveNumber("--n", "0.5")).toBe(0.5);
  for (const text of ["", "1,2", "0", "x", "Infinity"]) {
    expect(() => positiveNumber("--n", text)).toThrow(`--n ${text}: expected one positive number`);
  }
});
