/** The training loop: batches, gradients, validation, checkpoints, signals. */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isRunning, makeDirectory, removeStaleTemporaries } from "../base/atomicFile.ts";
import { RiverrunError, UsageError } from "../base/errors.ts";
import { hashSeed } from "../base/random.ts";
import { splitHeldOut } from "../corpora/index.ts";
import { type Config, loadModel, modelFiles, type PreparedText, saveModel, type TextFlow } from "../flow/index.ts";
import { Adam, clipGradientNorm, MovingAverage, type Optimiser, SGD, scheduleFactor } from "../nn/index.ts";
import { Generator, grad, noGrad, scope, type Tensor } from "../torch/index.ts";
import { _foreach_add__List } from "../torch/operators.ts";
import { handlesOf } from "../torch/tensor.ts";
import { BatchSequence } from "./batches.ts";
import { loadState, saveState, type TrainingState } from "./checkpoint.ts";
import { MetricsLog } from "./metricsLog.ts";
import { firstNonFinite } from "./nanGuard.ts";
import { prepareModel } from "./prepare.ts";
import { type Validation, validate } from "./validation.ts";

/** What a training is given. */
export interface TrainOptions {
  readonly config: Config;
  readonly texts: readonly string[];
  /** Held-out texts; without them a seeded 10 % of `texts`. */
  readonly validation?: readonly string[];
  /** The model's folder. */
  readonly out: string;
  readonly resume?: boolean;
  readonly vectors?: string;
  readonly device?: string;
  /** Lines about what happens. */
  readonly log?: (message: string) => void;
  readonly onStep?: (step: number, figures: { readonly loss: number; readonly tokensPerSecond: number }) => void;
  /** Asked after every step; a name of a signal ends the training after a checkpoint. */
  readonly interrupted?: () => string | undefined;
}

/** How a training ended. */
export interface TrainResult {
  readonly model: TextFlow;
  readonly step: number;
  readonly finished: boolean;
  readonly validation: Validation | undefined;
  readonly parameters: number;
}

function prepareAll(model: TextFlow, texts: readonly string[]): PreparedText[] {
  return texts.flatMap((text) => {
    const prepared = model.tokenizer.tokenize(text).length > 0 ? model.prepare(text) : undefined;
    return prepared ? [prepared] : [];
  });
}

function optimiserOf(model: TextFlow): Optimiser {
  const { optimiser, betas, momentum, weightDecay } = model.config.train;
  if (optimiser === "sgd") return new SGD(model.namedParameters(), { momentum, weightDecay });
  return new Adam(model.namedParameters(), { betas, weightDecay, decoupled: optimiser === "adamw" });
}

/** Takes the folder for this process. @throws UsageError where it is another's or holds something already. */
function claim(out: string, resume: boolean): () => void {
  makeDirectory(out);
  const lock = join(out, ".training.lock");
  if (existsSync(lock)) {
    const owner = Number(readFileSync(lock, "utf8"));
    if (owner !== process.pid && isRunning(owner)) throw new UsageError(`${out}: process ${owner} is training here`);
  }
  const present = readdirSync(out).filter((name) => !name.startsWith("."));
  if (!resume && present.length > 0) {
    throw new UsageError(`${out} is not empty: go on with --resume, or give another --out`);
  }
  writeFileSync(lock, String(process.pid));
  removeStaleTemporaries(out);
  return () => {
    rmSync(lock, { force: true });
  };
}

/** Gradients of the mean bits per dimension over a step's batch, computed in parts. */
function gradientsOf(
  model: TextFlow,
  texts: readonly PreparedText[],
  indices: readonly number[],
  step: number,
  onLatent: ((name: string, values: Tensor, real: number) => void) | undefined,
): { gradients: Tensor[]; loss: number } {
  const { accumulate } = model.config.train;
  const { seed } = model.config;
  const { dimensions } = model.config.data;
  const chosen = indices.map((index) => texts[index]);
  const elements = chosen.reduce((sum, { positions }) => sum + positions, 0) * dimensions * Math.LN2;
  const parameters = model.parameters();
  const size = Math.ceil(chosen.length / accumulate);
  let total: Tensor[] | undefined;
  let loss = 0;
  for (let start = 0; start < chosen.length; start += size) {
    const part = scope(() => {
      const batch = model.batch(chosen.slice(start, start + size));
      const own = indices.slice(start, start + size);
      const noise = model.drawNoise(
        batch,
        own.map((index) => hashSeed(seed, "noise", step, index)),
      );
      const dropout =
        model.config.flow.dropout > 0
          ? own.map((index) => new Generator(hashSeed(seed, "dropout", step, index)))
          : undefined;
      const likelihood = model.likelihood(batch, noise, {
        dropout,
        trace: onLatent
          ? (where, values, context) => {
              if (where.startsWith("latent")) {
                onLatent(where, values, context.lengths.reduce((sum, length) => sum + length, 0) * values.size(2));
              }
            }
          : undefined,
      });
      const objective = likelihood.negLogDensity.sum().div(elements);
      const value = objective.item();
      return { value, gradients: grad([objective], parameters) };
    });
    loss += part.value;
    if (total) {
      const sum = total;
      noGrad(() => _foreach_add__List(handlesOf(sum), handlesOf(part.gradients)));
      for (const gradient of part.gradients) gradient.dispose();
    } else total = part.gradients;
  }
  return { gradients: total ?? [], loss };
}

function explainNonFinite(
  model: TextFlow,
  texts: readonly PreparedText[],
  indices: readonly number[],
  step: number,
): never {
  const batch = model.batch(indices.map((index) => texts[index]));
  const noise = model.drawNoise(
    batch,
    indices.map((index) => hashSeed(model.config.seed, "noise", step, index)),
  );
  const where = firstNonFinite(model, batch, noise) ?? "the gradient (all outputs are finite)";
  throw new RiverrunError(
    `step ${step}: a number is not finite, first in ${where}, in the batch of examples ${indices.slice(0, 8).join(", ")}... ("${texts[indices[0]].text.slice(0, 60)}"); the last checkpoint is unchanged: resume from it with a lower train.learningRate or train.clipNorm`,
  );
}

/**
 * Trains a flow and keeps the best model in `out`. Interrupted and resumed it gives the same numbers, to the last bit,
 * as an uninterrupted run on the same machine and number of threads.
 *
 * @throws UsageError for wrong input, RiverrunError where numbers stop being finite or a checkpoint cannot be written.
 */
export async function train(options: TrainOptions): Promise<TrainResult> {
  const release = claim(options.out, options.resume ?? false);
  try {
    return await trainClaimed(options);
  } finally {
    release();
  }
}

async function trainClaimed(options: TrainOptions): Promise<TrainResult> {
  const { config, out } = options;
  const log = options.log ?? ((): void => undefined);
  const { train: settings, seed } = config;
  const split = options.validation
    ? { training: options.texts, validation: options.validation }
    : splitHeldOut(options.texts, 0.1, seed);
  const fingerprint = hashSeed(seed, JSON.stringify(config), ...split.training).toString(16);

  const saved = options.resume === true && existsSync(join(out, modelFiles.tensors));
  if (options.resume && !saved) log("nothing was saved yet: starting from the beginning");
  const model = saved
    ? loadModel(out, { device: options.device })
    : await prepareModel({ ...options, texts: split.training, log });
  const texts = prepareAll(model, split.training);
  const heldOut = prepareAll(model, split.validation).slice(0, settings.validationTexts);
  const cut = texts.filter(({ truncated }) => truncated).length;
  if (cut > 0)
    log(`${cut} of ${texts.length} training texts are longer than ${config.data.positions} positions and were cut`);
  const sequence = new BatchSequence(
    texts.map(({ positions }) => positions),
    { seed, batchSize: settings.batchSize, bucket: settings.bucket },
  );
  const optimiser = optimiserOf(model);

  if (!model.initialised) {
    const { indices } = sequence.at(1);
    const batch = model.batch(indices.map((index) => texts[index]));
    model.initialise(
      batch,
      model.drawNoise(
        batch,
        indices.map((index) => hashSeed(seed, "noise", 0, index)),
      ),
    );
  }
  const average = settings.ema > 0 ? new MovingAverage(model.namedParameters(), settings.ema) : undefined;
  const parts = { model, optimiser, ...(average ? { average } : {}) };
  let state: TrainingState = {
    step: 0,
    finished: false,
    best: null,
    bestStep: 0,
    withoutImprovement: 0,
    fingerprint,
  };
  const held = saved ? loadState(out, parts) : undefined;
  if (held && held.fingerprint !== fingerprint) {
    throw new UsageError(
      `${out}: this training was started with other texts or another configuration; resume it with the same ones`,
    );
  }
  if (held) {
    state = held;
    log(
      held.finished
        ? `the training is finished at step ${held.step}: nothing is left to do`
        : `resuming after step ${held.step}`,
    );
  } else if (!saved) {
    saveModel(model, out);
  } else log("no checkpoint was written yet: starting from the first step");
  const score = (): Validation | undefined => {
    if (heldOut.length === 0) return undefined;
    return average ? average.swapped(() => validate(model, heldOut, seed)) : validate(model, heldOut, seed);
  };
  if (state.finished) {
    const best = loadModel(out, { device: options.device });
    const validation = heldOut.length > 0 ? validate(best, heldOut, seed) : undefined;
    return { model: best, step: state.step, finished: true, validation, parameters: model.parameterCount() };
  }

  const metrics = new MetricsLog(join(out, "metrics.jsonl"), state.step);
  const started = performance.now();
  let lastLog = started;
  let tokensSince = 0;
  let validation: Validation | undefined;
  const schedule = {
    kind: settings.schedule,
    warmupSteps: settings.warmupSteps,
    totalSteps: settings.maxSteps,
    finalFactor: settings.finalFactor,
  };
  while (state.step < settings.maxSteps && !state.finished) {
    const step = state.step + 1;
    const { epoch, indices } = sequence.at(step);
    const logs = step % settings.logEvery === 0 || step === settings.maxSteps;
    const latents: Record<string, number> = {};
    const { gradients, loss } = gradientsOf(
      model,
      texts,
      indices,
      step,
      logs
        ? (name, values, real) => {
            latents[name] = values.square().sum().item() / real;
          }
        : undefined,
    );
    const norm = clipGradientNorm(gradients, settings.clipNorm);
    if (!Number.isFinite(loss) || !Number.isFinite(norm)) explainNonFinite(model, texts, indices, step);
    const learningRate = settings.learningRate * scheduleFactor(schedule, step);
    optimiser.step(gradients, learningRate);
    for (const gradient of gradients) gradient.dispose();
    average?.update();
    state = { ...state, step };
    tokensSince += indices.reduce((sum, index) => sum + texts[index].tokensCounted, 0);
    const wall = (performance.now() - started) / 1000;
    if (logs) {
      const tokensPerSecond = tokensSince / ((performance.now() - lastLog) / 1000);
      lastLog = performance.now();
      tokensSince = 0;
      metrics.append({
        step,
        epoch,
        split: "training",
        wall,
        bitsPerDim: loss,
        gradientNorm: norm,
        learningRate,
        ...latents,
      });
      options.onStep?.(step, { loss, tokensPerSecond });
    }
    if (step % settings.validateEvery === 0 || step === settings.maxSteps) {
      validation = score();
      if (validation) {
        metrics.append({ step, epoch, split: "validation", wall, ...validation });
        const better = state.best === null || validation.nelboPerToken < state.best;
        log(
          `step ${step}: held-out ${validation.nelboPerToken.toFixed(3)} nats per token, ${validation.bitsPerDim.toFixed(3)} bits per dimension (floor ${validation.floorBitsPerDim.toFixed(3)})${better ? ", best so far" : ""}`,
        );
        if (better) {
          if (average)
            average.swapped(() => {
              saveModel(model, out);
            });
          else saveModel(model, out);
        }
        state = better
          ? { ...state, best: validation.nelboPerToken, bestStep: step, withoutImprovement: 0 }
          : { ...state, withoutImprovement: state.withoutImprovement + 1 };
        if (settings.patience > 0 && state.withoutImprovement >= settings.patience) {
          log(`stopping at step ${step}: no better in ${settings.patience} validations`);
          state = { ...state, finished: true };
        }
      } else saveModel(model, out);
    }
    if (step === settings.maxSteps) state = { ...state, finished: true };
    const signal = options.interrupted?.();
    if (step % settings.checkpointEvery === 0 || state.finished || signal) saveState(out, state, parts);
    if (signal) {
      log(`${signal}: a checkpoint of step ${step} is written; go on with --resume`);
      return { model, step, finished: false, validation, parameters: model.parameterCount() };
    }
    await new Promise(setImmediate);
  }
  const best = loadModel(out, { device: options.device });
  const final = heldOut.length > 0 ? validate(best, heldOut, seed) : undefined;
  return { model: best, step: state.step, finished: true, validation: final, parameters: model.parameterCount() };
}
