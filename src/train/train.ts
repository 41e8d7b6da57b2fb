/** Training as a whole: from texts and a configuration to a model's folder. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { messageOf, RiverrunError, UsageError } from "../base/errors.ts";
import { hashSeed } from "../base/random.ts";
import { type Config, loadModel, modelFiles, type PreparedText, saveModel, TextFlow } from "../flow/index.ts";
import { readWordPieces } from "../flow/modelFolder.ts";
import { MovingAverage, numbersOf, type Optimiser, type Precision } from "../nn/index.ts";
import { type WordVectors, writeVectors } from "../text/vectors.ts";
import { getThreads, PeerError, type ProcessGroup, resolveDevice, scope, setThreads } from "../torch/index.ts";
import {
  type Checkpoint,
  checkpointConfig,
  findCheckpoint,
  loadCheckpointModel,
  loadCheckpointPart,
  refuseNonFinite,
  saveCheckpoint,
  type TrainingState,
  withConfig,
} from "./checkpoint.ts";
import {
  type LoopHooks,
  optimiserOf,
  type StepReport,
  sequenceOf,
  stepBatchOf,
  trainLoop,
  type ValidationReport,
  withAverages,
} from "./loop.ts";
import { MetricsLog, type MetricsRow } from "./metricsLog.ts";
import { openingFrom, openingText } from "./opening.ts";
import { flowFolder, flowStage, onFlowOf } from "./plus.ts";
import { type PreparedModel, prepareModel, type VectorProgress } from "./prepare.ts";
import { Processes } from "./processes.ts";
import { configChanges, keepPrecision } from "./resumable.ts";
import { leaveFolder, type RunFolder, refuseFolder, takeFolder } from "./runFolder.ts";
import { SignalWatch, type StopSignal, signalExitCodes } from "./signals.ts";
import { EventLog } from "./tensorboard/eventLog.ts";
import { fingerprintOf, TrainingSet, type TrainingTexts, trainingTexts } from "./trainingTexts.ts";
import { chooseHeldOut, type Validation } from "./validation.ts";
import { versions } from "./versions.ts";
import { demandSameModel, startFrom } from "./warmStart.ts";
import { type TokenChoice, tokenChoice, withWordPieces } from "./wordPieces.ts";

/** What a training is given. */
export interface TrainOptions {
  readonly config: Config;
  readonly texts: readonly string[];
  /** Held-out texts; without them a seeded 10 % of `texts`. */
  readonly validation?: readonly string[];
  /** The model's folder. */
  readonly out: string;
  /** Go on with the training that the folder holds; where nothing was saved yet, start. */
  readonly resume?: boolean;
  /** Word vectors or a file of them; without them they are trained on the texts. A resume does not look at them. */
  readonly vectors?: string | WordVectors;
  /**
   * Of a Language Flow+: the folder of the trained flow that its decoder stands on, whose `data` and `flow` then are the
   * model's; without it a flow is trained first, in `out`/flow.
   */
  readonly flow?: string;
  /**
   * The folder of a trained model whose parameters, words and vectors this one starts with: no word vectors are made and
   * ActNorm stays as it is. `config` has its `data` and `flow`, but for `flow.dropout`. A resume goes on from its own.
   */
  readonly from?: string;
  /** "cpu", "cuda", "cuda:1" or "auto". */
  readonly device?: string;
  /** Threads inside one operator; a resume gives the same numbers only with the same number of threads. */
  readonly threads?: number;
  /** Overrides the configuration's `train.precision`, in all stages; a resume keeps that of its start. */
  readonly precision?: Precision;
  /** Catch SIGINT, SIGTERM (checkpoint and stop) and SIGUSR2 (checkpoint) while training. Off by default. */
  readonly signals?: boolean;
  /**
   * The processes that share the training, all of which call `train` with the same options. Each computes its rows of
   * every batch; only the one of rank 0 looks into `out` and writes. The batch size is that of all together, and the
   * numbers are those of one process but for rounding.
   */
  readonly group?: ProcessGroup;
  /** Build everything, take two steps and validate, write nothing. */
  readonly dryRun?: boolean;
  /** Lines about what happens, without line ends. */
  readonly log?: (message: string) => void;
  readonly onVectors?: (progress: VectorProgress) => void;
  /** Called on logged steps (the first, every `train.logEvery`-th and the last), with figures. */
  readonly onStep?: (step: number, report: StepReport) => void;
  /** Called after every step, for progress bars. */
  readonly onEveryStep?: (report: StepReport) => void;
  readonly onValidation?: (report: ValidationReport) => void;
  readonly onCheckpoint?: (step: number) => void;
  /** Asked after every step: a name (of a signal, say) ends the training after a checkpoint. */
  readonly interrupted?: () => string | undefined;
}

/** How a training ended. */
export interface TrainResult {
  /** The best model, or the one so far where the training was interrupted before the first validation. */
  readonly model: TextFlow;
  readonly step: number;
  readonly finished: boolean;
  /** Why it ended: all steps done, no improvement, or asked to. */
  readonly reason: "maxSteps" | "patience" | "interrupted" | "dryRun";
  /** What interrupted it. */
  readonly signal: string | undefined;
  /** 0, or 130 and 143 after SIGINT and SIGTERM. */
  readonly exitCode: number;
  /** Figures of the best model on the held-out texts. */
  readonly validation: Validation | undefined;
  readonly bestStep: number | undefined;
  readonly parameters: number;
  /** The held-out texts that the validations score, as the model reads them. */
  readonly heldOut: readonly PreparedText[];
  /** Seconds of training, over all sittings. */
  readonly seconds: number;
}

/** The training was asked to stop before there was anything to save. */
export class InterruptedError extends RiverrunError {
  override name = "InterruptedError";
  override readonly exitCode: number;

  constructor(signal: string) {
    super(`stopped by ${signal} before the first step: nothing was saved; start again`);
    this.exitCode = signalExitCodes[signal as StopSignal] ?? 1;
  }
}

/** What a training is asked for meanwhile, and who shares it. */
interface RunControl {
  readonly log: (message: string) => void;
  readonly stopRequested: () => string | undefined;
  /** From now on the answer of `stopRequested`: what all processes agreed on. */
  readonly agreeToStop: (by: string) => void;
  readonly checkpointRequested: () => boolean;
  readonly processes: Processes | undefined;
}

/** Everything that one training works with. */
interface Run extends RunControl {
  readonly options: TrainOptions;
  readonly config: Config;
  /** The folder of the flow that an attention decoder stands on. */
  readonly flow: string | undefined;
  readonly split: TrainingTexts;
}

/** Tensors and state to start or go on from. */
interface Start {
  readonly model: TextFlow;
  readonly optimiser: Optimiser;
  readonly average: MovingAverage | undefined;
  readonly set: TrainingSet;
  readonly heldOut: readonly PreparedText[];
  readonly state: TrainingState;
  readonly processes: Processes | undefined;
}

function averageOf(model: TextFlow): MovingAverage | undefined {
  const { ema } = model.config.train;
  return ema > 0 ? new MovingAverage(model.trainableParameters(), ema) : undefined;
}

/** Sets ActNorm from the first batch with a noise of its own. */
function initialise(model: TextFlow, set: TrainingSet): void {
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
  log(`${(100 * set.unknownShare).toFixed(1)} % of the training words are not in the vocabulary`);
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

async function startAnew(run: Run, out: string | undefined): Promise<Start> {
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

function goOn(run: Run, checkpoint: Checkpoint): Start {
  const { options, split, log } = run;
  const { state } = checkpoint;
  const saved = checkpointConfig(checkpoint);
  const config = keepPrecision(saved, run.config, options.precision);
  if (state.fingerprint !== fingerprintOf(split)) {
    throw new UsageError(
      `${options.out}: this training was started with other texts (or others of them held out): resume it with the same ones, or train with these into another --out`,
    );
  }
  if (options.precision !== undefined && options.precision !== state.precision) {
    throw new UsageError(
      `${options.out}: this training was started in ${state.precision} and cannot go on in ${options.precision}: leave --precision out, or start another with another --out`,
    );
  }
  const changes = configChanges(saved, config);
  let model = loadCheckpointModel(checkpoint, { device: options.device, precision: state.precision });
  if (changes.length > 0) model = withConfig(model, config);
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
  const finished = reopened(state, config.train);
  describe(run, model, set, heldOut);
  log(
    finished === null
      ? `going on after step ${state.step} of ${config.train.maxSteps}`
      : `the training is finished (${finished}, step ${state.step}): nothing is left to do`,
  );
  return { model, optimiser, average, set, heldOut, state: { ...state, finished }, processes: run.processes };
}

/** Hands what a stage starts from to the other processes. */
async function lead(start: Start, stage: number, isLast: boolean): Promise<void> {
  const { processes, model, optimiser, average, state } = start;
  if (!processes) return;
  await processes.tell(stage, openingText({ model, state, isLast }));
  for (const part of [model, optimiser, average]) if (part) await processes.alike(part);
}

/**
 * What a stage starts from in a process that does not lead: everything but the texts is the leader's.
 *
 * @throws UsageError where it was given other texts or is another version; PeerError where the leader is gone
 */
async function follow(
  options: TrainOptions,
  { stopRequested }: RunControl,
  processes: Processes,
  stage: number,
): Promise<{ start: Start; isLast: boolean }> {
  const text = await processes.hear(stage, () => {
    const signal = stopRequested();
    if (signal !== undefined) throw new InterruptedError(signal);
  });
  const { model, state, isLast } = openingFrom(text, options.device);
  const { config } = model;
  const split = trainingTexts(config, options.texts, options.validation, model.wordPiece);
  if (fingerprintOf(split) !== state.fingerprint) {
    throw new UsageError(
      "this process was given other texts than rank 0: every process reads --data and --validation itself, and must find the same lines there",
    );
  }
  const optimiser = optimiserOf(model);
  const average = averageOf(model);
  for (const part of [model, optimiser, average]) if (part) await processes.alike(part);
  const set = new TrainingSet(model, split.training);
  const heldOut = chooseHeldOut(model, split.validation, config.train.validationTexts, config.seed);
  return { start: { model, optimiser, average, set, heldOut, state, processes }, isLast };
}

/** All stages in a process that does not lead. Writes nothing. */
async function trainAlong(options: TrainOptions, control: RunControl, processes: Processes): Promise<TrainResult> {
  for (let stage = 1; ; stage++) {
    const { start, isLast } = await follow(options, control, processes, stage);
    let { state } = start;
    if (state.finished === null) state = await trainLoop(start, state, silentHooks(control));
    for (const part of [start.optimiser, start.average]) part?.dispose();
    const result = resultOf(control, start.model, start, state);
    if (isLast || !result.finished) return result;
    result.model.dispose();
  }
}

/** A metrics line that cannot be written ends the training as a checkpoint that cannot be written does. */
function writing<Result>(what: string, body: () => Result): Result {
  try {
    return body();
  } catch (error) {
    if (error instanceof RiverrunError) throw error;
    throw new RiverrunError(`cannot write ${what}: ${messageOf(error)}; the last checkpoint is whole`, {
      cause: error,
    });
  }
}

function formatValidation(report: ValidationReport): string {
  const { nelboPerToken, bitsPerDim, floorBitsPerDim, decoderNatsPerToken, improved, step } = report;
  if (decoderNatsPerToken !== undefined) {
    return `step ${step}: held-out ${decoderNatsPerToken.toFixed(3)} nats per token of the decoder${improved ? ", best so far" : ""}`;
  }
  return `step ${step}: held-out ${nelboPerToken.toFixed(3)} nats per token, ${bitsPerDim.toFixed(3)} bits per dimension (floor ${floorBitsPerDim.toFixed(3)})${improved ? ", best so far" : ""}`;
}

/** Hooks that only answer. */
function silentHooks(run: RunControl): LoopHooks {
  return {
    onStep: () => undefined,
    onValidation: () => undefined,
    saveBest: () => undefined,
    saveCheckpoint: () => undefined,
    checkpointRequested: run.checkpointRequested,
    stopRequested: run.stopRequested,
    stopAgreed: run.agreeToStop,
  };
}

/** Hooks that only report. */
function reportingHooks(run: Run): LoopHooks {
  const { options, log } = run;
  return {
    ...silentHooks(run),
    onStep: (report) => {
      options.onEveryStep?.(report);
      if (report.figures) options.onStep?.(report.step, report);
    },
    onValidation: (report) => {
      log(formatValidation(report));
      options.onValidation?.(report);
    },
  };
}

/** Hooks that also write metrics, the best model and checkpoints. */
function writingHooks(run: Run, { model, optimiser, average, state: before }: Start, folder: RunFolder): LoopHooks {
  const { out, lock } = folder;
  const reporting = reportingHooks(run);
  const path = join(out, "metrics.jsonl");
  const metrics = writing(path, () => new MetricsLog(path, before.step));
  const events = writing("TensorBoard events", () => new EventLog(out, before.step));
  const record = (row: MetricsRow): void => {
    writing(path, () => metrics.append(row));
    writing("TensorBoard events", () => events.append(row));
  };
  let at = before.step;
  return {
    ...reporting,
    onStep: (report) => {
      lock.touch();
      const { step, epoch, figures, seconds } = report;
      at = step;
      if (figures) {
        record({
          step,
          epoch,
          split: "training",
          wall: seconds,
          [report.lossName]: report.loss,
          ...(figures.nelboPerToken === undefined ? {} : { nelboPerToken: figures.nelboPerToken }),
          gradientNorm: report.gradientNorm,
          learningRate: report.learningRate,
          tokensPerSecond: report.tokensPerSecond,
          rssMb: process.memoryUsage.rss() / 2 ** 20,
          ...figures.latents,
        });
      }
      reporting.onStep(report);
    },
    onValidation: (report) => {
      const { improved: _, seconds, decoderNatsPerToken, ...figures } = report;
      const row: MetricsRow = { split: "validation", wall: seconds, ...figures };
      record(decoderNatsPerToken === undefined ? row : { ...row, decoderNatsPerToken });
      reporting.onValidation(report);
    },
    saveBest: () => {
      refuseNonFinite({ model, optimiser, average }, at);
      saveModel(model, out);
    },
    saveCheckpoint: (state) => {
      saveCheckpoint(out, state, { model, optimiser, average });
      // Before the first validation the folder holds the model so far, so that it can be loaded at any time.
      if (state.best === null) withAverages(average, () => saveModel(model, out));
      run.options.onCheckpoint?.(state.step);
    },
  };
}

function free({ model, optimiser, average }: Start): void {
  for (const part of [model, optimiser, average]) part?.dispose();
}

function resultOf(run: RunControl, model: TextFlow, { heldOut }: Start, state: TrainingState): TrainResult {
  const signal = state.finished === null ? run.stopRequested() : undefined;
  return {
    model,
    step: state.step,
    finished: state.finished !== null,
    reason: state.finished ?? "interrupted",
    signal,
    exitCode: signal === undefined ? 0 : (signalExitCodes[signal as StopSignal] ?? 0),
    validation: state.best ?? undefined,
    bestStep: state.best?.step,
    parameters: model.parameterCount(),
    heldOut,
    seconds: state.seconds,
  };
}

async function trainIn(run: Run, folder: RunFolder, { number, isLast }: Stage): Promise<TrainResult> {
  const { options, log } = run;
  const { out } = folder;
  const checkpoint = findCheckpoint(out);
  if (options.resume && !checkpoint) log("nothing was saved yet: starting from the beginning");
  const start = checkpoint ? goOn(run, checkpoint) : await startAnew(run, out);
  try {
    const hooks = writingHooks(run, start, folder);
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
}

const onlyStage: Stage = { number: 1, isLast: true };

/** Trains in the run's folder. */
async function trainStage(run: Run, resume: boolean, stage: Stage): Promise<TrainResult> {
  const folder = takeFolder(run.options.out, resume);
  try {
    return await trainIn(run, folder, stage);
  } finally {
    leaveFolder(folder);
  }
}

/** Trains the model; of a Language Flow+ without a flow that flow first, unless its decoder's training has begun. */
async function trainStages(run: Run): Promise<TrainResult> {
  const { options, config, log } = run;
  const { out, resume = false } = options;
  if (!config.attentionDecoder || run.flow !== undefined) return await trainStage(run, resume, onlyStage);
  refuseFolder(out, resume);
  const flow = flowFolder(out);
  let number = 1;
  if (!resume || !findCheckpoint(out)) {
    log(`first the flow, in ${flow}`);
    const flowRun = { ...run, config: flowStage(config), options: { ...options, out: flow } };
    const first = await trainStage(flowRun, resume, { number: number++, isLast: false });
    if (!first.finished) return first;
    first.model.dispose();
    log("now the decoder of its latents");
  }
  return await trainStage({ ...run, flow }, true, { number, isLast: true });
}

/** Two steps and a validation without a folder, of each stage. */
async function rehearse(run: Run, stage = onlyStage): Promise<TrainResult> {
  const { config } = run;
  let { number } = stage;
  if (config.attentionDecoder && run.flow === undefined) {
    const first = flowStage(config);
    const flow = await rehearse({ ...run, config: first }, { number: number++, isLast: false });
    flow.model.dispose();
    const seconds = (flow.seconds / flow.step) * first.train.maxSteps;
    run.log(
      `the flow's ${first.train.maxSteps} steps would take about ${Math.ceil(seconds / 60)} min; now its decoder`,
    );
  }
  const short: Config = {
    ...config,
    vectors: { ...config.vectors, iterations: 1 },
    train: { ...config.train, maxSteps: 2, validateEvery: 2, logEvery: 1 },
  };
  const start = await startAnew({ ...run, config: short }, undefined);
  await lead(start, number, stage.isLast);
  const state = await trainLoop(start, start.state, reportingHooks(run));
  for (const part of [start.optimiser, start.average]) part?.dispose();
  return { ...resultOf(run, start.model, start, state), finished: false, reason: "dryRun" };
}

/** Tokens of a training on what a folder's model reads, under a configuration with its `data`. */
function tokensOfModel(config: Config, folder: string): TokenChoice {
  return { config, wordPiece: config.data.tokenizer === "wordpiece" ? readWordPieces(folder) : undefined };
}

/** Tokens of a training: a resumed one's as they were, a new one's as its vectors say. */
function tokensOf({ config, vectors, resume, out, flow, from }: TrainOptions): TokenChoice {
  const checkpoint = resume ? findCheckpoint(out) : undefined;
  if (from !== undefined && !checkpoint) {
    if (flow !== undefined) throw new UsageError("--from and --flow: expected one of them");
    if (vectors !== undefined)
      throw new UsageError(`the model in ${from} has word vectors of its own: leave --vectors out`);
    demandSameModel(config, from);
    return tokensOfModel(config, from);
  }
  if (flow !== undefined) {
    if (vectors !== undefined)
      throw new UsageError(`the flow in ${flow} has word vectors of its own: leave --vectors out`);
    return tokensOfModel(onFlowOf(config, flow), flow);
  }
  if (!checkpoint) return tokenChoice(config, vectors);
  const { data } = checkpointConfig(checkpoint);
  if (data.tokenizer !== "wordpiece") return { config, wordPiece: undefined };
  const wordPiece = readWordPieces(checkpoint.folder);
  return { config: withWordPieces(config, data.dimensions, out), wordPiece };
}

/**
 * Trains a flow, or a Language Flow+ (its flow first), and keeps the best model in `out` (config.json, vocabulary.json, model.safetensors), the state to resume
 * from in `out`/training, and metrics.jsonl. Interrupted, killed and resumed it gives the same numbers, to the last bit,
 * as an uninterrupted run on the same machine and number of threads.
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

/** The configuration with all of its stages in a precision; as it is where none is asked for. */
function inPrecision(config: Config, precision: Precision | undefined): Config {
  if (precision === undefined) return config;
  const { train, attentionDecoder } = config;
  const inIt = (stage: Config["train"]): Config["train"] => ({ ...stage, precision });
  return {
    ...config,
    train: inIt(train),
    ...(attentionDecoder && {
      attentionDecoder: { ...attentionDecoder, flowTrain: inIt(attentionDecoder.flowTrain) },
    }),
  };
}

/** The training in the process that writes: the only one, or the leader. */
async function trainAlone(options: TrainOptions, control: RunControl): Promise<TrainResult> {
  const { config, wordPiece } = tokensOf({ ...options, config: inPrecision(options.config, options.precision) });
  const run: Run = {
    ...control,
    options,
    config,
    flow: options.flow,
    split: trainingTexts(config, options.texts, options.validation, wordPiece),
  };
  if (!options.dryRun) return await trainStages(run);
  refuseFolder(options.out, options.resume ?? false);
  return await rehearse(run);
}

/** Where a training that had begun was left, another process being lost: what stands in the folder, and how to go on. */
function ended(error: unknown, { begun }: Processes, { out, dryRun }: TrainOptions): unknown {
  if (!(error instanceof PeerError) || !begun || dryRun) return error;
  error.message += `; the last checkpoint in ${out} is whole: go on with --resume, with as many processes as there are`;
  return error;
}
