/** The training that is run in one process and in several. */
import { builtinCorpus } from "../../src/corpora/index.ts";
import { presetConfig } from "../../src/flow/index.ts";
import { precisions } from "../../src/nn/index.ts";
import { setThreads } from "../../src/torch/index.ts";
import type { TrainOptions } from "../../src/train/index.ts";

setThreads(1);

/** 8 channels, 8 positions; dropout, averages, two passes a step, batches of like lengths whose halves are no even number. */
export function tinyOptions(out: string, maxSteps: number, precisionName: string, validateEvery: number): TrainOptions {
  const tiny = presetConfig("tiny");
  const precision = precisions.find((name) => name === precisionName);
  return {
    config: {
      ...tiny,
      seed: 7,
      data: { ...tiny.data, dimensions: 8, positions: 8 },
      vectors: { ...tiny.vectors, iterations: 2 },
      flow: { ...tiny.flow, levels: 2, steps: 1, hidden: 8, heads: 2, dropout: 0.1 },
      train: {
        ...tiny.train,
        ...{ maxSteps, batchSize: 10, bucket: 4, accumulate: 2, warmupSteps: 2, ema: 0.5, clipNorm: 1 },
        ...{ validateEvery, checkpointEvery: 3, logEvery: 2, validationTexts: 21, schedule: "constant" },
      },
    },
    texts: builtinCorpus({ sentences: 120 }).sentences.slice(0, 120),
    out,
    precision,
  };
}
