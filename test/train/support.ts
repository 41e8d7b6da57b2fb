/** Tools of the training tests: a flow small enough to train in a second. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { builtinCorpus } from "../../src/corpora/index.ts";
import { type Config, presetConfig, TextFlow } from "../../src/flow/index.ts";
import { tokenizerByName } from "../../src/text/tokenizer-names.ts";
import { Vocabulary } from "../../src/text/vocabulary.ts";
import { setThreads } from "../../src/torch/index.ts";

export { scratch } from "../folders.ts";

setThreads(1);

/** 8 channels, 8 positions, two blocks of one step; trains in milliseconds a step. */
export function microConfig(train: Partial<Config["train"]> = {}, flow: Partial<Config["flow"]> = {}): Config {
  const tiny = presetConfig("tiny");
  return {
    ...tiny,
    seed: 7,
    data: { ...tiny.data, dimensions: 8, positions: 8 },
    vectors: { ...tiny.vectors, iterations: 3 },
    flow: { ...tiny.flow, levels: 2, steps: 1, hidden: 8, heads: 2, dropout: 0.1, ...flow },
    train: {
      ...tiny.train,
      maxSteps: 10,
      batchSize: 8,
      bucket: 4,
      accumulate: 2,
      warmupSteps: 2,
      ema: 0.5,
      validateEvery: 4,
      checkpointEvery: 3,
      logEvery: 2,
      validationTexts: 20,
      ...train,
    },
  };
}

export const texts = builtinCorpus({ sentences: 120 }).sentences.slice(0, 120);

/** A model with random word vectors, not trained. */
export function microModel(config = microConfig()): TextFlow {
  const tokenizer = tokenizerByName(config.data.tokenizer);
  const vocabulary = Vocabulary.build(texts.map((text) => tokenizer.tokenize(text)));
  const table = Float32Array.from({ length: vocabulary.size * config.data.dimensions }, (_, index) =>
    Math.sin(index * index + 1),
  );
  return TextFlow.build({ config, vocabulary, table, positionCounts: [4, 6, 8] });
}

/** The rows of a run's metrics.jsonl without what the clock and the memory say. */
export function metricsOf(out: string): unknown[] {
  const lines = readFileSync(join(out, "metrics.jsonl"), "utf8").trim().split("\n");
  return lines.map((line) => {
    const { wall: _, tokensPerSecond: __, rssMb: ___, ...row } = JSON.parse(line) as Record<string, unknown>;
    return row;
  });
}

/** Whether two runs made the same model and the same figures, to the last bit. */
export function sameRun(one: string, other: string): boolean {
  const bytes = (out: string): Buffer => readFileSync(join(out, "model.safetensors"));
  return bytes(one).equals(bytes(other)) && JSON.stringify(metricsOf(one)) === JSON.stringify(metricsOf(other));
}
