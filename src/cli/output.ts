/** Records on stdout, everything else on stderr. */
import { once } from "node:events";

// A reader that has seen enough (`| head -1`) ends a command that only writes, as SIGPIPE does elsewhere.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
});
// Nobody listens to the progress any more: the work goes on.
process.stderr.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
});

/** One JSON object a line; waits where the reader is slow. */
export async function emit(record: unknown): Promise<void> {
  eraseStatus();
  if (!process.stdout.write(`${JSON.stringify(record)}\n`)) await once(process.stdout, "drain");
}

/** Whether a line on stderr may be rewritten: a terminal that a person watches, without NO_COLOR. */
export function canRewrite(stream: { readonly isTTY?: boolean }, env: NodeJS.ProcessEnv): boolean {
  const set = (name: string): boolean => (env[name] ?? "") !== "";
  return stream.isTTY === true && !set("CI") && !set("NO_COLOR") && env.TERM !== "dumb";
}

/** Column 1, then erase to the end of the line. */
const erase = "\r\u001b[2K";
let shown = "";

function eraseStatus(): void {
  if (shown !== "") process.stderr.write(erase);
  shown = "";
}

/** A line of progress or a summary; a status line stays below it. */
export function say(message: string): void {
  const status = shown;
  eraseStatus();
  process.stderr.write(`${message}\n`);
  if (status !== "") showStatus(status);
}

/** Shows or replaces the status line, cut to the terminal's width; "" takes it away. Only where `canRewrite`. */
export function showStatus(line: string): void {
  eraseStatus();
  shown = line.slice(0, Math.max(20, (process.stderr.columns ?? 80) - 1));
  if (shown !== "") process.stderr.write(shown);
}
