/** The state a training resumes from: one safetensors file, replaced atomically, so it is always whole. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { makeDirectory } from "../base/atomicFile.ts";
import { RiverrunError, UsageError } from "../base/errors.ts";
import type { Module } from "../nn/index.ts";
import { scope, type Tensor } from "../torch/index.ts";
import { loadSafetensors, saveSafetensors } from "../torch/safetensors.ts";

/** What a resumed run must know beside tensors. */
export interface TrainingState {
  readonly step: number;
  readonly finished: boolean;
  readonly best: number | null;
  readonly bestStep: number;
  readonly withoutImprovement: number;
  /** Hash of the training texts and the configuration; a resume with others is refused. */
  readonly fingerprint: string;
}

const fileOf = (directory: string): string => join(directory, "training", "state.safetensors");

function tensorsOf(parts: Readonly<Record<string, Module>>): Map<string, Tensor> {
  const all = new Map<string, Tensor>();
  for (const [part, module] of Object.entries(parts)) {
    for (const [name, value] of module.stateDict()) all.set(`${part}/${name}`, value);
  }
  return all;
}

/** Saves. @throws RiverrunError where a number is not finite or the file cannot be written; the older state stays. */
export function saveState(directory: string, state: TrainingState, parts: Readonly<Record<string, Module>>): void {
  const tensors = tensorsOf(parts);
  for (const [name, value] of tensors) {
    if (value.dtype !== "int64" && !name.endsWith("logPrior") && scope(() => value.isFinite().all().item()) === 0) {
      throw new RiverrunError(
        `${name} holds a number that is not finite: the checkpoint of step ${state.step} is not written, the last good one stays`,
      );
    }
  }
  makeDirectory(join(directory, "training"));
  saveSafetensors(fileOf(directory), tensors, { state: JSON.stringify(state) });
}

/** Loads into `parts`; undefined where nothing was saved. @throws UsageError where the file is damaged. */
export function loadState(directory: string, parts: Readonly<Record<string, Module>>): TrainingState | undefined {
  const path = fileOf(directory);
  if (!existsSync(path)) return undefined;
  const { tensors, metadata } = loadSafetensors(path);
  try {
    for (const [part, module] of Object.entries(parts)) {
      const own = [...tensors].filter(([name]) => name.startsWith(`${part}/`));
      module.loadStateDict(new Map(own.map(([name, value]) => [name.slice(part.length + 1), value])));
    }
    return JSON.parse(metadata.get("state") ?? "") as TrainingState;
  } catch (error) {
    throw new UsageError(
      `${path} is not a training state of this model: ${error instanceof Error ? error.message : ""}`,
    );
  } finally {
    for (const value of tensors.values()) value.dispose();
  }
}
