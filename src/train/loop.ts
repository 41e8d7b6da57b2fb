/** The loop: one step after the other, and what happens between them. */
import type { PreparedText, TextFlow, TrainConfig } from "../flow/index.ts";
import { Adam, clipGradientNorm, type MovingAverage, type Optimiser, SGD, scheduleFactor } from "../nn/index.ts";
import { BatchSequence } from "./batches.ts";
import type { TrainingState } from "./checkpoint.ts";
import { type LossName, lossNameOf, type StepBatch, type StepFigures, stepGradients } from "./gradients.ts";
import { explainNonFinite } from "./nanGuard.ts";
import type { TrainingSet } from "./trainingTexts.ts";
import { type Validation, validate } from "./validation.ts";

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
  /** Asked after every step: write a checkpoint and stop? */
  stopRequested(): boolean;
}

/** What the loop works on. */
export interface LoopParts {
  readonly model: TextFlow;
  readonly optimiser: Optimiser;
  readonly average: MovingAverage | undefined;
  readonly set: TrainingSet;
  readonly heldOut: readonly PreparedText[];
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

/**
 * Trains from `state` on until `train.maxSteps`, until no validation was better for `train.patience` in a row, or until
 * asked to stop. Everything random is keyed by the step, so the numbers do not depend on where a run was interrupted.
 * Yields to the event loop after every step.
 *
 * @returns the state at the end, which has been saved
 * @throws NonFiniteError where loss or gradient are not finite; RiverrunError where a validation is below the noise floor
 */
export async function trainLoop(parts: LoopParts, start: TrainingState, hooks: LoopHooks): Promise<TrainingState> {
  const { model, optimiser, average, set, heldOut } = parts;
  const { train, seed } = model.config;
  const sequence = sequenceOf(model, set);
  let state = start;
  let secondsSinceLog = 0;
  let tokensSinceLog = 0;
  while (state.finished === null) {
    const began = performance.now();
    const step = state.step + 1;
    const { epoch, indices } = sequence.at(step);
    const batch = stepBatchOf(set, indices, step);
    const logged = step === 1 || step % train.logEvery === 0 || step === train.maxSteps;
    const { loss, gradients, figures } = stepGradients(model, batch, logged);
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
    tokensSinceLog += batch.texts.reduce((sum, text) => sum + text.tokensCounted, 0);
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
      const checked = state;
      state = withAverages(average, () => {
        const validation = validate(model, heldOut, seed);
        const next = afterValidation(checked, validation, train.patience);
        const improved = next.best?.step === step;
        hooks.onValidation({ ...clock, ...validation, improved });
        if (improved) hooks.saveBest();
        return next;
      });
    }
    await new Promise(setImmediate);
    const stop = hooks.stopRequested();
    const asked = hooks.checkpointRequested();
    if (step % train.checkpointEvery === 0 || state.finished || stop || asked) {
      hooks.saveCheckpoint(state);
    }
    if (stop) break;
  }
  return state;
}
