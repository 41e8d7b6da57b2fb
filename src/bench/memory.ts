/** What a training step of a preset takes: peak memory of a process that does nothing else, and time. */

import { median } from "../base/median.ts";
import { type Config, presetConfig, TextFlow } from "../flow/index.ts";
import { Adam, AdamW, type Optimiser, SGD } from "../nn/index.ts";
import { Vocabulary } from "../text/vocabulary.ts";
import { getThreads, scope } from "../torch/index.ts";
import { stepGradients } from "../train/gradients.ts";
import { randomTable, wordNames } from "./words.ts";

/** What to measure. Defaults: preset small, its batch, 5,000 words, three steps, the preset's `train.recompute`. */
export interface MemoryOptions {
  readonly preset?: string;
  readonly recompute?: boolean;
  readonly batch?: number;
  readonly words?: number;
  readonly steps?: number;
}

/** What was measured; megabytes are 2^20 bytes. */
export interface MemoryResult {
  readonly preset: string;
  readonly batch: number;
  readonly positions: number;
  readonly words: number;
  readonly parameters: number;
  readonly threads: number;
  /** Median of the steps after the first. */
  readonly stepMs: number;
  /** Weights, gradients and the optimiser's state: what no way of computing can do without. */
  readonly stateMb: number;
  /** Before the model was made: Node.js and libtorch. */
  readonly baseRssMb: number;
  readonly peakRssMb: number;
  /** (peakRssMb - baseRssMb) / stateMb. */
  readonly peakOverState: number;
}

function optimiserOf(model: TextFlow, { train }: Config): Optimiser {
  const parameters = model.trainableParameters();
  const { betas, weightDecay, momentum } = train;
  if (train.optimiser === "adam") return new Adam(parameters, { betas, weightDecay });
  if (train.optimiser === "adamw") return new AdamW(parameters, { betas, weightDecay });
  return new SGD(parameters, { momentum, weightDecay });
}

/**
 * Steps of a preset on random texts that fill all positions, in this process; `riverrun bench memory` runs it alone.
 *
 * @throws UsageError for an unknown preset
 */
export function benchMemory(given: MemoryOptions = {}): MemoryResult {
  const baseRssMb = process.resourceUsage().maxRSS / 1024;
  const preset = presetConfig(given.preset ?? "small");
  const recompute = given.recompute ?? preset.train.recompute;
  const config: Config = {
    ...preset,
    data: { ...preset.data, tokenizer: "riverrun-words", minCount: 1 },
    train: { ...preset.train, recompute },
  };
  const { positions, dimensions, maxVocabulary } = config.data;
  const count = Math.min(given.words ?? 5000, maxVocabulary);
  const batch = given.batch ?? config.train.batchSize;
  const steps = given.steps ?? 3;
  const words = wordNames(count);
  const vocabulary = Vocabulary.build([words]);
  const table = randomTable(vocabulary.size, dimensions);
  const model = TextFlow.build({ config, vocabulary, table, positionCounts: [positions] });
  const texts = Array.from({ length: batch }, (_, row) =>
    model.prepare(Array.from({ length: positions }, (_unused, t) => words[(row * 97 + t * 31) % count]).join(" ")),
  );
  const optimiser = optimiserOf(model, config);
  const indices = texts.map((_, index) => index);
  const milliseconds: number[] = [];
  for (let step = 1; step <= steps; step++) {
    const start = performance.now();
    scope(() => {
      const { gradients } = stepGradients(model, { step, indices, texts }, false);
      optimiser.step(gradients, config.train.learningRate);
      for (const gradient of gradients) gradient.dispose();
    });
    milliseconds.push(performance.now() - start);
  }
  const peakRssMb = process.resourceUsage().maxRSS / 1024;
  const parameters = model.parameterCount();
  const moments = config.train.optimiser === "sgd" ? 1 : 2;
  // A frozen flow, as of Language Flow+, has no gradients and no moments.
  const trained = [...model.trainableParameters().values()].reduce((sum, { numel }) => sum + numel, 0);
  const stateMb = (4 * (parameters + (1 + moments) * trained)) / 2 ** 20;
  optimiser.dispose();
  model.dispose();
  return {
    preset: config.preset,
    batch,
    positions,
    words: vocabulary.size,
    parameters,
    threads: getThreads(),
    stepMs: median(steps > 1 ? milliseconds.slice(1) : milliseconds),
    stateMb,
    baseRssMb,
    peakRssMb,
    peakOverState: (peakRssMb - baseRssMb) / stateMb,
  };
}
