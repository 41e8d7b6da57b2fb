/** A training's folder: who may start or go on in it. */
import { existsSync, readdirSync, rmdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { makeDirectory } from "../base/atomicFile.ts";
import { UsageError } from "../base/errors.ts";
import { FolderLock } from "../base/folderLock.ts";
import { modelFiles } from "../flow/index.ts";
import { clearLeftovers, findCheckpoint, trainingFolder } from "./checkpoint.ts";

/** A folder taken for this process. */
export interface RunFolder {
  readonly out: string;
  readonly lock: FolderLock;
}

/**
 * Checks that a training may start in the folder `out`, without touching it.
 *
 * @throws UsageError where it is no folder, or holds something and `resume` is not set.
 */
export function refuseFolder(out: string, resume: boolean): void {
  const status = statSync(out, { throwIfNoEntry: false });
  if (status && !status.isDirectory())
    throw new UsageError(`${out} is a file; expected a folder for the model (--out)`);
  const present = status ? readdirSync(out).filter((name) => !name.startsWith(".")) : [];
  if (!resume && present.length > 0) {
    throw new UsageError(`${out} is not empty: go on with the training in it by --resume, or give another --out`);
  }
}

/**
 * Takes the folder `out` for one training and removes what a killed one left half-written.
 *
 * @throws UsageError where it is no folder, holds something and `resume` is not set, holds a model without a resume
 *   state, or another process trains in it; RiverrunError where it cannot be made.
 */
export function takeFolder(out: string, resume: boolean): RunFolder {
  refuseFolder(out, resume);
  makeDirectory(trainingFolder(out));
  const lock = FolderLock.take(join(trainingFolder(out), "lock"), {
    doing: "training in this folder",
    instead: "take another --out",
  });
  try {
    clearLeftovers(out);
    if (existsSync(join(out, modelFiles.tensors)) && !findCheckpoint(out)) {
      throw new UsageError(
        `${out} holds a model, but no state to resume from (training/last.json): train into another --out`,
      );
    }
  } catch (error) {
    lock.release();
    throw error;
  }
  return { out, lock };
}

/** Gives a folder back. Where a training has saved nothing, the same command can start it again. */
export function leaveFolder({ out, lock }: RunFolder): void {
  lock.release();
  try {
    rmdirSync(trainingFolder(out));
  } catch {
    // It holds a state.
  }
}
