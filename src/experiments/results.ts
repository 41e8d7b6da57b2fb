/** The result of one training: a row, a data set, a seed. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { writeFileAtomic } from "../base/atomicFile.ts";
import { messageOf, UsageError } from "../base/errors.ts";

const resultSchema = z.strictObject({
  format: z.literal(1),
  /** Hash of everything that decides the result: configuration, data, scale. */
  key: z.string(),
  model: z.string(),
  data: z.string(),
  seed: z.int().min(0),
  /** Preset of a flow; null for language models. */
  preset: z.string().nullable(),
  parameters: z.int().min(0),
  steps: z.int().min(0),
  bestStep: z.int().min(0),
  /** Seconds of training steps, over all sittings, and of scoring the reported texts. */
  seconds: z.number().min(0),
  /** What the processor spent on all of it, vectors read and texts cut too; null for a training in several sittings. */
  processorSeconds: z.number().min(0).nullable(),
  /** Nats per token on the texts that choose the step, by step. */
  validations: z.array(z.strictObject({ step: z.int().positive(), value: z.number() })),
  device: z.string(),
  threads: z.int().positive(),
  machine: z.string(),
  versions: z.record(z.string(), z.string()),
  /** Nats of each reported text: the bound of a flow, -log P of a language model. */
  nats: z.array(z.number()),
  /** Words and `<eos>` of each. */
  tokens: z.array(z.int().positive()),
  /** What only a flow has: sums over the reported texts. */
  density: z
    .strictObject({
      /** -log p(x~), nats. */
      negLogDensity: z.number(),
      /** -log p(x~) + log q(x~ | w), the density's cost above that of the drawn noise, nats. */
      excess: z.number(),
      /** -log p(N), nats. */
      length: z.number(),
      /** -sum log p(w_t | x~_t), nats. */
      decoding: z.number(),
      /** Counted positions times D. */
      dimensions: z.number(),
      bitsPerDim: z.number(),
      bitsPerDimError: z.number(),
      bitsPerDimPaper: z.number(),
      floorBitsPerDim: z.number(),
      sigma: z.number(),
    })
    .nullable(),
});

/** A finished training's figures. */
export type RunResult = z.infer<typeof resultSchema>;
export type FlowFigures = NonNullable<RunResult["density"]>;

const fileName = "result.json";

/** Nats per token over all reported texts. */
export function natsPerToken({ nats, tokens }: Pick<RunResult, "nats" | "tokens">): number {
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
  return sum(nats) / sum(tokens);
}

/** Writes a result; from then on the training is finished. */
export function writeResult(folder: string, result: RunResult): void {
  writeFileAtomic(join(folder, fileName), `${JSON.stringify(resultSchema.parse(result))}\n`);
}

/**
 * The result that a folder holds; undefined where the training is not finished.
 *
 * @throws UsageError where it is damaged, or made from other data, sizes or steps than `key` says.
 */
export function readResult(folder: string, key: string): RunResult | undefined {
  const path = join(folder, fileName);
  if (!existsSync(path)) return undefined;
  let result: RunResult;
  try {
    result = resultSchema.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch (error) {
    const what = error instanceof z.ZodError ? z.prettifyError(error).replaceAll("\n", " ") : messageOf(error);
    throw new UsageError(`${path} is damaged (${what}): remove it to train this row again`);
  }
  if (result.key !== key) {
    throw new UsageError(
      `${path} was made from other data or with another configuration: give another --out, or remove it to train this row again`,
    );
  }
  return result;
}
