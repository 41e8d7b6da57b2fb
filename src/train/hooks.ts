/** What a training does with what its loop reports: nothing, lines, or files too. */
import { join } from "node:path";
import { messageOf, RiverrunError, UsageError } from "../base/errors.ts";
import { modelFiles, saveModel } from "../flow/index.ts";
import { refuseNonFinite, saveCheckpoint } from "./checkpoint.ts";
import { type LoopHooks, type ValidationReport, withAverages } from "./loop.ts";
import { MetricsLog, type MetricsRow } from "./metricsLog.ts";
import type { Run, RunControl, Start } from "./run.ts";
import { EventLog } from "./tensorboard/eventLog.ts";

/** What cannot be written ends the training as a checkpoint that cannot be written does; what is no file needs no room. */
function writing<Result>(what: string, body: () => Result): Result {
  try {
    return body();
  } catch (error) {
    if (error instanceof UsageError) throw error;
    const why = error instanceof RiverrunError ? error.message : `cannot write ${what}: ${messageOf(error)}`;
    throw new RiverrunError(
      `${why}; the last checkpoint is whole. Make room or choose another disk, then go on with --resume`,
      { cause: error },
    );
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
export function silentHooks(run: RunControl): LoopHooks {
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
export function reportingHooks(run: Run): LoopHooks {
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
export function writingHooks(run: Run, { model, optimiser, average, state: before }: Start, out: string): LoopHooks {
  const reporting = reportingHooks(run);
  const path = join(out, "metrics.jsonl");
  const metrics = writing(path, () => new MetricsLog(path, before.step));
  const events = writing("TensorBoard events", () => new EventLog(out, before.step));
  const record = (row: MetricsRow): void => {
    writing(path, () => metrics.append(row));
    writing("TensorBoard events", () => events.append(row));
  };
  const saveModelNow = (): void => writing(join(out, modelFiles.tensors), () => saveModel(model, out));
  let at = before.step;
  return {
    ...reporting,
    onStep: (report) => {
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
      saveModelNow();
    },
    saveCheckpoint: (state) => {
      saveCheckpoint(out, state, { model, optimiser, average });
      // Before the first validation the folder holds the model so far, so that it can be loaded at any time.
      if (state.best === null) withAverages(average, saveModelNow);
      run.options.onCheckpoint?.(state.step);
    },
  };
}
