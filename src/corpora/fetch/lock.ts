/** One process at a time works in a folder. */
import { closeSync, openSync, readFileSync, rmSync, statSync, utimesSync, writeSync } from "node:fs";
import { hostname } from "node:os";
import { isRunning } from "../../base/atomicFile.ts";
import { messageOf, RiverrunError, UsageError } from "../../base/errors.ts";

/** A lock of another machine counts as left behind when its owner has not touched it for so long. */
const staleAfterMs = 10 * 60_000;

/** Start of a process in clock ticks (Linux), which tells it from a later one with the same number; null elsewhere. */
function startOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? null;
  } catch {
    return null;
  }
}

/** The living owner of a lock, in words; undefined where it was left behind. */
function ownerOf(path: string): string | undefined {
  try {
    const { pid, host, started } = JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
    if (typeof pid !== "number") return undefined;
    if (host !== hostname()) {
      return Date.now() - statSync(path).mtimeMs < staleAfterMs ? `process ${pid} on ${String(host)}` : undefined;
    }
    const lives = isRunning(pid) && (started === null || started === startOf(pid));
    return lives ? `process ${pid}` : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Does `work` while a lock file says so; a killed process's lock is taken over.
 *
 * @throws UsageError where a living process holds the lock, RiverrunError where the file cannot be written.
 */
export async function withLock<Result>(path: string, work: () => Promise<Result>): Promise<Result> {
  for (let attempt = 0; ; attempt++) {
    try {
      const descriptor = openSync(path, "wx");
      writeSync(descriptor, JSON.stringify({ pid: process.pid, host: hostname(), started: startOf(process.pid) }));
      closeSync(descriptor);
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST" || attempt === 10) {
        throw new RiverrunError(`cannot write ${path}: ${messageOf(error)}`, { cause: error });
      }
    }
    const owner = ownerOf(path);
    if (owner) throw new UsageError(`${owner} is fetching this set (${path}): wait until it ends`);
    rmSync(path, { force: true });
  }
  const touch = setInterval(() => {
    try {
      utimesSync(path, Date.now() / 1000, Date.now() / 1000);
    } catch {
      // A lock that somebody removed by hand is not worth a download.
    }
  }, 30_000);
  touch.unref();
  try {
    return await work();
  } finally {
    clearInterval(touch);
    rmSync(path, { force: true });
  }
}
