/** Training as a whole: from texts and a configuration to a model's folder. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { UsageError } from "../base/errors.ts";
import { median } from "../base/median.ts";
import { type Config, loadModel, modelFiles, saveModel } from "../flow/index.ts";
import { PeerError, resolveDevice, setThreads } from "../torch/index.ts";
import { lead, trainAlong } from "./along.ts";
import { type Checkpoint, findCheckpoint } from "./checkpoint.ts";
import { inPrecision, tokensOf } from "./effectiveConfig.ts";
import { reportingHooks, writingHooks } from "./hooks.ts";
import { type LoopHooks, type StepReport, trainLoop, withAverages } from "./loop.ts";
import type { TrainOptions, TrainResult } from "./options.ts";
import { flowFolder, flowStage, writePlan } from "./plus.ts";
import { Processes } from "./processes.ts";
import { free, type Run, type RunControl, resultOf, type Start } from "./run.ts";
import { inFolder, refuseFolder } from "./runFolder.ts";
import { SignalWatch } from "./signals.ts";
import { goOn, startAnew } from "./start.ts";
import { trainingTexts } from "./trainingTexts.ts";

/** The checkpoint to go on from, where there is one; said where it was asked for and there is none. */
function resumed({ options, log }: Run, out: string): Checkpoint | undefined {
  const checkpoint = findCheckpoint(out);
  if (options.resume && !checkpoint) log("nothing was saved yet: starting from the beginning");
  return checkpoint;
}

/** Trains in the folder `out`, which is this process's. */
async function trainIn(run: Run, out: string, { number, isLast, onStart }: Stage): Promise<TrainResult> {
  const { options, log } = run;
  const checkpoint = resumed(run, out);
  const start = checkpoint ? goOn(run, out, checkpoint) : await startAnew(run, out);
  try {
    onStart?.();
    const hooks = writingHooks(run, start, out);
    let { state } = start;
    if (!checkpoint) hooks.saveCheckpoint(state);
    // A process killed right after the first checkpoint has a state, but no model yet.
    else if (!existsSync(join(out, modelFiles.tensors))) withAverages(start.average, () => saveModel(start.model, out));
    await lead(start, number, isLast);
    if (state.finished === null) state = await trainLoop(start, state, hooks);
    const model = loadModel(out, { device: options.device });
    const result = resultOf(run, model, start, state);
    if (result.signal !== undefined) {
      log(`${result.signal}: stopped after step ${state.step}, a checkpoint is written`);
    }
    return result;
  } finally {
    free(start);
  }
}

/** One training of those that a run consists of. */
interface Stage {
  /** Counted from 1. */
  readonly number: number;
  readonly isLast: boolean;
  /** Called before anything of it is saved. */
  readonly onStart?: () => void;
}

const onlyStage: Stage = { number: 1, isLast: true };

/**
 * Trains in the folder `out`, which is this process's; of a Language Flow+ without a flow that flow first, in a folder
 * inside, unless its decoder's training has begun.
 */
async function trainStages(run: Run, out: string): Promise<TrainResult> {
  const { options, config, log } = run;
  if (!config.attentionDecoder || run.flow !== undefined) return await trainIn(run, out, onlyStage);
  const flow = flowFolder(out);
  let number = 1;
  if (!findCheckpoint(out)) {
    log(`first the flow, in ${flow}`);
    const flowRun = { ...run, config: flowStage(config) };
    const stage = { number: number++, isLast: false, onStart: () => writePlan(out, config) };
    const first = await inFolder(flow, options.resume ?? false, () => trainIn(flowRun, flow, stage));
    if (!first.finished) return first;
    first.model.dispose();
    log("now the decoder of its latents");
  }
  return await trainIn({ ...run, flow }, out, { number, isLast: true });
}

/** Steps of a rehearsal: one that also pays for memory that the others reuse, and those whose time is the estimate. */
const rehearsedSteps = 1 + 5;

/** Hooks that report, and the median of what the steps after the first took, seconds. */
function timingHooks(run: Run, { seconds }: Start["state"]): { hooks: LoopHooks; secondsPerStep: () => number } {
  const times: number[] = [];
  let before = seconds;
  const reporting = reportingHooks(run);
  const onStep = (report: StepReport): void => {
    times.push(report.seconds - before);
    before = report.seconds;
    reporting.onStep(report);
  };
  return { hooks: { ...reporting, onStep }, secondsPerStep: () => median(times.slice(1)) };
}

/**
 * Some steps and a validation of each stage, which write nothing; from the last checkpoint in `out`, where one is to be
 * resumed and is there.
 */
async function rehearse(run: Run, out: string | undefined, stage = onlyStage): Promise<TrainResult> {
  const { config, options } = run;
  let { number } = stage;
  let { flow } = run;
  const checkpoint = options.resume && out !== undefined ? resumed(run, out) : undefined;
  if (config.attentionDecoder && run.flow === undefined && !checkpoint) {
    const first = flowStage(config);
    const folder = out === undefined ? undefined : flowFolder(out);
    const rehearsed = await rehearse({ ...run, config: first }, folder, { number: number++, isLast: false });
    rehearsed.model.dispose();
    const { stepsLeft = 0, secondsPerStep = 0 } = rehearsed;
    const minutes = Math.ceil((secondsPerStep * stepsLeft) / 60);
    run.log(
      secondsPerStep > 0
        ? `the flow's ${stepsLeft} steps would take roughly ${minutes} min; now its decoder`
        : "now its decoder",
    );
    // A resumed one has its words and vectors already.
    if (folder !== undefined && existsSync(join(folder, modelFiles.tensors))) flow = folder;
  }
  const short: Config = {
    ...config,
    vectors: { ...config.vectors, iterations: 1 },
    train: { ...config.train, maxSteps: rehearsedSteps, validateEvery: rehearsedSteps, logEvery: 1 },
  };
  const start =
    checkpoint && out !== undefined
      ? goOn(run, out, checkpoint, rehearsedSteps)
      : await startAnew({ ...run, flow, config: short }, undefined);
  await lead(start, number, stage.isLast);
  const stepsLeft = start.state.finished === null ? config.train.maxSteps - start.state.step : 0;
  const { hooks, secondsPerStep } = timingHooks(run, start.state);
  const state = stepsLeft > 0 ? await trainLoop(start, start.state, hooks) : start.state;
  for (const part of [start.optimiser, start.average]) part?.dispose();
  const result = resultOf(run, start.model, start, state);
  return { ...result, finished: false, reason: "dryRun", stepsLeft, secondsPerStep: secondsPerStep() };
}

/**
 * Trains a flow, or a Language Flow+ (its flow first), and keeps the best model in `out` (config.json, vocabulary.json,
 * model.safetensors), the state to resume from in `out`/training, and metrics.jsonl. Interrupted, killed and resumed it
 * gives the same numbers, to the last bit, as an uninterrupted run on the same machine and number of threads.
 *
 * @throws UsageError for wrong input, a folder that is not empty or taken, or a resume with other texts or another model;
 *   NonFiniteError where numbers stop being finite; InterruptedError where it is asked to stop before the first step;
 *   RiverrunError where a file cannot be written or a figure is impossible. The last checkpoint stays whole.
 */
export async function train(options: TrainOptions): Promise<TrainResult> {
  if (options.threads !== undefined) setThreads(options.threads);
  const device = options.device === undefined ? undefined : resolveDevice(options.device);
  const log = options.log ?? ((): void => undefined);
  const processes = options.group && new Processes(options.group);
  const signals = options.signals ? new SignalWatch(processes?.leads === false ? undefined : log) : undefined;
  let stop: string | undefined;
  const control: RunControl = {
    log,
    // What asked first is remembered: the question is put more than once.
    stopRequested: () => {
      stop ??= signals?.stop ?? options.interrupted?.();
      return stop;
    },
    agreeToStop: (by) => {
      stop = by;
    },
    checkpointRequested: () => signals?.takeCheckpointRequest() ?? false,
    processes,
  };
  const given = { ...options, device };
  try {
    return processes && !processes.leads
      ? await trainAlong(given, control, processes)
      : await trainAlone(given, control);
  } catch (error) {
    throw processes ? ended(await processes.failed(error), processes, options) : error;
  } finally {
    processes?.dispose();
    signals?.dispose();
  }
}

/** The training in the process that writes: the only one, or the leader. */
async function trainAlone(options: TrainOptions, control: RunControl): Promise<TrainResult> {
  const { out, resume = false, dryRun = false } = options;
  if (out === undefined && (resume || !dryRun)) throw new UsageError("expected a folder for the model (--out DIR)");
  const { config, wordPiece } = tokensOf({ ...options, config: inPrecision(options.config, options.precision) });
  const run: Run = {
    ...control,
    options,
    config,
    flow: options.flow,
    split: trainingTexts(config, options.texts, options.validation, wordPiece),
  };
  if (out !== undefined && !dryRun) return await inFolder(out, resume, () => trainStages(run, out));
  if (out !== undefined) refuseFolder(out, resume);
  return await rehearse(run, out);
}

/** Where a training that had begun was left, another process being lost: what stands in the folder, and how to go on. */
function ended(error: unknown, { begun }: Processes, { out, dryRun }: TrainOptions): unknown {
  if (!(error instanceof PeerError) || !begun || dryRun) return error;
  error.message += `; the last checkpoint in ${out} is whole: go on with --resume, with as many processes as there are`;
  return error;
}
