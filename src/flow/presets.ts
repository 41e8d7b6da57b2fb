/** The named configurations. Sizes of the `paper-*` ones are the paper's; `riverrun-*`, `small` and `tiny` are ours. */
import { UsageError } from "../base/errors.ts";
import type { AttentionDecoderConfig, Config } from "./config.ts";

const paperNar: Config = {
  preset: "paper-nar",
  seed: 2020,
  data: {
    tokenizer: "tvqa-words",
    minCount: 2,
    maxVocabulary: 100_000,
    dimensions: 300,
    positions: 64,
    fixedLength: true,
    sigma: 2 ** -6,
    scale: 0.4,
    clip: 1,
  },
  vectors: { window: 10, iterations: 50, xMax: 10, learningRate: 0.05 },
  flow: {
    levels: 3,
    steps: 8,
    layout: "paper",
    couplings: "time",
    family: "paper",
    network: "attention",
    hidden: null,
    layers: 1,
    heads: 6,
    positionEncoding: "none",
    acContext: "c",
    alpha: 2,
    softClip: 2,
    head: "none",
    components: 8,
    channelOrder: "independent",
    deepLayers: null,
    dropout: 0,
  },
  train: {
    maxSteps: 50_000,
    batchSize: 32,
    accumulate: 1,
    bucket: 1,
    precision: "float32",
    recompute: false,
    optimiser: "adam",
    learningRate: 5e-5,
    betas: [0.9, 0.999],
    momentum: 0,
    weightDecay: 0,
    schedule: "constant",
    warmupSteps: 0,
    finalFactor: 1,
    clipNorm: 1,
    ema: 0,
    validateEvery: 1000,
    checkpointEvery: 1000,
    logEvery: 50,
    patience: 0,
    validationTexts: 1000,
  },
  generate: { decoder: "cosine", kappa: 20, temperature: 1 },
  report: { d: 64 },
};

const riverrunNar: Config = {
  preset: "riverrun-nar",
  seed: 1,
  data: {
    tokenizer: "riverrun-words",
    minCount: 2,
    maxVocabulary: 50_000,
    dimensions: 128,
    positions: 64,
    fixedLength: false,
    sigma: 2.4,
    scale: 1,
    clip: null,
  },
  vectors: { window: 10, iterations: 50, xMax: 10, learningRate: 0.05 },
  flow: {
    levels: 3,
    steps: 8,
    layout: "paper",
    couplings: "alternating",
    family: "riverrun",
    network: "attention",
    hidden: 384,
    layers: 2,
    heads: 6,
    positionEncoding: "learned",
    acContext: "c",
    alpha: 2,
    softClip: 2,
    head: "none",
    components: 8,
    channelOrder: "independent",
    deepLayers: null,
    dropout: 0.1,
  },
  train: {
    maxSteps: 50_000,
    batchSize: 64,
    accumulate: 1,
    bucket: 16,
    precision: "float32",
    recompute: false,
    optimiser: "adamw",
    learningRate: 5e-4,
    betas: [0.9, 0.98],
    momentum: 0,
    weightDecay: 1e-4,
    schedule: "cosine",
    warmupSteps: 500,
    finalFactor: 0.02,
    clipNorm: 1,
    ema: 0.999,
    validateEvery: 1000,
    checkpointEvery: 1000,
    logEvery: 50,
    patience: 0,
    validationTexts: 1000,
  },
  generate: { decoder: "bayes", kappa: 20, temperature: 1 },
  report: { d: 64 },
};

/** Parts of a configuration laid over a whole one. */
type Overrides = {
  readonly [Part in keyof Config]?: Config[Part] extends object ? Partial<Config[Part]> : Config[Part];
};

function derive(base: Config, preset: string, over: Overrides): Config {
  return {
    ...base,
    ...over,
    preset,
    data: { ...base.data, ...over.data },
    vectors: { ...base.vectors, ...over.vectors },
    flow: { ...base.flow, ...over.flow },
    train: { ...base.train, ...over.train },
    generate: { ...base.generate, ...over.generate },
    report: { ...base.report, ...over.report },
  };
}

const tinyTrain: Partial<Config["train"]> = {
  maxSteps: 200,
  batchSize: 32,
  learningRate: 2e-3,
  warmupSteps: 20,
  ema: 0,
  validateEvery: 100,
  checkpointEvery: 100,
  logEvery: 20,
  validationTexts: 200,
};

const smallTrain: Partial<Config["train"]> = {
  maxSteps: 3000,
  batchSize: 64,
  learningRate: 2e-3,
  warmupSteps: 100,
  ema: 0.995,
  validateEvery: 250,
  checkpointEvery: 250,
  validationTexts: 500,
};

const tiny = derive(riverrunNar, "tiny", {
  data: { dimensions: 16, positions: 16, minCount: 1, maxVocabulary: 2000, sigma: 0.85 },
  vectors: { iterations: 15, window: 5 },
  flow: { levels: 2, steps: 2, hidden: 32, layers: 1, heads: 2, dropout: 0 },
  train: tinyTrain,
});

const small = derive(riverrunNar, "small", {
  data: { dimensions: 32, positions: 32, sigma: 1.2 },
  vectors: { iterations: 30 },
  flow: { levels: 2, steps: 6, hidden: 96, layers: 1, heads: 4, dropout: 0 },
  train: smallTrain,
});

/** Left to right: the codebook's mixture on top of a causal transformer. */
const riverrunAr = derive(riverrunNar, "riverrun-ar", {
  data: { sigma: 0.25 },
  flow: {
    levels: 1,
    steps: 0,
    couplings: "causal",
    head: "codebook",
    layers: 2,
    deepLayers: 6,
    softClip: 4,
  },
});

const riverrunTarflow = derive(riverrunNar, "riverrun-tarflow", {
  flow: {
    levels: 1,
    steps: 6,
    couplings: "tarflow",
    head: "gaussian",
    layers: 2,
    deepLayers: 6,
    softClip: 4,
  },
});

/** Training of the word decoder of Language Flow+. */
const plusTrain: Partial<Config["train"]> = { optimiser: "adam", schedule: "constant", weightDecay: 0, finalFactor: 1 };

/** Language Flow+ on the flow of another preset. */
function plus(
  base: Config,
  preset: string,
  decoder: Omit<AttentionDecoderConfig, "flowTrain" | "beam">,
  train: Partial<Config["train"]>,
): Config {
  return {
    ...derive(base, preset, { train: { ...plusTrain, ...train } }),
    attentionDecoder: { ...decoder, beam: 5, flowTrain: base.train },
  };
}

const presets: Readonly<Record<string, { readonly config: Config; readonly about: string; readonly paper?: string }>> =
  {
    tiny: {
      about: "seconds, for tests: riverrun-nar with 16 channels and 16 positions",
      config: tiny,
    },
    small: {
      about: "minutes on 2 cores: riverrun-nar with 32 channels and 32 positions",
      config: small,
    },
    "riverrun-nar": {
      about: "masks, positions, a length model, soft-clipped scales, both couplings",
      config: riverrunNar,
    },
    "riverrun-ar": {
      about:
        "left to right, a mixture over the codebook's words: a softmax language model as a flow; flow.steps adds causal couplings, flow.head=logistic a free mixture",
      config: riverrunAr,
    },
    "small-ar": {
      about: "minutes on 2 cores: riverrun-ar with 32 channels and 32 positions",
      config: derive(riverrunAr, "small-ar", {
        data: { dimensions: 32, positions: 32 },
        vectors: { iterations: 30 },
        flow: { hidden: 96, layers: 1, deepLayers: 2, heads: 4, dropout: 0 },
        train: smallTrain,
      }),
    },
    "tiny-ar": {
      about: "seconds, for tests: riverrun-ar with 16 channels and 16 positions",
      config: derive(riverrunAr, "tiny-ar", {
        data: { dimensions: 16, positions: 16, minCount: 1, maxVocabulary: 2000 },
        vectors: { iterations: 15, window: 5 },
        flow: { hidden: 32, layers: 1, deepLayers: 1, heads: 2, dropout: 0 },
        train: tinyTrain,
      }),
    },
    "riverrun-tarflow": {
      about:
        "affine causal blocks in alternating order; flow.head=codebook ends in a mixture over the codebook's words",
      config: riverrunTarflow,
    },
    "small-tarflow": {
      about: "minutes on 2 cores: riverrun-tarflow with 32 channels and 32 positions",
      config: derive(riverrunTarflow, "small-tarflow", {
        data: { dimensions: 32, positions: 32, sigma: 1.2 },
        vectors: { iterations: 30 },
        flow: { steps: 4, hidden: 96, layers: 1, deepLayers: 2, heads: 4, dropout: 0 },
        train: smallTrain,
      }),
    },
    "tiny-tarflow": {
      about: "seconds, for tests: riverrun-tarflow with 16 channels and 16 positions",
      config: derive(riverrunTarflow, "tiny-tarflow", {
        data: { dimensions: 16, positions: 16, minCount: 1, maxVocabulary: 2000, sigma: 0.85 },
        vectors: { iterations: 15, window: 5 },
        flow: { steps: 2, hidden: 32, layers: 1, deepLayers: null, heads: 2, dropout: 0 },
        train: tinyTrain,
      }),
    },
    "paper-nar": {
      about:
        "Att-S of the paper (K=8, L=3); flow.network=lstm gives RNN-S, flow.layout=wide the released code's layout",
      config: paperNar,
      paper: "128M (Att-S), 196M (RNN-S)",
    },
    "paper-nar-channel": {
      about: "Att-C of the paper (K=8, L=3); flow.network=lstm gives RNN-C",
      config: derive(paperNar, "paper-nar-channel", { flow: { couplings: "channel" } }),
    },
    "paper-ar": {
      about:
        "Att-AR of the paper (K=24); flow.network=lstm gives RNN-AR, flow.acContext=none a network that is parallel over time",
      config: derive(paperNar, "paper-ar", {
        flow: {
          levels: 1,
          steps: 24,
          couplings: "autoregressive",
          hidden: 512,
          layers: 4,
          positionEncoding: "sinusoidal",
        },
      }),
      paper: "130M",
    },
    "paper-plus": {
      about:
        "Language Flow+ of the paper: Att-S (K=32, L=4), trained first and frozen, and an LSTM with attention that says the words of its latents",
      config: plus(
        derive(paperNar, "paper-plus", { flow: { levels: 4, steps: 32 } }),
        "paper-plus",
        { width: 600, layers: 2, positionEncoding: "none", dropout: 0.3, noiseVariance: 1, minTokens: 8 },
        { learningRate: 3e-4 },
      ),
      paper: "512M",
    },
    "riverrun-plus": {
      about: "Language Flow+ on riverrun-nar",
      config: plus(
        riverrunNar,
        "riverrun-plus",
        { width: 512, layers: 2, positionEncoding: "learned", dropout: 0.3, noiseVariance: 0.5, minTokens: 0 },
        { learningRate: 3e-4 },
      ),
    },
    "small-plus": {
      about: "minutes on 2 cores: Language Flow+ on small",
      config: plus(
        small,
        "small-plus",
        { width: 128, layers: 2, positionEncoding: "learned", dropout: 0.1, noiseVariance: 0.25, minTokens: 0 },
        { learningRate: 2e-3, maxSteps: 2000 },
      ),
    },
    "tiny-plus": {
      about: "seconds, for tests: Language Flow+ on tiny",
      config: plus(
        tiny,
        "tiny-plus",
        { width: 64, layers: 1, positionEncoding: "learned", dropout: 0, noiseVariance: 0.25, minTokens: 0 },
        { learningRate: 5e-3, maxSteps: 400 },
      ),
    },
    "bilstm-density": {
      about: "the paper's 3-layer Bi-LSTM density baseline: only matrices scale volume (5.96M at 300 channels)",
      config: derive(paperNar, "bilstm-density", {
        flow: { levels: 1, steps: 3, couplings: "bilstm", network: "lstm" },
      }),
    },
  };

/** Names of all presets. */
export const presetNames: readonly string[] = Object.keys(presets);

/** What a preset is, in a line, and the parameter count that the paper states where it has one. */
export function aboutPreset(name: string): { readonly about: string; readonly paper?: string } {
  const { about, paper } = entryOf(name);
  return paper === undefined ? { about } : { about, paper };
}

/** The configuration of a preset; a copy of its own. @throws UsageError for an unknown name. */
export function presetConfig(name: string): Config {
  return structuredClone(entryOf(name).config);
}

function entryOf(name: string): (typeof presets)[string] {
  const entry = Object.hasOwn(presets, name) ? presets[name] : undefined;
  if (!entry) throw new UsageError(`unknown preset "${name}": expected one of ${presetNames.join(", ")}`);
  return entry;
}
