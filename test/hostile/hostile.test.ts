/** Damaged files against the command line. The program is bench/hostile.ts, which also does the long version. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { complaint } from "../../bench/hostile/verdict.ts";

test("170 damaged files end in figures or in a message, never in a crash or a hang", () => {
  const program = fileURLToPath(new URL("../../bench/hostile.ts", import.meta.url));
  const args = ["--import", "tsx", program, "--cases", "170", "--alone", "6", "--seed", "3"];
  const run = spawnSync(process.execPath, args, { encoding: "utf8" });
  expect(run.stderr).toBe("");
  const report = JSON.parse(run.stdout) as { cases: number; wrong: number; exitCodes: Record<string, number> };
  expect(report).toMatchObject({ cases: 170, wrong: 0 });
  // Most damage is refused, some is harmless: a bench that refused or took everything would test nothing.
  expect(report.exitCodes["2"]).toBeGreaterThan(60);
  expect(report.exitCodes["0"]).toBeGreaterThan(30);
});

test.each([
  ["hang", { end: "hang", code: null }],
  ["memory", { end: "memory", code: null }],
  ["crash", { end: "signal", code: null }],
  ["exit code 134", { code: 134 }],
  ["stack trace", { code: 1, stderr: "Error: x\n    at f (file:///a.js:1:2)\n" }],
  ["a warning of the runtime", { code: 0, stderr: "(node:12) MaxListenersExceededWarning: x\n" }],
  ["nelbo is not finite, and the exit code is 0", { code: 0, stdout: '{"nelbo":null}\n' }],
  ["a line on stdout is not JSON: nonsense", { code: 0, stdout: "nonsense\n" }],
  ["no message", { code: 2, stderr: "what?\n" }],
  ["a message of several lines", { code: 2, stderr: "riverrun: a.json:\nx\n" }],
  ["the message does not name the file", { code: 2, stderr: "riverrun: something is wrong\n" }],
  [undefined, { code: 2, stderr: "progress\nriverrun: a.json: something is wrong\n" }],
  [undefined, { code: 0, stdout: '{"nelbo":1}\n', stderr: "1 text\n" }],
] as const)("a run is judged: %s", (expected, outcome) => {
  const whole = { end: "exit", stdout: "", stderr: "", seconds: 0, ...outcome } as const;
  expect(complaint(whole, { names: ["a.json"], prints: "records" })).toBe(expected);
});
