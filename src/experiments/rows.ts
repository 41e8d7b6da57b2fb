/** The rows of the tables: which preset each is, and its configuration at a scale. */
import { UsageError } from "../base/errors.ts";
import { type Config, type FlowConfig, parseConfig, presetConfig, presetNames } from "../flow/index.ts";
import { type LanguageModelConfig, parseLanguageModelConfig } from "../lm/index.ts";
import type { ExperimentData } from "./data.ts";
import type { Scale } from "./scales.ts";

/** What a row is: a flow by its preset, or a discrete language model. */
export type Row = { readonly name: RowName; readonly about: string } & (
  | { readonly kind: "flow"; readonly preset: string; readonly flow: (scale: Scale) => Partial<FlowConfig> }
  | { readonly kind: "lm"; readonly network: LanguageModelConfig["kind"] }
  | { readonly kind: "bigram" }
);

/** All rows of Table 4 in its order: the paper's seven, ours, the discrete ones. */
export const rowNames = [
  "bilstm-density",
  "paper-att-c",
  "paper-rnn-c",
  "paper-att-s",
  "paper-rnn-s",
  "paper-att-ar",
  "paper-rnn-ar",
  "riverrun-nar",
  "riverrun-ar",
  "riverrun-tarflow",
  "lstm-lm",
  "transformer-lm",
  "bigram",
] as const;
export type RowName = (typeof rowNames)[number];

const multiScale = ({ steps, levels }: Scale): Partial<FlowConfig> => ({ steps, levels });
const causal = ({ autoregressive }: Scale): Partial<FlowConfig> => autoregressive;
/** Our flows take the sizes of their networks from the scale, where it has some. */
const ours = ({ networks }: Scale): Partial<FlowConfig> =>
  networks ? { hidden: networks.width, layers: networks.layers, heads: networks.heads, dropout: 0 } : {};
/** Left to right, the network in front of the head is as deep as the language models'. */
const leftToRight = (scale: Scale): Partial<FlowConfig> =>
  scale.networks ? { ...ours(scale), deepLayers: scale.networks.layers } : {};

const rows: readonly Row[] = [
  {
    name: "bilstm-density",
    about: "density by LSTMs and non-singular matrices alone",
    kind: "flow",
    preset: "bilstm-density",
    flow: () => ({}),
  },
  {
    name: "paper-att-c",
    about: "flow over channels, attention",
    kind: "flow",
    preset: "paper-nar-channel",
    flow: multiScale,
  },
  {
    name: "paper-rnn-c",
    about: "flow over channels, LSTM",
    kind: "flow",
    preset: "paper-nar-channel",
    flow: (scale) => ({ ...multiScale(scale), network: "lstm" }),
  },
  { name: "paper-att-s", about: "flow over time, attention", kind: "flow", preset: "paper-nar", flow: multiScale },
  {
    name: "paper-rnn-s",
    about: "flow over time, LSTM",
    kind: "flow",
    preset: "paper-nar",
    flow: (scale) => ({ ...multiScale(scale), network: "lstm" }),
  },
  { name: "paper-att-ar", about: "autoregressive flow, attention", kind: "flow", preset: "paper-ar", flow: causal },
  {
    name: "paper-rnn-ar",
    about: "autoregressive flow, LSTM",
    kind: "flow",
    preset: "paper-ar",
    flow: (scale) => ({ ...causal(scale), network: "lstm" }),
  },
  {
    name: "riverrun-nar",
    about: "ours, all positions at once",
    kind: "flow",
    preset: "riverrun-nar",
    flow: (scale) => ({ ...ours(scale), ...(scale.networks ? multiScale(scale) : {}) }),
  },
  { name: "riverrun-ar", about: "ours, word by word", kind: "flow", preset: "riverrun-ar", flow: leftToRight },
  {
    name: "riverrun-tarflow",
    about: "ours, in alternating order",
    kind: "flow",
    preset: "riverrun-tarflow",
    flow: (scale) => (scale.networks ? { ...leftToRight(scale), steps: scale.networks.alternations } : {}),
  },
  { name: "lstm-lm", about: "discrete: LSTM language model", kind: "lm", network: "lstm" },
  { name: "transformer-lm", about: "discrete: causal transformer language model", kind: "lm", network: "transformer" },
  { name: "bigram", about: "discrete: bigrams, Witten-Bell smoothing", kind: "bigram" },
];

/** Whether a row's preset is part of this version. */
export function isAvailable(row: Row): boolean {
  return row.kind !== "flow" || presetNames.includes(row.preset);
}

/** The row of a name. @throws UsageError for an unknown one. */
export function rowNamed(name: string): Row {
  const row = rows.find((one) => one.name === name);
  if (!row) throw new UsageError(`unknown model "${name}": expected one of ${rowNames.join(", ")}`);
  return row;
}

/**
 * The rows of a choice of names in the table's order; of `all` those that this version has.
 *
 * @throws UsageError for an unknown name or one whose preset this version has not.
 */
export function chooseRows(names: readonly string[] | undefined, all: readonly RowName[]): Row[] {
  if (!names) return all.map(rowNamed).filter(isAvailable);
  const chosen = names.map((name) => {
    const row = rowNamed(name);
    if (!all.includes(row.name)) {
      throw new UsageError(`this table has no model "${name}": expected one of ${all.join(", ")}`);
    }
    if (row.kind === "flow" && !isAvailable(row)) {
      throw new UsageError(`model "${name}" needs the preset ${row.preset}, which this version does not have`);
    }
    return row;
  });
  return all.flatMap((name) => chosen.find((row) => row.name === name) ?? []);
}

/**
 * The noise of a preset at another width. Flows without a codebook head take the widest noise under which words are told
 * apart, and distances between words grow as the square root of the width; the paper's noise and the codebook's are fixed.
 */
function sigmaOf({ data, flow }: Config, { dimensions }: Scale): number {
  if (flow.family === "paper" || flow.head === "codebook") return data.sigma;
  return data.sigma * Math.sqrt(dimensions / data.dimensions);
}

/** The effective configuration of a flow's row: its preset, with what all rows share laid over it. */
export function flowConfig(row: Row & { kind: "flow" }, scale: Scale, data: ExperimentData, seed: number): Config {
  const base = presetConfig(row.preset);
  const config: Config = {
    ...base,
    seed,
    data: {
      ...base.data,
      tokenizer: data.tokenizer,
      minCount: scale.minCount,
      maxVocabulary: scale.maxVocabulary,
      dimensions: scale.dimensions,
      positions: data.positions,
      sigma: sigmaOf(base, scale),
    },
    vectors: { ...base.vectors, iterations: scale.vectorIterations },
    flow: { ...base.flow, ...row.flow(scale) },
    train: { ...base.train, ...scale.train },
  };
  return parseConfig(config, `${row.name} at scale ${scale.name}`);
}

/** A language model's configuration and training: as wide and deep as the word-by-word flow, trained as the flows are. */
export function languageModelConfig(
  row: Row & { kind: "lm" },
  scale: Scale,
  data: ExperimentData,
  seed: number,
): { readonly model: LanguageModelConfig; readonly train: Config["train"] } {
  const like = presetConfig("riverrun-ar");
  const { hidden, layers, deepLayers, heads, dropout } = like.flow;
  const sizes = scale.networks ?? { width: hidden ?? scale.dimensions, layers: deepLayers ?? layers, heads };
  const model = {
    kind: row.network,
    seed,
    tokenizer: data.tokenizer,
    positions: data.positions,
    dimensions: scale.dimensions,
    width: sizes.width,
    layers: sizes.layers,
    heads: sizes.heads,
    dropout: scale.networks ? 0 : dropout,
  };
  return {
    model: parseLanguageModelConfig(model, `${row.name} at scale ${scale.name}`),
    train: { ...like.train, ...scale.train },
  };
}
