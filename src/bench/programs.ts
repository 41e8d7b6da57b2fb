/** Measurements that are programs of their own: riverrun's bench in another process, and the scripts of bench/. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { RiverrunError } from "../base/errors.ts";

/** A row of JSON from a program. */
export type Row = Readonly<Record<string, unknown>>;

/** Runs Node.js with these arguments; what it wrote to stdout. @throws RiverrunError with its last word otherwise */
export function outputOf(args: readonly string[], cwd?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd, stdio: ["ignore", "pipe", "pipe"] });
    const end = (): void => void child.kill();
    process.once("exit", end);
    let out = "";
    let complaint = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      out += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      complaint = (complaint + text).slice(-4000);
    });
    child.on("error", reject);
    child.on("close", (code, signal) => {
      process.off("exit", end);
      if (code === 0) return resolve(out);
      const lines = complaint.trim().split("\n");
      // Of a stack the message, of anything else the last line.
      const message = lines.find((line) => /^\w*Error: /.test(line)) ?? lines.at(-1);
      reject(new RiverrunError(message || `it ended with ${signal ?? `exit code ${code}`}`));
    });
  });
}

/** The JSON objects among a program's lines. */
export function rowsOf(output: string): Row[] {
  return output
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as Row);
}

/** A script of bench/, or why it cannot be run. */
export function script(root: string, name: string): readonly string[] | { readonly skipped: string } {
  const file = join(root, "bench", name);
  const tsx = join(root, "node_modules", "tsx", "dist", "cli.mjs");
  if (!existsSync(file) || !existsSync(tsx)) return { skipped: `bench/${name} is part of a clone, not of the package` };
  return [tsx, file];
}
