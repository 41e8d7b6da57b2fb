/** One row trained on one data set with one seed, in a folder of its own; skipped where it is finished. */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { makeDirectory } from "../base/atomicFile.ts";
import { hashSeed } from "../base/random.ts";
import { loadModel, type TextFlow } from "../flow/index.ts";
import { BigramModel, LanguageModel, languageModelNats, saveLanguageModel } from "../lm/index.ts";
import { numbersOf } from "../nn/index.ts";
import { Generator, getThreads } from "../torch/index.ts";
import { readMetrics, train } from "../train/index.ts";
import { versions } from "../train/versions.ts";
import { chooseTexts, type ExperimentData } from "./data.ts";
import { machine } from "./machine.ts";
import { forgetCheckpoint, trainPlain } from "./plainTraining.ts";
import { natsPerToken, type RunResult, readResult, writeResult } from "./results.ts";
import { flowConfig, languageModelConfig, type Row } from "./rows.ts";
import type { Scale } from "./scales.ts";
import { scoreFlow } from "./score.ts";
import { requireSharedIds, type SharedParts } from "./shared.ts";
import { StoppedError } from "./stopped.ts";

/** What every part of an experiment is told. */
export interface RunEnvironment {
  readonly scale: Scale;
  /** "cpu", "cuda", ...; resolved. */
  readonly device: string;
  /** Lines about what happens. */
  readonly log: (message: string) => void;
  /** Called after every training step. */
  readonly onStep?: (name: string, step: number, maxSteps: number) => void;
  readonly stopRequested: () => string | undefined;
}

/** One training. */
export interface Job {
  readonly row: Row;
  readonly data: ExperimentData;
  readonly seed: number;
  /** The experiment's folder. */
  readonly out: string;
}

/** The folder of a job: out/runs/DATA/ROW/seed-S. The tables share it, so that one table's models serve another. */
export function jobFolder({ row, data, seed, out }: Job): string {
  return join(out, "runs", data.name, row.name, `seed-${seed}`);
}

/** The folder of what a data set's rows share. */
export function sharedFolder(data: ExperimentData, out: string): string {
  return join(out, "runs", data.name, "shared");
}

/** Tells trainings apart. */
export function keyOf(...parts: readonly unknown[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 16);
}

function jobName({ row, data, seed }: Job): string {
  return `${row.name} on ${data.name}, seed ${seed}`;
}

/** What identifies a job's result. */
function jobKey({ row, data, seed }: Job, { scale }: RunEnvironment): string {
  const config = (): unknown => {
    if (row.kind === "flow") return flowConfig(row, scale, data, seed);
    return row.kind === "lm" ? languageModelConfig(row, scale, data, seed) : null;
  };
  const { minCount, maxVocabulary, vectorIterations } = scale;
  return keyOf(row.name, data.fingerprint, scale.name, { minCount, maxVocabulary, vectorIterations }, seed, config());
}

/**
 * The result of a finished job; undefined where it is not.
 *
 * @throws UsageError where the folder's result is damaged or of another job
 */
export function finishedJob(job: Job, environment: RunEnvironment): RunResult | undefined {
  return readResult(jobFolder(job), jobKey(job, environment));
}

type Figures = Pick<
  RunResult,
  "preset" | "parameters" | "steps" | "bestStep" | "seconds" | "validations" | "nats" | "tokens" | "density"
>;

async function timed<Result>(body: () => Result | Promise<Result>): Promise<{ result: Result; seconds: number }> {
  const began = performance.now();
  const result = await body();
  return { result, seconds: (performance.now() - began) / 1000 };
}

async function runFlow(
  job: Job & { row: Row & { kind: "flow" } },
  shared: SharedParts,
  environment: RunEnvironment,
): Promise<Figures> {
  const { row, data, seed } = job;
  const { device, log, stopRequested, onStep } = environment;
  const out = jobFolder(job);
  const result = await train({
    config: flowConfig(row, environment.scale, data, seed),
    texts: data.training,
    validation: data.validation,
    out,
    resume: true,
    vectors: shared.vectors,
    device,
    log: (message) => log(`  ${message}`),
    onEveryStep: (report) => onStep?.(jobName(job), report.step, report.maxSteps),
    interrupted: stopRequested,
  });
  const { model } = result;
  try {
    if (!result.finished) throw new StoppedError(result.signal ?? "SIGINT", jobName(job));
    const texts = data.report.map((text) => model.prepare(text));
    for (const text of texts) requireSharedIds(text, shared.idsOf(text.text), row.name);
    const { result: figures, seconds } = await timed(() => scoreFlow(model, texts, seed));
    const validations = readMetrics(join(out, "metrics.jsonl")).flatMap(({ split, step, nelboPerToken }) =>
      split === "validation" && typeof nelboPerToken === "number" ? [{ step, value: nelboPerToken }] : [],
    );
    return {
      preset: row.preset,
      parameters: model.parameterCount(),
      steps: result.step,
      bestStep: result.bestStep ?? result.step,
      seconds: result.seconds + seconds,
      validations,
      ...figures,
    };
  } finally {
    model.dispose();
  }
}

async function runLanguageModel(
  job: Job & { row: Row & { kind: "lm" } },
  shared: SharedParts,
  environment: RunEnvironment,
): Promise<Figures> {
  const { row, data, seed } = job;
  const { scale, device, stopRequested, onStep } = environment;
  const config = languageModelConfig(row, scale, data, seed);
  const [training, validation, report] = [data.training, data.validation, data.report].map((texts) =>
    texts.map((text) => shared.idsOf(text)),
  );
  const held = chooseTexts(validation, config.train.validationTexts);
  const model = new LanguageModel(config.model, shared.vocabulary, { device, ...numbersOf(config.train.precision) });
  const out = jobFolder(job);
  try {
    const { step, bestStep, seconds, validations } = await trainPlain(
      {
        module: model,
        lengths: training.map((ids) => ids.length),
        loss: (indices, at) => {
          const texts = indices.map((index) => training[index]);
          const tokens = texts.reduce((sum, ids) => sum + ids.length, 0);
          if (config.model.dropout === 0) return model.negLogLikelihood(texts).sum().div(tokens);
          const streams = indices.map((index) => new Generator(hashSeed(seed, "dropout", at, index), device));
          try {
            return model.negLogLikelihood(texts, streams).sum().div(tokens);
          } finally {
            for (const stream of streams) stream.dispose();
          }
        },
        validate: () => natsPerToken({ nats: languageModelNats(model, held), tokens: held.map((ids) => ids.length) }),
      },
      {
        train: config.train,
        seed,
        out,
        key: jobKey(job, environment),
        name: jobName(job),
        stopRequested,
        log: (message) => environment.log(`  ${message}`),
        onStep: (at) => onStep?.(jobName(job), at, config.train.maxSteps),
      },
    );
    saveLanguageModel(model, out);
    const { result: nats, seconds: scoring } = await timed(() => languageModelNats(model, report));
    return {
      preset: null,
      parameters: model.parameterCount(),
      steps: step,
      bestStep,
      seconds: seconds + scoring,
      validations: [...validations],
      nats,
      tokens: report.map((ids) => ids.length),
      density: null,
    };
  } finally {
    model.dispose();
  }
}

async function runBigram({ data }: Job, shared: SharedParts): Promise<Figures> {
  const { result, seconds } = await timed(() => {
    const model = new BigramModel(
      data.training.map((text) => shared.idsOf(text)),
      shared.vocabulary.size,
    );
    const report = data.report.map((text) => shared.idsOf(text));
    return {
      parameters: model.parameters,
      nats: report.map((ids) => model.nats(ids)),
      tokens: report.map((ids) => ids.length),
    };
  });
  return { preset: null, steps: 0, bestStep: 0, seconds, validations: [], density: null, ...result };
}

/**
 * The result of a job: read where it is finished, else trained, from where it was left.
 *
 * @throws StoppedError where it is asked to stop; UsageError where the folder holds another job's work.
 */
export async function runJob(job: Job, shared: SharedParts, environment: RunEnvironment): Promise<RunResult> {
  const folder = jobFolder(job);
  const found = finishedJob(job, environment);
  if (found) {
    environment.log(`${jobName(job)}: finished before, ${natsPerToken(found).toFixed(3)} nats per token`);
    return found;
  }
  environment.log(`${jobName(job)}`);
  // Of a training in several sittings the processor's time is not known.
  const atOnce = !existsSync(folder);
  makeDirectory(folder);
  const { row } = job;
  const before = process.cpuUsage();
  let figures: Figures;
  if (row.kind === "flow") figures = await runFlow({ ...job, row }, shared, environment);
  else if (row.kind === "lm") figures = await runLanguageModel({ ...job, row }, shared, environment);
  else figures = await runBigram(job, shared);
  const { user, system } = process.cpuUsage(before);
  const result: RunResult = {
    format: 1,
    key: jobKey(job, environment),
    model: row.name,
    data: job.data.name,
    seed: job.seed,
    device: environment.device,
    threads: getThreads(),
    machine: machine(),
    versions: versions(),
    processorSeconds: atOnce ? (user + system) / 1e6 : null,
    ...figures,
  };
  writeResult(folder, result);
  forgetCheckpoint(folder);
  environment.log(
    `${jobName(job)}: ${natsPerToken(result).toFixed(3)} nats per token, ${result.seconds.toFixed(0)} s of training and scoring`,
  );
  return result;
}

/** The trained flow of a job, trained where it is not finished. @throws StoppedError, UsageError */
export async function flowOf(
  job: Job & { row: Row & { kind: "flow" } },
  shared: SharedParts,
  environment: RunEnvironment,
): Promise<TextFlow> {
  await runJob(job, shared, environment);
  return loadModel(jobFolder(job), { device: environment.device });
}
