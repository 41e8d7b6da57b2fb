/** Records on stdout, everything else on stderr. */
import { once } from "node:events";

process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
});

/** One JSON object a line; waits where the reader is slow. */
export async function emit(record: unknown): Promise<void> {
  if (!process.stdout.write(`${JSON.stringify(record)}\n`)) await once(process.stdout, "drain");
}

/** A line of progress or a summary. */
export function say(message: string): void {
  process.stderr.write(`${message}\n`);
}
