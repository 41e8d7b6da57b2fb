/** A training's folder: who may start or go on in it. */
import { existsSync, readdirSync, rmdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { makeDirectory } from "../base/atomicFile.ts";
import { UsageError } from "../base/errors.ts";
import { withLock } from "../base/folderLock.ts";
import { modelFiles } from "../flow/index.ts";
import { clearLeftovers, findCheckpoint, trainingFolder } from "./checkpoint.ts";

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

/** Removes a folder, unless it holds something. */
function removeEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // It holds a state, or the lock of another process.
  }
}

/**
 * Does `work` in the folder `out`, in which no other process trains meanwhile, after removing what a killed one left
 * half-written. Where nothing is saved, the same command can start the training again.
 *
 * @throws UsageError where it is no folder, holds something and `resume` is not set, holds a model without a resume
 *   state, or another process trains in it; RiverrunError where it cannot be made.
 */
export async function inFolder<Result>(out: string, resume: boolean, work: () => Promise<Result>): Promise<Result> {
  refuseFolder(out, resume);
  const isNew = !existsSync(out);
  const training = trainingFolder(out);
  makeDirectory(training);
  const purpose = { doing: "training in this folder", instead: "take another --out" };
  try {
    return await withLock(join(training, "lock"), purpose, async () => {
      clearLeftovers(out);
      if (existsSync(join(out, modelFiles.tensors)) && !findCheckpoint(out)) {
        throw new UsageError(
          `${out} holds a model, but no state to resume from (training/last.json): train into another --out`,
        );
      }
      return await work();
    });
  } finally {
    removeEmpty(training);
    // That of a Language Flow+'s flow would be in the way of the next training.
    if (isNew) removeEmpty(out);
  }
}
