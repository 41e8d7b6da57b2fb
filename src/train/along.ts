/** A training in several processes: one leads, the others are told what each stage starts from and follow. */
import { UsageError } from "../base/errors.ts";
import { silentHooks } from "./hooks.ts";
import { optimiserOf, trainLoop } from "./loop.ts";
import { openingFrom, openingText } from "./opening.ts";
import { InterruptedError, type TrainOptions, type TrainResult } from "./options.ts";
import type { Processes } from "./processes.ts";
import { type RunControl, resultOf, type Start } from "./run.ts";
import { averageOf } from "./start.ts";
import { fingerprintOf, TrainingSet, trainingTexts } from "./trainingTexts.ts";
import { chooseHeldOut } from "./validation.ts";

/** Hands what a stage starts from to the other processes. */
export async function lead(start: Start, stage: number, isLast: boolean): Promise<void> {
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
export async function trainAlong(
  options: TrainOptions,
  control: RunControl,
  processes: Processes,
): Promise<TrainResult> {
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
