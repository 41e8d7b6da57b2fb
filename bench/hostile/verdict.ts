/** What a command line owes its user whatever it is given. */
import type { Outcome } from "./runner.ts";

/** Longer messages are not read. */
const longestMessage = 2000;

function nullFigure(stdout: string): string | undefined {
  for (const line of stdout.split("\n")) {
    if (line === "") continue;
    let record: unknown;
    try {
      record = JSON.parse(line);
    } catch {
      return `a line on stdout is not JSON: ${line.slice(0, 80)}`;
    }
    if (typeof record !== "object" || record === null) return "a line on stdout is no object";
    // NaN and infinities become null in JSON: figures that are none, given out as if all were well.
    const key = Object.keys(record).find((name) => (record as Record<string, unknown>)[name] === null);
    if (key !== undefined) return `${key} is not finite, and the exit code is 0`;
  }
  return undefined;
}

/**
 * What is wrong with an outcome; undefined where nothing is. Good is exit code 0 with finite figures, or 1, 2 or 3 with
 * one last line on stderr that holds one of `names`.
 */
export function complaint(
  outcome: Outcome,
  options: { readonly names: readonly string[]; readonly prints: "records" | "configuration" },
): string | undefined {
  const { end, code, stdout, stderr } = outcome;
  const { names, prints } = options;
  if (end === "hang") return "hang";
  if (end === "memory") return "memory";
  if (end === "signal" || code === null) return "crash";
  if (code < 0 || code > 3) return `exit code ${code}`;
  if (/^\s+at .+[:(]/m.test(stderr) || stderr.includes("node:internal")) return "stack trace";
  if (/^\(node:\d+\)/m.test(stderr)) return "a warning of the runtime";
  if (code === 0) return prints === "records" ? nullFigure(stdout) : undefined;
  const lines = stderr.trimEnd().split("\n");
  const at = lines.findIndex((line) => line.startsWith("riverrun: "));
  if (at < 0) return "no message";
  if (at !== lines.length - 1) return "a message of several lines";
  if (lines[at].length > longestMessage) return "a gigantic message";
  if (!names.some((name) => lines[at].includes(name))) return "the message does not name the file";
  return undefined;
}
