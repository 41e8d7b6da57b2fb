/** One process at a time works in a folder. */
import { existsSync, linkSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { resolve } from "node:path";
import { isRunning, temporaryName } from "./atomicFile.ts";
import { messageOf, RiverrunError, UsageError } from "./errors.ts";

/** Who holds a lock. */
interface Owner {
  readonly pid: number;
  readonly host: string;
  /** When the process started, so that another one that got its number is told apart; null where unknown. */
  readonly started: string | null;
}

/** A lock of another machine counts as left behind when its owner has not touched it for so long. */
const staleAfterMs = 10 * 60_000;

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

/** What the holder of a lock does, for the words of a refusal. */
export interface LockPurpose {
  /** As in "process 12 is training in this folder". */
  readonly doing: string;
  /** What to do instead, as in "take another --out". */
  readonly instead?: string;
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}

/** Gives a written file a second name, where nothing has it: a lock is never seen half-written. Whether it has it now. */
function claim(written: string, path: string): boolean {
  try {
    linkSync(written, path);
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    if (codeOf(error) === "ENOENT") throw error;
  }
  try {
    // Not every file system has second names.
    writeFileSync(path, readFileSync(written), { flag: "wx" });
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  }
}

/**
 * Puts a written file in the place of a lock that was left behind. Of several processes that find one only the holder of
 * a second lock may, and it looks again: the one that it saw may be another's by now.
 *
 * @param refuseWhereAlive throws where the owner that a file names is alive
 * @returns false where there is none to take over any more, or the second lock was left behind as well and is removed
 */
function takeOver(written: string, path: string, refuseWhereAlive: (at: string) => void): boolean {
  refuseWhereAlive(path);
  const second = `${path}-next`;
  if (!claim(written, second)) {
    refuseWhereAlive(second);
    rmSync(second, { force: true });
    return false;
  }
  try {
    refuseWhereAlive(path);
    if (!existsSync(path)) return false;
    renameSync(written, path);
    return true;
  } finally {
    rmSync(second, { force: true });
  }
}

/** A file that says which process works in a folder. A killed process's lock is taken over. */
export class FolderLock {
  readonly #path: string;

  private constructor(path: string) {
    this.#path = path;
  }

  /** @throws UsageError where a living process holds it, RiverrunError where it cannot be written. */
  static take(path: string, { doing, instead }: LockPurpose): FolderLock {
    const otherwise = instead === undefined ? "" : `, or ${instead}`;
    const refuseWhereAlive = (at: string): void => {
      const owner = readOwner(at);
      if (!owner || !isAlive(owner, at)) return;
      const elsewhere = owner.host === hostname() ? "" : ` on ${owner.host}`;
      throw new UsageError(
        `process ${owner.pid}${elsewhere} is ${doing} (${path}): wait until it ends${otherwise}${elsewhere && "; if it does not run any more, remove that file"}`,
      );
    };
    const own: Owner = { pid: process.pid, host: hostname(), started: startOf(process.pid) };
    // A process of another machine may have the same number.
    const written = temporaryName(`${path}-${hostname()}`);
    try {
      writeFileSync(written, JSON.stringify(own));
      for (let attempt = 0; attempt < 10; attempt++) {
        if (claim(written, path) || takeOver(written, path, refuseWhereAlive)) {
          heldHere.add(resolve(path));
          return new FolderLock(path);
        }
      }
    } catch (error) {
      if (error instanceof UsageError) throw error;
      throw new RiverrunError(`cannot write ${path}: ${messageOf(error)}`, { cause: error });
    } finally {
      rmSync(written, { force: true });
    }
    throw new UsageError(`${path} is taken again and again by other processes: wait until they end${otherwise}`);
  }

  /** Tells other machines that the owner still runs. */
  touch(): void {
    const now = Date.now() / 1000;
    try {
      utimesSync(this.#path, now, now);
    } catch {
      // A lock that somebody removed by hand is not worth the work.
    }
  }

  release(): void {
    heldHere.delete(resolve(this.#path));
    // Where the folder was removed and made again, the lock in it may be another's.
    const owner = readOwner(this.#path);
    if (owner?.pid === process.pid && owner.host === hostname()) rmSync(this.#path, { force: true });
  }
}

/** How often `withLock` touches its lock. */
const touchEveryMs = 30_000;

/**
 * Does `work` while the lock is held.
 *
 * @throws UsageError where a living process holds it, RiverrunError where the file cannot be written, and what `work`
 *   throws.
 */
export async function withLock<Result>(
  path: string,
  purpose: LockPurpose,
  work: () => Promise<Result>,
): Promise<Result> {
  const lock = FolderLock.take(path, purpose);
  const touch = setInterval(() => lock.touch(), touchEveryMs);
  touch.unref();
  try {
    return await work();
  } finally {
    clearInterval(touch);
    lock.release();
  }
}
