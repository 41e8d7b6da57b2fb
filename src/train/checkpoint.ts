/**
 * The state a training resumes from: `training/step-N/` and a pointer `training/last.json` that is replaced atomically.
 * A step's folder is a whole model folder with optimiser, averages and state.json beside it, written under a temporary
 * name, renamed when complete, pointed to, and only then are older ones removed: killed at any instant, the pointer
 * names a whole older or a whole newer state.
 */
import { closeSync, existsSync, fsyncSync, openSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { makeDirectory, removeStaleTemporaries, writeFileAtomic } from "../base/atomicFile.ts";
import { messageOf, RiverrunError, UsageError } from "../base/errors.ts";
import { readText } from "../base/readText.ts";
import { type Config, configSchema, loadModel, modelFiles, saveModel, TextFlow } from "../flow/index.ts";
import { demandWhole } from "../flow/modelFolder.ts";
import { type Module, precisions } from "../nn/index.ts";
import { loadSafetensors, saveSafetensors } from "../torch/safetensors.ts";
import { nonFiniteNames } from "./nanGuard.ts";

const stateSchema = z.strictObject({
  format: z.literal(1),
  /** Steps done. */
  step: z.int().min(0),
  /** Why the training is over; null while it is not. */
  finished: z.enum(["maxSteps", "patience"]).nullable(),
  /** The best validation so far. */
  best: z
    .strictObject({
      step: z.int().positive(),
      nelboPerToken: z.number(),
      bitsPerDim: z.number(),
      bitsPerDimError: z.number(),
      floorBitsPerDim: z.number(),
      texts: z.int().positive(),
      tokens: z.int().positive(),
      decoderNatsPerToken: z.number().optional(),
    })
    .nullable(),
  /** Validations since then. */
  withoutImprovement: z.int().min(0),
  /** Hash of the texts. */
  fingerprint: z.string(),
  /** Seconds of training, over all sittings. */
  seconds: z.number().min(0),
  threads: z.int().positive(),
  /** Processes that the training began with. */
  processes: z.int().positive().default(1),
  precision: z.enum(precisions).default("float32"),
  versions: z.record(z.string(), z.string()),
});

/** What a resumed run must know beside tensors. */
export type TrainingState = z.infer<typeof stateSchema>;

/** The tensors of a training. */
export interface TrainingParts {
  readonly model: TextFlow;
  readonly optimiser: Module;
  readonly average: Module | undefined;
}

const pointerName = "last.json";
const pointerSchema = z.strictObject({ folder: z.string().regex(/^step-\d+$/) });

/** The folder of the resume state inside a model's folder. */
export function trainingFolder(out: string): string {
  return join(out, "training");
}

/** A field that is not there at all, as those are that older versions did not know. */
function isAbsent({ code, message }: z.core.$ZodIssue): boolean {
  return code === "invalid_type" && message.endsWith("received undefined");
}

function readJson<Schema extends z.ZodType>(path: string, schema: Schema): z.infer<Schema> {
  try {
    return schema.parse(JSON.parse(readText(path)));
  } catch (error) {
    if (error instanceof z.ZodError && error.issues.every(isAbsent)) {
      const fields = error.issues.map(({ path: at }) => at.join(".")).join(", ");
      throw new UsageError(
        `${path} was written by an older version of riverrun (it has no ${fields}): this version cannot resume the training; resume it with the version that began it, or start anew with another --out`,
      );
    }
    throw damaged(path, error instanceof z.ZodError ? z.prettifyError(error).replaceAll("\n", " ") : messageOf(error));
  }
}

function damaged(path: string, what: string): UsageError {
  return new UsageError(`${path} is damaged (${what}): the training cannot be resumed; start anew with another --out`);
}

/** The folder of the last checkpoint; undefined where none was written. @throws UsageError where the pointer is damaged. */
function lastFolder(out: string): string | undefined {
  const path = join(trainingFolder(out), pointerName);
  return existsSync(path) ? readJson(path, pointerSchema).folder : undefined;
}

/** Removes what a killed training left half-written and checkpoints that nothing points to. Only under the lock. */
export function clearLeftovers(out: string): void {
  const folder = trainingFolder(out);
  const last = lastFolder(out);
  removeStaleTemporaries(out);
  removeStaleTemporaries(folder);
  for (const name of readdirSync(folder)) {
    if (/^\.?step-/.test(name) && name !== last) rmSync(join(folder, name), { recursive: true, force: true });
  }
}

function syncFolder(path: string): void {
  try {
    const descriptor = openSync(path, "r");
    try {
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  } catch {
    // Not every file system syncs folders; the order of renames holds there by itself or not at all.
  }
}

/** @throws RiverrunError where a number is not finite: such a state must never replace a good one. */
export function refuseNonFinite({ model, optimiser, average }: TrainingParts, step: number): void {
  const groups = {
    parameter: model.namedParameters(),
    optimiser: optimiser.stateDict(),
    average: average?.stateDict(),
  };
  for (const [group, tensors] of Object.entries(groups)) {
    const [name] = tensors ? nonFiniteNames(tensors) : [];
    if (name === undefined) continue;
    throw new RiverrunError(
      `step ${step}: ${group} ${name} holds a number that is not finite: no checkpoint is written, the last good one stays: go on from it with --resume and a lower train.learningRate`,
    );
  }
}

/**
 * Writes a checkpoint and removes the older ones.
 *
 * @throws RiverrunError where a number is not finite or the disk is full or read-only; the older checkpoint stays whole.
 */
export function saveCheckpoint(out: string, state: TrainingState, parts: TrainingParts): void {
  refuseNonFinite(parts, state.step);
  const folder = trainingFolder(out);
  const name = `step-${String(state.step).padStart(9, "0")}`;
  const temporary = join(folder, `.${name}.${process.pid}`);
  const previous = lastFolder(out);
  try {
    rmSync(temporary, { recursive: true, force: true });
    makeDirectory(temporary);
    saveModel(parts.model, temporary);
    saveSafetensors(join(temporary, "optimiser.safetensors"), parts.optimiser.stateDict());
    if (parts.average) saveSafetensors(join(temporary, "average.safetensors"), parts.average.stateDict());
    writeFileAtomic(join(temporary, "state.json"), `${JSON.stringify(state, null, 2)}\n`);
    // The same step again (a signal right after a checkpoint) gets a name of its own, so that a whole one always stays.
    const final = previous === name ? `step-${String(state.step).padStart(10, "0")}` : name;
    rmSync(join(folder, final), { recursive: true, force: true });
    renameSync(temporary, join(folder, final));
    syncFolder(folder);
    writeFileAtomic(join(folder, pointerName), `${JSON.stringify({ folder: final })}\n`);
    for (const old of readdirSync(folder)) {
      if (/^\.?step-/.test(old) && old !== final) rmSync(join(folder, old), { recursive: true, force: true });
    }
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true });
    const kept = previous === undefined ? "none was written before" : `the one before, ${previous}, is whole`;
    throw new RiverrunError(
      `the checkpoint of step ${state.step} could not be written: ${messageOf(error)}; ${kept}. Make room or choose another disk, then go on with --resume`,
      { cause: error },
    );
  }
}

/** A checkpoint as it was found. */
export interface Checkpoint {
  readonly folder: string;
  readonly state: TrainingState;
}

/** The last checkpoint of a folder; undefined where none was written. @throws UsageError where it is damaged. */
export function findCheckpoint(out: string): Checkpoint | undefined {
  const name = lastFolder(out);
  if (name === undefined) return undefined;
  const folder = join(trainingFolder(out), name);
  const path = join(folder, "state.json");
  const state = readJson(path, stateSchema);
  const { step, best } = state;
  if (step !== Number(name.slice("step-".length)) || (best && best.step > step)) {
    const after = best ? `, its best after ${best.step}` : "";
    throw damaged(path, `it speaks of step ${step}${after}, in the folder of ${name}`);
  }
  return { folder, state };
}

/** The configuration of a checkpoint. @throws UsageError where it is damaged. */
export function checkpointConfig({ folder, state }: Checkpoint): Config {
  const config = readJson(join(folder, modelFiles.config), configSchema);
  // Configurations of before `train.precision` say nothing of it, states always did.
  return { ...config, train: { ...config.train, precision: state.precision } };
}

/** The model of a checkpoint. @throws UsageError, DataMissingError */
export function loadCheckpointModel({ folder }: Checkpoint, options: Parameters<typeof loadModel>[1]): TextFlow {
  return loadModel(folder, options);
}

/** Puts a checkpoint's optimiser or averages into a module. @throws UsageError, DataMissingError naming the file. */
export function loadCheckpointPart({ folder }: Checkpoint, name: "optimiser" | "average", module: Module): void {
  const path = join(folder, `${name}.safetensors`);
  const { tensors } = demandWhole(() => loadSafetensors(path));
  try {
    module.loadStateDict(tensors);
  } catch (error) {
    throw new UsageError(`${path}: ${messageOf(error)}`, { cause: error });
  } finally {
    for (const loaded of tensors.values()) loaded.dispose();
  }
}

/** The same parameters and buffers under another configuration of the same flow. The given model is freed. */
export function withConfig(model: TextFlow, config: Config): TextFlow {
  const { vocabulary, wordPiece, device, dtype } = model;
  const changed = TextFlow.blank({ config, vocabulary, wordPiece, device, dtype });
  changed.networkPrecision = model.networkPrecision;
  changed.loadStateDict(model.stateDict());
  model.dispose();
  return changed;
}
