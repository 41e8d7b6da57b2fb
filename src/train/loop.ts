/** The loop: one step after the other, and what happens between them. */
import { UsageError } from "../base/errors.ts";
import type { PreparedText, TextFlow, TrainConfig } from "../flow/index.ts";
import { Adam, clipGradientNorm, type MovingAverage, type Optimiser, SGD, scheduleFactor } from "../nn/index.ts";
import { PeerError } from "../torch/index.ts";
import { BatchSequence } from "./batches.ts";
import type { TrainingState } from "./checkpoint.ts";
import {
  divisorFor,
  type LossName,
  lossNameOf,
  type StepBatch,
  type StepFigures,
  type StepGradients,
  stepGradients,
} from "./gradients.ts";
import { explainNonFinite } from "./nanGuard.ts";
import type { Processes, Wishes } from "./processes.ts";
import type { TrainingSet } from "./trainingTexts.ts";
import { scoreHeldOut, type Validation, validationOf } from "./validation.ts";

/** What is known after a step. */
export interface StepReport {
  readonly step: number;
  readonly maxSteps: number;
  /** Counted from 0. */
  readonly epoch: number;
  /** Of the step's batch, in the unit that `lossName` says. */
  readonly loss: number;
  readonly lossName: LossName;
  /** 2-norm of the gradient before clipping. */
  readonly gradientNorm: number;
  readonly learningRate: number;
  /** Since the last logged step, validations and checkpoints not counted. */
  readonly tokensPerSecond: number;
  /** Seconds of training, over all sittings. */
  readonly seconds: number;
  /** On logged steps only. */
  readonly figures: StepFigures | undefined;
}

/** What is known after a validation. */
export interface ValidationReport extends Validation {
  readonly step: number;
  readonly epoch: number;
  readonly seconds: number;
  /** Better than all before. */
  readonly improved: boolean;
}

/** What the loop tells and asks. */
export interface LoopHooks {
  onStep(report: StepReport): void;
  onValidation(report: ValidationReport): void;
  /** The model in its parameters' present place (the averages, where there are some) is the best so far. */
  saveBest(): void;
  saveCheckpoint(state: TrainingState): void;
  /** Asked after every step: a checkpoint now? */
  checkpointRequested(): boolean;
  /** Asked for every step: write a checkpoint and stop? By what it was asked for, such as a signal. */
  stopRequested(): string | undefined;
  /** All processes are about to stop, because one of them was asked to. */
  stopAgreed(by: string): void;
}

/** What the loop works on. */
export interface LoopParts {
  readonly model: TextFlow;
  readonly optimiser: Optimiser;
  readonly average: MovingAverage | undefined;
  readonly set: TrainingSet;
  readonly heldOut: readonly PreparedText[];
  /** The processes that share the work, where it is not one alone. */
  readonly processes?: Processes | undefined;
}

/** The optimiser that a configuration names. */
export function optimiserOf(model: TextFlow): Optimiser {
  const { optimiser, betas, momentum, weightDecay } = model.config.train;
  const parameters = model.trainableParameters();
  if (optimiser === "sgd") return new SGD(parameters, { momentum, weightDecay });
  return new Adam(parameters, { betas, weightDecay, decoupled: optimiser === "adamw" });
}

/** The learning rate of step 1, 2, ... */
export function learningRateAt(train: TrainConfig, step: number): number {
  const { schedule, warmupSteps, maxSteps, finalFactor } = train;
  return train.learningRate * scheduleFactor({ kind: schedule, warmupSteps, totalSteps: maxSteps, finalFactor }, step);
}

/** The batches of a training, in order. */
export function sequenceOf(model: TextFlow, set: TrainingSet): BatchSequence {
  const { seed, train } = model.config;
  return new BatchSequence(set.positions, { seed, batchSize: train.batchSize, bucket: train.bucket });
}

/** The texts of a step. */
export function stepBatchOf(set: TrainingSet, indices: readonly number[], step: number): StepBatch {
  return { step, indices, texts: indices.map((index) => set.at(index)) };
}

/** Runs `body` with the averages in the parameters' place, where there are some. */
export function withAverages<Result>(average: MovingAverage | undefined, body: () => Result): Result {
  return average ? average.swapped(body) : body();
}

/** What the best model has least of: nats per token of the attention decoder, where there is one, or of the bound. */
function criterion({ decoderNatsPerToken, nelboPerToken }: Validation): number {
  return decoderNatsPerToken ?? nelboPerToken;
}

/** The state after a validation: best so far, patience. */
function afterValidation(state: TrainingState, validation: Validation, patience: number): TrainingState {
  if (state.best === null || criterion(validation) < criterion(state.best)) {
    return { ...state, best: { step: state.step, ...validation }, withoutImprovement: 0 };
  }
  const withoutImprovement = state.withoutImprovement + 1;
  const over = patience > 0 && withoutImprovement >= patience;
  return { ...state, withoutImprovement, finished: over ? "patience" : state.finished };
}

/** What is known of a step before its gradient is used. */
interface StepMade extends StepGradients {
  /** Of the whole batch. */
  readonly tokens: number;
  /** What the processes agreed on; one alone asks itself after the step. */
  readonly wishes: Wishes | undefined;
}

/** The gradient of a step's whole batch: of all its rows, or of this process's and everybody else's. */
async function stepMade(
  { model, processes }: LoopParts,
  batch: StepBatch,
  detailed: boolean,
  { before, hooks }: { readonly before: TrainingState; readonly hooks: LoopHooks },
): Promise<StepMade> {
  if (!processes) {
    const tokens = batch.texts.reduce((sum, text) => sum + text.tokensCounted, 0);
    return { ...stepGradients(model, batch, detailed), tokens, wishes: undefined };
  }
  const wishes = { stop: hooks.stopRequested(), checkpoint: hooks.checkpointRequested() };
  try {
    return await processes.stepGradients(model, batch, detailed, wishes);
  } catch (error) {
    // A gradient that is lost on its way has changed nothing: the parameters are still those after the step before.
    if (error instanceof PeerError) hooks.saveCheckpoint(before);
    throw error;
  }
}

/** The rows of a step's batch that this process computes. */
function ownBatch({ model, set, processes }: LoopParts, indices: readonly number[], step: number): StepBatch {
  if (!processes) return stepBatchOf(set, indices, step);
  const weight = indices.reduce((sum, index) => sum + set.weights[index], 0);
  return { ...stepBatchOf(set, processes.share(indices), step), divisor: divisorFor(model, weight) };
}

/** @throws UsageError where some process would have no text. */
function refuseIdle({ model, set, processes }: LoopParts): void {
  const texts = Math.min(set.size, model.config.train.batchSize);
  if (!processes || processes.size <= texts) return;
  throw new UsageError(
    `${processes.size} processes cannot share a batch of ${texts} texts (train.batchSize is that of all processes together): take fewer processes or a larger batch`,
  );
}

/**
 * Trains from `state` on until `train.maxSteps`, until no validation was better for `train.patience` in a row, or until
 * asked to stop. Everything random is keyed by the step, so the numbers do not depend on where a run was interrupted.
 * Yields to the event loop after every step.
 *
 * Several processes share each batch and each validation; where one of them is lost, the state after the last whole step
 * is saved.
 *
 * @returns the state at the end, which has been saved
 * @throws NonFiniteError where loss or gradient are not finite; RiverrunError where a validation is below the noise
 *   floor; PeerError where another process is lost
 */
export async function trainLoop(parts: LoopParts, start: TrainingState, hooks: LoopHooks): Promise<TrainingState> {
  refuseIdle(parts);
  const { model, optimiser, average, set, heldOut, processes } = parts;
  const { train, seed } = model.config;
  const sequence = sequenceOf(model, set);
  let state = start;
  let secondsSinceLog = 0;
  let tokensSinceLog = 0;
  while (state.finished === null) {
    const began = performance.now();
    const step = state.step + 1;
    const { epoch, indices } = sequence.at(step);
    const batch = ownBatch(parts, indices, step);
    const logged = step === 1 || step % train.logEvery === 0 || step === train.maxSteps;
    const { loss, gradients, figures, tokens, wishes } = await stepMade(parts, batch, logged, {
      before: state,
      hooks,
    });
    const learningRate = learningRateAt(train, step);
    let gradientNorm: number;
    try {
      gradientNorm = clipGradientNorm(gradients, train.clipNorm);
      if (!Number.isFinite(loss) || !Number.isFinite(gradientNorm)) throw explainNonFinite(model, batch, gradients);
      optimiser.step(gradients, learningRate);
    } finally {
      for (const gradient of gradients) gradient.dispose();
    }
    average?.update();
    const seconds = (performance.now() - began) / 1000;
    state = {
      ...state,
      step,
      seconds: state.seconds + seconds,
      finished: step >= train.maxSteps ? "maxSteps" : null,
    };
    secondsSinceLog += seconds;
    tokensSinceLog += tokens;
    const clock = { step, epoch, seconds: state.seconds };
    hooks.onStep({
      ...clock,
      maxSteps: train.maxSteps,
      loss,
      lossName: lossNameOf(model),
      gradientNorm,
      learningRate,
      tokensPerSecond: tokensSinceLog / secondsSinceLog,
      figures,
    });
    if (logged) {
      secondsSinceLog = 0;
      tokensSinceLog = 0;
    }
    if (step % train.validateEvery === 0 || state.finished) {
      const own = processes ? processes.share(heldOut) : heldOut;
      const scores = withAverages(average, () => scoreHeldOut(model, own, seed));
      const all = processes ? await processes.allScores(scores, heldOut.length) : scores;
      const validation = validationOf(model, heldOut, all);
      state = afterValidation(state, validation, train.patience);
      const improved = state.best?.step === step;
      hooks.onValidation({ ...clock, ...validation, improved });
      if (improved) withAverages(average, () => hooks.saveBest());
    }
    await new Promise(setImmediate);
    const stop = wishes ? wishes.stop : hooks.stopRequested();
    const asked = wishes ? wishes.checkpoint : hooks.checkpointRequested();
    if (stop !== undefined) hooks.stopAgreed(stop);
    if (step % train.checkpointEvery === 0 || state.finished || stop !== undefined || asked) {
      hooks.saveCheckpoint(state);
    }
    if (stop !== undefined) break;
  }
  return state;
}
