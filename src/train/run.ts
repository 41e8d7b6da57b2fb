/** What one training works with while it runs. */
import type { Config, TextFlow } from "../flow/index.ts";
import type { TrainingState } from "./checkpoint.ts";
import type { LoopParts } from "./loop.ts";
import type { TrainOptions, TrainResult } from "./options.ts";
import type { Processes } from "./processes.ts";
import { type StopSignal, signalExitCodes } from "./signals.ts";
import type { TrainingTexts } from "./trainingTexts.ts";

/** What a training is asked for meanwhile, and who shares it. */
export interface RunControl {
  readonly log: (message: string) => void;
  readonly stopRequested: () => string | undefined;
  /** From now on the answer of `stopRequested`: what all processes agreed on. */
  readonly agreeToStop: (by: string) => void;
  readonly checkpointRequested: () => boolean;
  readonly processes: Processes | undefined;
}

/** Everything that one training works with. */
export interface Run extends RunControl {
  readonly options: TrainOptions;
  readonly config: Config;
  /** The folder of the flow that an attention decoder stands on. */
  readonly flow: string | undefined;
  readonly split: TrainingTexts;
}

/** Tensors and state to start or go on from. */
export interface Start extends LoopParts {
  readonly state: TrainingState;
}

/** Frees what is no part of a result. */
export function free({ model, optimiser, average }: Start): void {
  for (const part of [model, optimiser, average]) part?.dispose();
}

/** How a training ended, by the state it ended in. */
export function resultOf(run: RunControl, model: TextFlow, { heldOut }: Start, state: TrainingState): TrainResult {
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
