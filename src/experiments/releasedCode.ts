/**
 * Att-S and Att-C trained and counted as the paper's released code does it. Not a density: its layout scores the whole
 * output of block 1 under a prior of its own and passes all of it on, so that log p counts block 1 twice; its "bits per
 * dimension" divide the nats of all T positions by the channels of one.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { makeDirectory, writeFileAtomic } from "../base/atomicFile.ts";
import { messageOf, RiverrunError, UsageError } from "../base/errors.ts";
import { hashSeed } from "../base/random.ts";
import {
  type Config,
  FinalPrior,
  type FlowContext,
  noiseFloor,
  noiseLogDensity,
  type PreparedText,
  standardNormalLogDensity,
  type TextBatch,
  TextFlow,
} from "../flow/index.ts";
import { overBatches } from "../generate/batches.ts";
import { InitContext, Module } from "../nn/index.ts";
import { readVectors, tableFor } from "../text/vectors.ts";
import { Generator, scope, type Tensor } from "../torch/index.ts";
import { BatchSequence } from "../train/index.ts";
import { chooseTexts, type ExperimentData } from "./data.ts";
import { forgetCheckpoint, trainPlain } from "./plainTraining.ts";
import { flowConfig, rowNamed } from "./rows.ts";
import { keyOf, type RunEnvironment } from "./runs.ts";
import type { SharedParts } from "./shared.ts";

const figuresSchema = z.strictObject({
  key: z.string(),
  model: z.enum(["paper-att-s", "paper-att-c"]),
  data: z.string(),
  seed: z.int().min(0),
  steps: z.int().min(0),
  seconds: z.number().min(0),
  parameters: z.int().positive(),
  /** The code's figure: (-log p - log p_0(block 1)) / (D ln 2), mean over texts; its validation adds no log2 d. */
  releasedCode: z.number(),
  /** Of the same model with block 1 counted once, by the code's own divisor. */
  countedOnce: z.number(),
  /** What the second count of block 1 takes away, by the code's divisor. */
  doubleCount: z.number(),
  /** Below this, T floor, no density's mean can be, by the code's divisor. */
  floor: z.number(),
  /** -log p / (T D ln 2) of the same model, counted once. */
  bitsPerDim: z.number(),
  /** log q + -log p of the same model over tokens, counted once: nats per token above the noise. */
  excessOverFloorNatsPerToken: z.number(),
});

/** Figures of one such model on the reported texts. */
export type ReleasedCodeFigures = z.infer<typeof figuresSchema>;

/** The flow in layout `wide` and the code's prior of block 1: one mean and deviation a channel. */
class ReleasedCode extends Module {
  readonly flow: TextFlow;
  readonly #prior: FinalPrior;

  constructor(flow: TextFlow) {
    super();
    this.flow = this.child("flow", flow);
    const generator = new Generator(flow.config.seed);
    const init = new InitContext({ generator, dtype: flow.dtype, device: flow.device });
    this.#prior = this.child("prior", new FinalPrior(init, flow.config.data.dimensions, "latent 0"));
    generator.dispose();
  }

  /** log p(x~) and log p_0 of block 1's output of each row, (B), float64, nats. */
  logDensities(batch: TextBatch, noise: Tensor): { readonly logDensity: Tensor; readonly again: Tensor } {
    const last = `level 1 / step ${this.flow.config.flow.steps} / `;
    let first: { values: Tensor; context: FlowContext } | undefined;
    const context = batch.context.with({
      trace: (where, values, at) => {
        if (where.startsWith(last)) first = { values, context: at };
      },
    });
    const { y, logDet } = this.flow.flow.encode(this.flow.points(batch, noise), context);
    if (!first) throw new RiverrunError("internal: block 1 of the flow was not seen");
    const white = this.#prior.encode(first.values, first.context);
    return {
      logDensity: standardNormalLogDensity(y, context).add(logDet),
      again: standardNormalLogDensity(white.y, first.context).add(white.logDet),
    };
  }
}

/** Sums over texts, nats. */
interface Sums {
  readonly density: number;
  readonly again: number;
  readonly noise: number;
}

function score(model: ReleasedCode, texts: readonly PreparedText[], seed: number): Sums {
  const { flow } = model;
  const rows = overBatches(flow, texts, 32, (batch): Sums[] => {
    const noise = flow.drawNoise(
      batch,
      batch.texts.map(({ ids }) => hashSeed(seed, "evaluation", ids)),
    );
    const { logDensity, again } = model.logDensities(batch, noise);
    const logNoise = noiseLogDensity(noise, flow.config.data.sigma, batch.context);
    const columns = [logDensity, again, logNoise].map((column) => column.toNumbers());
    return batch.texts.map((_, row) => ({ density: columns[0][row], again: columns[1][row], noise: columns[2][row] }));
  });
  return rows.reduce(
    (sum, row) => ({
      density: sum.density + row.density,
      again: sum.again + row.again,
      noise: sum.noise + row.noise,
    }),
    { density: 0, again: 0, noise: 0 },
  );
}

async function build(config: Config, shared: SharedParts, device: string): Promise<ReleasedCode> {
  const vectors = await readVectors(shared.vectors, { only: new Set(shared.vocabulary.tokens) });
  const { table } = tableFor(shared.vocabulary, vectors, config.seed);
  return new ReleasedCode(TextFlow.build({ config, vocabulary: shared.vocabulary, table, device }));
}

/** Sets ActNorm from the first batch, as the flows' own training does. */
function initialise({ flow }: ReleasedCode, texts: readonly PreparedText[]): void {
  const { seed, train } = flow.config;
  const sequence = new BatchSequence(
    texts.map(({ positions }) => positions),
    { seed, batchSize: train.batchSize, bucket: train.bucket },
  );
  const { indices } = sequence.at(1);
  scope(() => {
    const batch = flow.batch(indices.map((index) => texts[index]));
    const seeds = indices.map((index) => hashSeed(seed, "noise", 0, index));
    flow.initialise(batch, flow.drawNoise(batch, seeds));
  });
}

/** The figures of a finished training; undefined where there are none. @throws UsageError where they are of another. */
function readFigures(path: string, key: string): ReleasedCodeFigures | undefined {
  if (!existsSync(path)) return undefined;
  let figures: ReleasedCodeFigures;
  try {
    figures = figuresSchema.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch (error) {
    throw new UsageError(`${path} is damaged (${messageOf(error)}): remove it to train this again`);
  }
  if (figures.key === key) return figures;
  throw new UsageError(`${path} was made from other data or with another configuration: give another --out`);
}

/** The rows that it has. */
export const releasedRows = ["paper-att-s", "paper-att-c"] as const;

/** One such training. */
interface ReleasedJob {
  readonly data: ExperimentData;
  readonly seed: number;
  readonly out: string;
}

/** Configuration, folder and key of such a training. */
function detailsOf(
  name: ReleasedCodeFigures["model"],
  { data, seed, out }: ReleasedJob,
  { scale }: RunEnvironment,
): { readonly config: Config; readonly key: string; readonly folder: string; readonly path: string } {
  const row = rowNamed(name);
  if (row.kind !== "flow") throw new RiverrunError(`internal: ${name} is a flow`);
  const base = flowConfig(row, scale, data, seed);
  const config: Config = { ...base, flow: { ...base.flow, layout: "wide" } };
  const folder = join(out, "runs", data.name, `${name}-as-released`, `seed-${seed}`);
  return { config, key: keyOf("released code", data.fingerprint, config), folder, path: join(folder, "figures.json") };
}

/**
 * The figures of a finished training; undefined where it is not.
 *
 * @throws UsageError where the folder's figures are damaged or of another training
 */
export function finishedReleasedCode(
  name: ReleasedCodeFigures["model"],
  job: ReleasedJob,
  environment: RunEnvironment,
): ReleasedCodeFigures | undefined {
  const { path, key } = detailsOf(name, job, environment);
  return readFigures(path, key);
}

/**
 * Trains one of the two and counts it; read where it is finished.
 *
 * @throws StoppedError where it is asked to stop; UsageError where the folder holds another training's work
 */
export async function runReleasedCode(
  name: ReleasedCodeFigures["model"],
  job: ReleasedJob,
  shared: SharedParts,
  environment: RunEnvironment,
): Promise<ReleasedCodeFigures> {
  const { data, seed } = job;
  const { config, key, folder: out, path } = detailsOf(name, job, environment);
  const jobName = `${name} as released, on ${data.name}, seed ${seed}`;
  const found = readFigures(path, key);
  environment.log(`${jobName}${found ? ": finished before" : ""}`);
  if (found) return found;
  makeDirectory(out);
  const model = await build(config, shared, environment.device);
  try {
    const { flow } = model;
    const training = data.training.map((text) => flow.prepare(text));
    const held = chooseTexts(data.validation, config.train.validationTexts).map((text) => flow.prepare(text));
    const report = data.report.map((text) => flow.prepare(text));
    const { dimensions, positions, sigma } = config.data;
    const perText = dimensions * Math.LN2;
    initialise(model, training);
    const { step, seconds } = await trainPlain(
      {
        module: model,
        lengths: training.map((text) => text.positions),
        loss: (indices, at) => {
          const batch = flow.batch(indices.map((index) => training[index]));
          const noise = flow.drawNoise(
            batch,
            indices.map((index) => hashSeed(seed, "noise", at, index)),
          );
          const { logDensity, again } = model.logDensities(batch, noise);
          return logDensity
            .add(again)
            .sum()
            .neg()
            .div(indices.length * positions * perText);
        },
        validate: () => {
          const { density, again } = score(model, held, seed);
          return -(density + again) / (held.length * perText);
        },
      },
      {
        train: config.train,
        seed,
        out,
        key,
        name: jobName,
        stopRequested: environment.stopRequested,
        log: (message) => environment.log(`  ${message}`),
        onStep: (at) => environment.onStep?.(jobName, at, config.train.maxSteps),
      },
    );
    const { density, again, noise } = score(model, report, seed);
    const tokens = report.reduce((sum, text) => sum + text.tokensCounted, 0);
    const figures: ReleasedCodeFigures = {
      key,
      model: name,
      data: data.name,
      seed,
      steps: step,
      seconds,
      parameters: model.parameterCount(),
      releasedCode: -(density + again) / (report.length * perText),
      countedOnce: -density / (report.length * perText),
      doubleCount: -again / (report.length * perText),
      floor: noiseFloor(sigma) * positions,
      bitsPerDim: -density / (report.length * positions * perText),
      excessOverFloorNatsPerToken: (noise - density) / tokens,
    };
    writeFileAtomic(path, `${JSON.stringify(figures, null, 2)}\n`);
    forgetCheckpoint(out);
    return figures;
  } finally {
    model.dispose();
  }
}
