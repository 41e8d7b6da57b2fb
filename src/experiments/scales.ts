/** How large an experiment is: the same sizes, learning rate and number of steps for every flow of a table. */
import { UsageError } from "../base/errors.ts";
import type { TrainConfig } from "../flow/index.ts";

/** What a data set is made of. */
export type DataKind = "text" | "subtitles" | "squad";

export const scaleNames = ["tiny", "small", "paper"] as const;
export type ScaleName = (typeof scaleNames)[number];

/** Sizes that all rows of a table share. */
export interface Scale {
  readonly name: ScaleName;
  /** T, by kind of data. */
  readonly positions: Readonly<Record<DataKind, number>>;
  /** D, the width of the points and of every network. */
  readonly dimensions: number;
  readonly minCount: number;
  readonly maxVocabulary: number;
  /** Of the word vectors that are trained where none are given. */
  readonly vectorIterations: number;
  /** Most texts that a row learns from, a seeded choice; the same for all rows. */
  readonly trainingTexts: number;
  /** Most texts that a row is reported on, a seeded choice; the same for all rows. */
  readonly reportTexts: number;
  /** K and L of the non-autoregressive flows. */
  readonly steps: number;
  readonly levels: number;
  /** K, layers of the network and width of the MLPs of the paper's autoregressive flow. */
  readonly autoregressive: { readonly steps: number; readonly layers: number; readonly hidden: number };
  /**
   * Width, layers and heads of the networks of ours and of the language models, and K of the flow in alternating order;
   * null: the presets' own.
   */
  readonly networks: {
    readonly width: number;
    readonly layers: number;
    readonly heads: number;
    readonly alternations: number;
  } | null;
  /** Laid over every preset's training; null: the presets' own, as in the paper. */
  readonly train: Partial<TrainConfig> | null;
}

/** Of the scales that are not the paper's: the same short training for every row. */
const short = {
  maxSteps: 600,
  batchSize: 32,
  accumulate: 1,
  learningRate: 2e-3,
  schedule: "cosine",
  finalFactor: 0.05,
} as const;

const scales: Readonly<Record<ScaleName, Scale>> = {
  tiny: {
    name: "tiny",
    positions: { text: 16, subtitles: 16, squad: 16 },
    dimensions: 48,
    minCount: 2,
    maxVocabulary: 2000,
    vectorIterations: 15,
    trainingTexts: 20_000,
    reportTexts: 300,
    steps: 2,
    levels: 2,
    autoregressive: { steps: 2, layers: 1, hidden: 64 },
    networks: { width: 48, layers: 1, heads: 6, alternations: 2 },
    train: {
      ...short,
      warmupSteps: 40,
      ema: 0,
      validateEvery: 150,
      checkpointEvery: 300,
      logEvery: 50,
      validationTexts: 100,
    },
  },
  small: {
    name: "small",
    positions: { text: 32, subtitles: 32, squad: 32 },
    dimensions: 96,
    minCount: 2,
    maxVocabulary: 8000,
    vectorIterations: 25,
    trainingTexts: 8000,
    reportTexts: 1000,
    // The paper's autoregressive flow has a much larger step than its flow over time: K = 2 is about as many parameters.
    steps: 4,
    levels: 2,
    autoregressive: { steps: 2, layers: 1, hidden: 128 },
    networks: { width: 96, layers: 2, heads: 6, alternations: 4 },
    train: {
      ...short,
      warmupSteps: 60,
      ema: 0.98,
      validateEvery: 100,
      checkpointEvery: 200,
      logEvery: 100,
      validationTexts: 200,
    },
  },
  paper: {
    name: "paper",
    positions: { text: 64, subtitles: 64, squad: 256 },
    dimensions: 300,
    minCount: 2,
    maxVocabulary: 50_000,
    vectorIterations: 50,
    trainingTexts: 1_000_000,
    reportTexts: 100_000,
    steps: 8,
    levels: 3,
    autoregressive: { steps: 24, layers: 4, hidden: 512 },
    networks: null,
    train: null,
  },
};

/** @throws UsageError for an unknown name. */
export function scaleNamed(name: string): Scale {
  const found = scaleNames.find((known) => known === name);
  if (!found) throw new UsageError(`--scale ${name}: expected one of ${scaleNames.join(", ")}`);
  return scales[found];
}
