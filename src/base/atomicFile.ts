/** Files that are whole or not there: new file, fsync, rename. */
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { messageOf, RiverrunError } from "./errors.ts";

const temporaryMark = ".riverrun-tmp-";

/** Where this process makes a file before it gets its name; `removeStaleTemporaries` knows it. */
export function temporaryName(path: string): string {
  return join(dirname(path), `.${basename(path)}${temporaryMark}${process.pid}`);
}

function syncDirectory(path: string): void {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(path, "r");
    fsyncSync(descriptor);
  } catch {
    // Some file systems do not let directories be opened or synced; the rename is still atomic there.
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

/**
 * Replaces `path` by the given contents at once: a reader, and a process killed at any instant, sees the whole old file
 * or the whole new one.
 *
 * @throws RiverrunError naming the path and the reason (no space, no permission, ...); the old file stays.
 */
export function writeFileAtomic(path: string, data: string | Uint8Array | Iterable<Uint8Array>): void {
  const parts = typeof data === "string" ? [Buffer.from(data)] : data instanceof Uint8Array ? [data] : data;
  const temporary = temporaryName(path);
  let descriptor: number | undefined;
  try {
    descriptor = openSync(temporary, "w");
    for (const part of parts) {
      for (let written = 0; written < part.length; ) {
        written += writeSync(descriptor, part, written, Math.min(part.length - written, 1 << 26));
      }
    }
    fsyncSync(descriptor);
    closeSync(descriptor);
    descriptor = undefined;
    renameSync(temporary, path);
  } catch (error) {
    if (descriptor !== undefined) closeSync(descriptor);
    rmSync(temporary, { force: true });
    throw new RiverrunError(`cannot write ${path}: ${messageOf(error)}; what stood there before is unchanged`, {
      cause: error,
    });
  }
  syncDirectory(dirname(path));
}

/**
 * Makes a folder and those above it. One by one, because mkdir's own recursion never returns where a file system such as
 * Linux's /proc says of a new folder that it does not exist (Node.js 20 and 24).
 *
 * @throws RiverrunError naming the path and the reason.
 */
export function makeDirectory(path: string): void {
  try {
    const missing: string[] = [];
    for (let at = resolve(path); !statSync(at, { throwIfNoEntry: false })?.isDirectory(); at = dirname(at)) {
      missing.push(at);
      if (at === dirname(at)) break;
    }
    for (const folder of missing.reverse()) {
      try {
        mkdirSync(folder);
      } catch (error) {
        // Another process may have made it in between.
        if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) throw error;
      }
    }
  } catch (error) {
    throw new RiverrunError(`cannot make the folder ${path}: ${messageOf(error)}`, { cause: error });
  }
}

/** Removes what killed processes left half-written in a folder: temporaries of processes that no longer run. */
export function removeStaleTemporaries(directory: string): void {
  for (const name of readdirSync(directory)) {
    const at = name.lastIndexOf(temporaryMark);
    if (at < 0) continue;
    const owner = Number(name.slice(at + temporaryMark.length));
    if (!isRunning(owner)) rmSync(join(directory, name), { force: true });
  }
}

/** Whether a process of this number runs on this machine. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** Size of a file in bytes, or undefined where there is none. */
export function fileSize(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.size;
}
