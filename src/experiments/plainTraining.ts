/**
 * A small resumable training for models that are no flows: language models, and flows under an objective that is not a
 * density. Batches, schedule, optimiser, averaging and the choice of the best step are those of `src/train`.
 */
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { makeDirectory } from "../base/atomicFile.ts";
import { messageOf, RiverrunError, UsageError } from "../base/errors.ts";
import type { TrainConfig } from "../flow/index.ts";
import { Adam, clipGradientNorm, Module, MovingAverage, type Optimiser, SGD } from "../nn/index.ts";
import { grad, scope, type Tensor, zeros } from "../torch/index.ts";
import { loadSafetensors, saveSafetensors } from "../torch/safetensors.ts";
import { BatchSequence } from "../train/index.ts";
import { learningRateAt, withAverages } from "../train/loop.ts";
import { StoppedError } from "./stopped.ts";

/** What is trained, on what. */
export interface PlainTask {
  readonly module: Module;
  /** Length of every example, by which batches are bucketed. */
  readonly lengths: readonly number[];
  /** The objective of a step's examples, a scalar; everything random in it is keyed by the step. */
  loss(indices: readonly number[], step: number): Tensor;
  /** A figure of the present parameters; the lowest is kept. */
  validate(): number;
}

/** How and where. */
export interface PlainOptions {
  readonly train: TrainConfig;
  readonly seed: number;
  /** Folder of the checkpoint. */
  readonly out: string;
  /** Tells trainings apart: a checkpoint of another key is refused. */
  readonly key: string;
  /** For messages. */
  readonly name: string;
  readonly stopRequested: () => string | undefined;
  /** A line after every validation. */
  readonly log: (message: string) => void;
  readonly onStep?: (step: number) => void;
}

/** How it ended. The module holds the best parameters. */
export interface PlainResult {
  readonly step: number;
  readonly bestStep: number;
  readonly best: number;
  /** Seconds of steps, over all sittings. */
  readonly seconds: number;
  /** The figure of every validation. */
  readonly validations: readonly ValidationPoint[];
}

/** The figure of one validation. */
export interface ValidationPoint {
  readonly step: number;
  readonly value: number;
}

const stateSchema = z.strictObject({
  key: z.string(),
  step: z.int().min(0),
  bestStep: z.int().min(0),
  best: z.number().nullable(),
  seconds: z.number().min(0),
  validations: z.array(z.strictObject({ step: z.int().positive(), value: z.number() })),
});
type State = z.infer<typeof stateSchema>;

/** Copies of parameters and buffers. */
class Snapshot extends Module {
  readonly #source: Module;

  constructor(source: Module) {
    super();
    this.#source = source;
    for (const [name, value] of source.stateDict()) this.buffer(name, value.detach().clone());
  }

  /** Takes the source's present values. */
  take(): void {
    this.loadStateDict(this.#source.stateDict());
  }

  /** Gives the values back to the source. */
  give(): void {
    this.#source.loadStateDict(this.stateDict());
  }
}

/** The parts of a checkpoint, one file: tensors under "part:name", the state in the file's metadata. */
type Parts = Readonly<Record<string, Module>>;

function save(path: string, state: State, parts: Parts): void {
  const tensors = Object.entries(parts).flatMap(([part, module]) =>
    [...module.stateDict()].map(([name, value]): [string, Tensor] => [`${part}:${name}`, value]),
  );
  saveSafetensors(path, new Map(tensors), { state: JSON.stringify(state) });
}

/** @throws UsageError where the file is damaged or of another training. */
function load(path: string, key: string, parts: Parts): State {
  const { tensors, metadata } = loadSafetensors(path);
  try {
    const state = stateSchema.parse(JSON.parse(metadata.get("state") ?? "null"));
    if (state.key !== key) {
      throw new UsageError(
        "it belongs to another training (other data, sizes or steps): give another --out, or remove it to start anew",
      );
    }
    for (const [part, module] of Object.entries(parts)) {
      const own = [...tensors].filter(([name]) => name.startsWith(`${part}:`));
      module.loadStateDict(new Map(own.map(([name, value]) => [name.slice(part.length + 1), value])));
    }
    return state;
  } catch (error) {
    const what = error instanceof z.ZodError ? z.prettifyError(error).replaceAll("\n", " ") : messageOf(error);
    throw new UsageError(`${path}: ${what}`, { cause: error });
  } finally {
    for (const value of tensors.values()) value.dispose();
  }
}

function optimiserOf(module: Module, { optimiser, betas, momentum, weightDecay }: TrainConfig): Optimiser {
  const parameters = module.namedParameters();
  if (optimiser === "sgd") return new SGD(parameters, { momentum, weightDecay });
  return new Adam(parameters, { betas, weightDecay, decoupled: optimiser === "adamw" });
}

/** One step. @throws RiverrunError where loss or gradient are not finite. */
function takeStep(
  task: PlainTask,
  optimiser: Optimiser,
  indices: readonly number[],
  step: number,
  options: PlainOptions,
): void {
  const { train, name } = options;
  const parameters = task.module.parameters();
  scope(() => {
    const objective = task.loss(indices, step);
    const found = grad([objective], parameters, { allowUnused: true });
    const gradients = found.map(
      (gradient, index) =>
        gradient ??
        zeros(parameters[index].shape, { dtype: parameters[index].dtype, device: parameters[index].device }),
    );
    const loss = objective.item();
    const norm = clipGradientNorm(gradients, train.clipNorm);
    if (!Number.isFinite(loss) || !Number.isFinite(norm)) {
      throw new RiverrunError(`${name}: the loss of step ${step} is ${loss}, its gradient's norm ${norm}`);
    }
    optimiser.step(gradients, learningRateAt(train, step));
  });
}

/**
 * Trains for `train.maxSteps` steps and leaves the best validated parameters (averaged ones under `train.ema`) in the
 * module. A checkpoint is one file that is replaced atomically; resumed, the training gives the same numbers as an
 * uninterrupted one. Yields to the event loop after every step.
 *
 * @throws StoppedError where it is asked to stop, after a checkpoint; RiverrunError where numbers stop being finite;
 *   UsageError where the folder's checkpoint is damaged or of another training.
 */
export async function trainPlain(task: PlainTask, options: PlainOptions): Promise<PlainResult> {
  const { train, seed, out, key } = options;
  makeDirectory(out);
  const path = join(out, "checkpoint.safetensors");
  const optimiser = optimiserOf(task.module, train);
  const average = train.ema > 0 ? new MovingAverage(task.module.namedParameters(), train.ema) : undefined;
  const best = new Snapshot(task.module);
  const parts: Parts = { module: task.module, best, optimiser, ...(average ? { average } : {}) };
  const sequence = new BatchSequence(task.lengths, { seed, batchSize: train.batchSize, bucket: train.bucket });
  try {
    let state: State = { key, step: 0, bestStep: 0, best: null, seconds: 0, validations: [] };
    if (existsSync(path)) state = load(path, key, parts);
    while (state.step < train.maxSteps) {
      const step = state.step + 1;
      const began = performance.now();
      takeStep(task, optimiser, sequence.at(step).indices, step, options);
      average?.update();
      state = { ...state, step, seconds: state.seconds + (performance.now() - began) / 1000 };
      options.onStep?.(step);
      if (step % train.validateEvery === 0 || step === train.maxSteps) {
        state = withAverages(average, () => {
          const figure = task.validate();
          options.log(`step ${step}: ${figure.toFixed(4)} held out`);
          const validations = [...state.validations, { step, value: figure }];
          if (state.best !== null && figure >= state.best) return { ...state, validations };
          best.take();
          return { ...state, validations, best: figure, bestStep: step };
        });
      }
      await new Promise(setImmediate);
      const signal = options.stopRequested();
      if (step % train.checkpointEvery === 0 || signal !== undefined) save(path, state, parts);
      if (signal !== undefined) throw new StoppedError(signal, options.name);
    }
    best.give();
    const { step, bestStep, seconds, validations } = state;
    return { step, bestStep, best: state.best ?? Number.NaN, seconds, validations };
  } finally {
    for (const part of [optimiser, average, best]) part?.dispose();
  }
}

/** Removes the checkpoint of a training whose result has been written. */
export function forgetCheckpoint(out: string): void {
  rmSync(join(out, "checkpoint.safetensors"), { force: true });
}
