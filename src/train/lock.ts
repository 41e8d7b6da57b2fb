/** One training a folder at a time. */
import { closeSync, openSync, readFileSync, rmSync, statSync, utimesSync, writeSync } from "node:fs";
import { hostname } from "node:os";
import { resolve } from "node:path";
import { isRunning } from "../base/atomicFile.ts";
import { messageOf, RiverrunError, UsageError } from "../base/errors.ts";

/** Who holds a lock. */
interface Owner {
  readonly pid: number;
  readonly host: string;
  /** When the process started, so that another one that got its number is told apart; null where unknown. */
  readonly started: string | null;
}

/** A lock of another machine counts as left behind when its owner has not touched it for so long. */
const staleAfterMs = 10 * 60_000;
/** How often the owner touches its lock, at most. */
const touchEveryMs = 10_000;

const heldHere = new Set<string>();

/** The start time of a process in clock ticks since the machine started (Linux); null elsewhere. */
function startOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // Fields are counted after the name, which stands in parentheses and may hold anything; the start is the 22nd.
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? null;
  } catch {
    return null;
  }
}

function readOwner(path: string): Owner | undefined {
  try {
    const { pid, host, started } = JSON.parse(readFileSync(path, "utf8")) as Partial<Owner>;
    return typeof pid === "number" && typeof host === "string" ? { pid, host, started: started ?? null } : undefined;
  } catch {
    return undefined;
  }
}

function isAlive(owner: Owner, path: string): boolean {
  if (owner.host !== hostname()) {
    const touched = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    return Date.now() - touched < staleAfterMs;
  }
  if (owner.pid === process.pid) return heldHere.has(resolve(path));
  return isRunning(owner.pid) && (owner.started === null || owner.started === startOf(owner.pid));
}

/** A file that says which process trains in a folder. A killed process's lock is taken over. */
export class FolderLock {
  readonly #path: string;
  #touched = Date.now();

  private constructor(path: string) {
    this.#path = path;
  }

  /** @throws UsageError where a living process holds it, RiverrunError where it cannot be written. */
  static take(path: string): FolderLock {
    const own: Owner = { pid: process.pid, host: hostname(), started: startOf(process.pid) };
    for (let attempt = 0; attempt < 10; attempt++) {
      try {
        const descriptor = openSync(path, "wx");
        writeSync(descriptor, JSON.stringify(own));
        closeSync(descriptor);
        heldHere.add(resolve(path));
        return new FolderLock(path);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EEXIST") {
          throw new RiverrunError(`cannot write ${path}: ${messageOf(error)}`, { cause: error });
        }
      }
      const owner = readOwner(path);
      if (owner && isAlive(owner, path)) {
        const elsewhere = owner.host === hostname() ? "" : ` on ${owner.host}`;
        throw new UsageError(
          `process ${owner.pid}${elsewhere} is training in this folder (${path}): wait until it ends, or take another --out${elsewhere && "; if it does not run any more, remove that file"}`,
        );
      }
      rmSync(path, { force: true });
    }
    throw new UsageError(`${path} is taken again and again by other processes: take another --out`);
  }

  /** Tells other machines that the owner still runs. */
  touch(): void {
    const now = Date.now();
    if (now - this.#touched < touchEveryMs) return;
    this.#touched = now;
    try {
      utimesSync(this.#path, now / 1000, now / 1000);
    } catch {
      // A lock that somebody removed by hand is not worth a training.
    }
  }

  release(): void {
    heldHere.delete(resolve(this.#path));
    rmSync(this.#path, { force: true });
  }
}
