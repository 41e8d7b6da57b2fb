// @ts-check
import { randomUUID } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { codeOf, SetupError } from "./errors.mjs";
import { onInterrupt } from "./processes.mjs";

// A lock is a folder that holds one file, named after its owner. It is made beside its place and renamed into it: a
// rename onto a folder that holds something fails, onto a missing or an empty one succeeds, so a lock is never seen
// half made. A dead owner's file is removed by its own name, so nobody can remove a lock that has changed hands.

/** @typedef {{ pid: number, host: string }} Owner */

const HEARTBEAT_MS = 5_000;
/** A lock of another machine (on a shared file system) is stale when its owner has not touched it for so long. */
const SILENT_MS = 60_000;
const POLL_MS = 200;

/**
 * Does a process with this id run on this machine?
 *
 * @param {number} pid
 * @returns {boolean}
 */
export function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === "EPERM";
  }
}

/**
 * Is the owner's claim void: its process gone, or, where that cannot be seen, silent for a minute?
 *
 * @param {Owner | undefined} owner undefined when its file cannot be read
 * @param {number} silentMs time since the owner touched the lock
 * @returns {boolean}
 */
export function isStale(owner, silentMs) {
  if (owner !== undefined && owner.host === os.hostname()) return !isAlive(owner.pid);
  return silentMs > SILENT_MS;
}

/**
 * @param {string} file
 * @returns {Owner | undefined}
 */
function readOwner(file) {
  try {
    const owner = JSON.parse(fs.readFileSync(file, "utf8"));
    return typeof owner?.pid === "number" && typeof owner?.host === "string" ? owner : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Takes the lock if it is free or stale.
 *
 * @param {string} lock the folder that is the lock
 * @param {string} token the name of our claim
 * @returns {{ taken: true } | { taken: false, owner: Owner | undefined }}
 */
export function tryLock(lock, token) {
  const own = `${lock}.${token}`;
  fs.mkdirSync(own, { recursive: true });
  try {
    fs.writeFileSync(path.join(own, token), JSON.stringify({ pid: process.pid, host: os.hostname() }));
    for (let attempt = 0; attempt < 2; attempt++) {
      try {
        fs.renameSync(own, lock);
        return { taken: true };
      } catch (error) {
        if (!["ENOTEMPTY", "EEXIST", "EPERM"].includes(codeOf(error))) throw error;
      }
      const names = fs.existsSync(lock) ? fs.readdirSync(lock) : [];
      for (const name of names) {
        const file = path.join(lock, name);
        const owner = readOwner(file);
        const silentMs = Date.now() - (fs.statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0);
        if (!isStale(owner, silentMs)) return { taken: false, owner };
        fs.rmSync(file, { force: true });
      }
    }
    return { taken: false, owner: undefined };
  } finally {
    fs.rmSync(own, { recursive: true, force: true });
  }
}

/**
 * Runs `work` while holding the lock; waits for whoever holds it now.
 *
 * @template T
 * @param {string} lock the folder that is the lock; its parent folder is made where missing
 * @param {(owner: Owner | undefined) => void} onWait called once, when somebody else holds the lock
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withLock(lock, onWait, work) {
  const token = randomUUID();
  try {
    fs.mkdirSync(path.dirname(lock), { recursive: true });
    for (let waited = false; ; waited = true) {
      const result = tryLock(lock, token);
      if (result.taken) break;
      if (!waited) onWait(result.owner);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  } catch (error) {
    if (["EACCES", "EROFS", "EPERM"].includes(codeOf(error)))
      throw new SetupError(
        `${path.dirname(lock)} cannot be written to: make it writable, or run as the user who owns it`,
      );
    throw error;
  }
  const claim = path.join(lock, token);
  const release = () => {
    fs.rmSync(claim, { force: true });
    try {
      fs.rmdirSync(lock);
    } catch {
      // Somebody else has it already.
    }
  };
  const forget = onInterrupt(release);
  const heartbeat = setInterval(() => {
    const now = new Date();
    fs.utimes(claim, now, now, () => {});
  }, HEARTBEAT_MS);
  heartbeat.unref();
  try {
    return await work();
  } finally {
    clearInterval(heartbeat);
    forget();
    release();
  }
}
