/** Floor 7: report.html, what a training came to, for a reader. */
import { join } from "node:path";
import { writeFileAtomic } from "../base/atomicFile.ts";
import { findCheckpoint, readMetrics, type TrainResult } from "../train/index.ts";
import { type Findings, findingsOf } from "./findings.ts";
import { renderPage } from "./page.ts";

export { type Findings, type FindingsOptions, findingsOf, type Path, unigramEntropy } from "./findings.ts";

/** What a report was written from. */
export interface Report {
  readonly path: string;
  readonly findings: Findings;
}

function endOf({ reason, step, signal }: TrainResult): string {
  switch (reason) {
    case "maxSteps":
      return `Trained for all ${step} steps.`;
    case "patience":
      return `Trained for ${step} steps, until the held-out texts gained nothing more.`;
    case "interrupted":
      return `Interrupted after step ${step}${signal === undefined ? "" : ` by ${signal}`}; the training can be resumed.`;
    case "dryRun":
      return `A rehearsal of ${step} steps.`;
  }
}

/**
 * Writes `directory`/report.html from a training's result and the curves in its folder: figures, curves, samples,
 * interpolations, rewrites, reconstructions.
 *
 * @throws RiverrunError where it cannot be written.
 */
export function writeReport(directory: string, result: TrainResult): Report {
  const { model } = result;
  const findings = findingsOf(model, result.heldOut, { seed: model.config.seed });
  const state = findCheckpoint(directory)?.state;
  const path = join(directory, "report.html");
  const html = renderPage({
    config: model.config,
    rows: readMetrics(join(directory, "metrics.jsonl")),
    findings,
    validation: result.validation,
    words: model.vocabulary.size,
    parameters: result.parameters,
    step: result.step,
    bestStep: result.bestStep,
    end: endOf(result),
    seconds: result.seconds,
    threads: state?.threads,
    versions: state?.versions ?? {},
  });
  writeFileAtomic(path, html);
  return { path, findings };
}
