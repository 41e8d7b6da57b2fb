/** Runs commands in this process, which is quick, and the built program as a process, where a process is the matter. */
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { vi } from "vitest";
import { type AddCommand, root, runProgram } from "../../src/cli/program.ts";

export { scratch } from "../folders.ts";

/** What a run of a command left. */
export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs one command from src/ in this process, with `input` on stdin. */
export async function run(command: AddCommand, args: readonly string[], input: string | Buffer = ""): Promise<Ended> {
  const written = { out: "", err: "" };
  const catching = (into: "out" | "err") => (chunk: unknown) => {
    written[into] += String(chunk);
    return true;
  };
  const spies = [
    vi.spyOn(process.stdout, "write").mockImplementation(catching("out")),
    vi.spyOn(process.stderr, "write").mockImplementation(catching("err")),
    vi.spyOn(process, "stdin", "get").mockReturnValue(Readable.from([Buffer.from(input)]) as typeof process.stdin),
  ];
  const before = process.exitCode;
  process.exitCode = undefined;
  try {
    await runProgram([command], args);
    return { code: Number(process.exitCode ?? 0), ...written };
  } finally {
    process.exitCode = before;
    for (const spy of spies) spy.mockRestore();
  }
}

/** The built program. */
export const program = join(root, "dist", "cli", "main.js");

/** Runs the built program as a process. */
export function runProcess(args: readonly string[], input = ""): Ended {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], { input, encoding: "utf8" });
  return { code: status, out: stdout, err: stderr };
}

/** The JSON lines of an output. */
export function records(out: string): Record<string, unknown>[] {
  const lines = out.split("\n");
  if (lines.pop() !== "") throw new Error("the output does not end with a line");
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** A file of 120 short sentences in a folder. */
export function sentencesFile(folder: string): string {
  const path = join(folder, "lines.txt");
  const line = (i: number): string => `${["mara", "oskar", "lene"][i % 3]} sold a ${["warm", "red"][i % 2]} pie .`;
  writeFileSync(path, Array.from({ length: 120 }, (_, i) => line(i)).join("\n"));
  return path;
}

/** Arguments that train the smallest flow on a file into a folder. */
export function tinyTraining(data: string, out: string, steps = 20): string[] {
  const settings = [`train.maxSteps=${steps}`, "vectors.iterations=2", "train.logEvery=5", "flow.steps=1"];
  return [
    ...["train", "--preset", "tiny", "--data", data, "--out", out],
    ...settings.flatMap((setting) => ["--set", setting]),
  ];
}
