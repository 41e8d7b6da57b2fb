/** What a training starts from: a new model, a trained one, or the last checkpoint. */
import { join } from "node:path";
import { UsageError } from "../base/errors.ts";
import { hashSeed } from "../base/random.ts";
import { type Config, loadModel, type PreparedText, TextFlow } from "../flow/index.ts";
import { MovingAverage, numbersOf } from "../nn/index.ts";
import { writeVectors } from "../text/vectors.ts";
import { getThreads, scope } from "../torch/index.ts";
import {
  type Checkpoint,
  checkpointConfig,
  loadCheckpointModel,
  loadCheckpointPart,
  type TrainingState,
  withConfig,
} from "./checkpoint.ts";
import { optimiserOf, sequenceOf, stepBatchOf } from "./loop.ts";
import { InterruptedError, type TrainOptions } from "./options.ts";
import { type PreparedModel, prepareModel } from "./prepare.ts";
import { configChanges, keepPrecision } from "./resumable.ts";
import type { Run, Start } from "./run.ts";
import { fingerprintOf, TrainingSet } from "./trainingTexts.ts";
import { chooseHeldOut } from "./validation.ts";
import { versions } from "./versions.ts";
import { startFrom } from "./warmStart.ts";

/** Moving averages of the parameters, where the configuration wants them. */
export function averageOf(model: TextFlow): MovingAverage | undefined {
  const { ema } = model.config.train;
  return ema > 0 ? new MovingAverage(model.trainableParameters(), ema) : undefined;
}

/** Sets ActNorm from the first batch with a noise of its own. */
export function initialise(model: TextFlow, set: TrainingSet): void {
  const { indices } = sequenceOf(model, set).at(1);
  const { texts } = stepBatchOf(set, indices, 1);
  scope(() => {
    const batch = model.batch(texts);
    const seeds = indices.map((index) => hashSeed(model.config.seed, "noise", 0, index));
    model.initialise(batch, model.drawNoise(batch, seeds));
    batch.context.release();
  });
}

function describe(run: Run, model: TextFlow, set: TrainingSet, heldOut: readonly PreparedText[]): void {
  const { log, split, config } = run;
  if (split.skipped > 0) log(`texts without any word that were left out: ${split.skipped}`);
  if (set.truncated > 0) {
    log(
      `${set.truncated} of ${set.size} training texts are longer than ${config.data.positions} positions and were cut`,
    );
  }
  log(`${(100 * set.knownShare).toFixed(1)} % of the training words are in the vocabulary`);
  const part = heldOut.length < split.validation.length ? ` (of ${split.validation.length})` : "";
  log(`${model.parameterCount()} parameters; ${set.size} training texts, ${heldOut.length}${part} held out`);
}

/**
 * An untrained model, or the one to start from; of a Language Flow+, where its flow is there, an untrained decoder on
 * that.
 */
async function newModel(run: Run): Promise<PreparedModel> {
  const { options, config, split, log, flow } = run;
  const { from, device } = options;
  if (from !== undefined) {
    const model = startFrom(from, config, split.training, { device, precision: config.train.precision });
    log(`starting from the model in ${from}, of ${model.vocabulary.size} words`);
    return { model, trainedVectors: undefined };
  }
  if (flow !== undefined) {
    const given = loadModel(flow, { device, precision: config.train.precision });
    try {
      return { model: TextFlow.onFlow(given, config), trainedVectors: undefined };
    } finally {
      given.dispose();
    }
  }
  return await prepareModel({
    config,
    texts: split.training,
    vectors: options.vectors,
    device,
    dtype: numbersOf(config.train.precision).dtype,
    log,
    onVectors: (progress) => {
      const signal = run.stopRequested();
      if (signal !== undefined) throw new InterruptedError(signal);
      options.onVectors?.(progress);
    },
  });
}

/** A training from its beginning; word vectors that were trained for it are written into `out`. */
export async function startAnew(run: Run, out: string | undefined): Promise<Start> {
  const { config, split } = run;
  const { model, trainedVectors } = await newModel(run);
  model.networkPrecision = numbersOf(model.config.train.precision).networks;
  if (trainedVectors && out !== undefined) writeVectors(join(out, "vectors.txt"), trainedVectors);
  const set = new TrainingSet(model, split.training);
  const heldOut = chooseHeldOut(model, split.validation, config.train.validationTexts, config.seed);
  if (!model.initialised) initialise(model, set);
  describe(run, model, set, heldOut);
  const state: TrainingState = {
    format: 1,
    step: 0,
    finished: null,
    best: null,
    withoutImprovement: 0,
    fingerprint: fingerprintOf(split),
    seconds: 0,
    threads: getThreads(),
    processes: run.processes?.size ?? 1,
    precision: config.train.precision,
    versions: versions(),
  };
  const { processes } = run;
  return { model, optimiser: optimiserOf(model), average: averageOf(model), set, heldOut, state, processes };
}

/** Whether a finished training has steps left under the configuration it is resumed with. */
function reopened(state: TrainingState, { maxSteps, patience }: Config["train"]): TrainingState["finished"] {
  if (state.step >= maxSteps) return "maxSteps";
  return patience > 0 && state.withoutImprovement >= patience ? "patience" : null;
}

/** Where a resumed training stands. */
function standing(finished: TrainingState["finished"], step: number, maxSteps: number): string {
  if (finished === null) return `going on after step ${step} of ${maxSteps}`;
  return step > maxSteps
    ? `the training stands at step ${step}, beyond train.maxSteps ${maxSteps}: nothing is left to do`
    : `the training is finished (${finished}, step ${step}): nothing is left to do`;
}

/** What a resumed training does not look at, though it was named. */
function unread({ vectors, flow, from }: TrainOptions): string[] {
  const given: readonly (readonly [string, unknown, string])[] = [
    ["--vectors", vectors, "word vectors"],
    ["--flow", flow, "flow"],
    ["--from", from, "model"],
  ];
  return given
    .filter(([, value]) => value !== undefined)
    .map(([option, value, what]) => {
      const name = typeof value === "string" ? `${option} ${value}` : `the given ${what}`;
      return `${name}: not looked at; a resumed training keeps the ${what} of its last checkpoint`;
    });
}

/**
 * A training from its last checkpoint.
 *
 * @param rehearsed only so many steps, whether as many are left or not; those that are left unless given
 * @throws UsageError where texts, configuration or precision are others
 */
export function goOn(run: Run, out: string, checkpoint: Checkpoint, rehearsed?: number): Start {
  const { options, split, log } = run;
  const { state } = checkpoint;
  const saved = checkpointConfig(checkpoint);
  const config = keepPrecision(saved, run.config, options.precision);
  if (options.precision !== undefined && options.precision !== state.precision) {
    throw new UsageError(
      `${out}: this training was started in ${state.precision} and cannot go on in ${options.precision}: leave --precision out, or start another with another --out`,
    );
  }
  // Before the texts: another seed holds others of them out.
  const changes = configChanges(saved, config, out);
  if (state.fingerprint !== fingerprintOf(split)) {
    throw new UsageError(
      `${out}: this training was started with other texts (or others of them held out): resume it with the same ones, or train with these into another --out`,
    );
  }
  for (const line of unread(options)) log(line);
  let model = loadCheckpointModel(checkpoint, { device: options.device, precision: state.precision });
  const finished = reopened(state, config.train);
  const maxSteps = rehearsed === undefined ? config.train.maxSteps : state.step + rehearsed;
  if (changes.length > 0 || rehearsed !== undefined) {
    model = withConfig(model, { ...config, train: { ...config.train, maxSteps } });
  }
  for (const change of changes) log(change);
  const optimiser = optimiserOf(model);
  loadCheckpointPart(checkpoint, "optimiser", optimiser);
  const average = averageOf(model);
  if (average) loadCheckpointPart(checkpoint, "average", average);
  const processes = run.processes?.size ?? 1;
  if (state.processes !== processes) {
    log(
      `the training began with ${state.processes} processes and goes on with ${processes}: its numbers will differ in the last digits from an uninterrupted run`,
    );
  }
  if (state.threads !== getThreads()) {
    log(
      `the training began with ${state.threads} threads and goes on with ${getThreads()}: its numbers will differ in the last digits from an uninterrupted run (--threads ${state.threads} would keep them)`,
    );
  }
  const set = new TrainingSet(model, split.training);
  const heldOut = chooseHeldOut(model, split.validation, config.train.validationTexts, config.seed);
  describe(run, model, set, heldOut);
  log(standing(finished, state.step, config.train.maxSteps));
  return { model, optimiser, average, set, heldOut, state: { ...state, finished }, processes: run.processes };
}
