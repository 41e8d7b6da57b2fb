/** Records on stdout, everything else on stderr. */
import { once } from "node:events";

// A reader that has seen enough (`| head -1`) ends a command that only writes, as SIGPIPE does elsewhere.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
  process.stderr.write(`riverrun: stdout: ${error.message}; records after this are not written\n`);
  process.exit(1);
});
// Nobody listens to the progress any more: the work goes on.
process.stderr.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
});

/** One JSON object a line; waits where the reader is slow. */
export function emit(record: unknown): Promise<void> {
  return emitAll([record]);
}

/** Several records in one write, so that a run that is killed leaves whole batches where the system allows it. */
export async function emitAll(records: readonly unknown[]): Promise<void> {
  eraseStatus();
  const lines = records.map((record) => `${JSON.stringify(record)}\n`).join("");
  if (lines !== "" && !process.stdout.write(lines)) await once(process.stdout, "drain");
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
