/** What every table's record and page say about how it was made. */
import { basename } from "node:path";
import type { DataEntropy } from "../lm/index.ts";
import { getThreads } from "../torch/index.ts";
import { versions } from "../train/versions.ts";
import type { ExperimentData } from "./data.ts";
import { percent } from "./figures.ts";
import { machine } from "./machine.ts";
import type { Scale } from "./scales.ts";

/** A data set as a record states it; files by name only. */
export interface DataRecord {
  readonly name: string;
  readonly kind: ExperimentData["kind"];
  readonly files: readonly string[];
  readonly positions: number;
  readonly tokenizer: string;
  readonly texts: { readonly training: number; readonly validation: number; readonly report: number };
  /** Words and `<eos>` of the reported texts. */
  readonly tokens: number;
  readonly truncatedShare: number;
  readonly words: number;
  readonly split: string;
  /** Of the training texts, nats per token. */
  readonly entropy: DataEntropy;
}

export function dataRecord(
  data: ExperimentData,
  ids: { readonly tokens: number; readonly words: number; readonly entropy: DataEntropy },
): DataRecord {
  return {
    name: data.name,
    kind: data.kind,
    files: data.files.map((path) => basename(path)),
    positions: data.positions,
    tokenizer: data.tokenizer,
    texts: { training: data.training.length, validation: data.validation.length, report: data.report.length },
    tokens: ids.tokens,
    truncatedShare: data.truncatedShare,
    words: ids.words,
    split: data.split,
    entropy: ids.entropy,
  };
}

/** The same as a sentence or two. */
export function describeData(record: DataRecord): string {
  const { texts, entropy } = record;
  return `From ${record.files.map((file) => `\`${file}\``).join(", ")}: ${record.split}. ${texts.training} texts to learn from, ${texts.validation} to choose the step, ${texts.report} reported (${record.tokens} tokens with \`<eos>\`, ${percent(record.truncatedShare)} of the texts cut to T = ${record.positions}); ${record.words} words in the vocabulary of ${record.tokenizer}. Entropy of the training tokens: ${entropy.unigram.toFixed(3)} nats (single tokens), ${entropy.bigram.toFixed(3)} (given the one before).`;
}

/** How a table was made. */
export interface Provenance {
  readonly scale: string;
  /** What the scale makes of the models, as a sentence; null where given models were used. */
  readonly sizes: string | null;
  /** Day on which the pages were written, YYYY-MM-DD, UTC. */
  readonly date: string;
  readonly command: string;
  readonly machine: string;
  readonly device: string;
  readonly threads: number;
  readonly versions: Readonly<Record<string, string>>;
  /** Of this sitting; rows state their own. */
  readonly wallSeconds: number;
}

/** The sizes of a scale's models and their training. */
function describeScale({ name, dimensions, steps, levels, autoregressive: causal, networks, train }: Scale): string {
  if (!networks || !train) return `Sizes and training of scale ${name} are those of the presets, D = ${dimensions}.`;
  const paper = `the paper's flows and \`riverrun-nar\` K = ${steps} steps in each of L = ${levels} levels, the paper's autoregressive flow K = ${causal.steps} with ${counted(causal.layers, "layer")} and MLPs of width ${causal.hidden}`;
  const ours = `networks of ours and the language models ${counted(networks.layers, "layer")} of width ${networks.width} with ${networks.heads} heads, \`riverrun-tarflow\` ${networks.alternations} blocks`;
  const training = `${train.maxSteps} steps of ${train.batchSize} texts at learning rate ${train.learningRate} (${train.schedule}, ${train.warmupSteps} to warm up), weights averaged with ${train.ema}`;
  return `Scale ${name}: points of D = ${dimensions} channels; ${paper}; ${ours}; ${training}.`;
}

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? "" : "s"}`;

/**
 * @param began performance.now() at the start
 * @param trained whether the scale made the models; else they were given
 */
export function provenance(
  command: string,
  scale: Scale,
  { device, began, trained = true }: { readonly device: string; readonly began: number; readonly trained?: boolean },
): Provenance {
  return {
    scale: scale.name,
    sizes: trained ? describeScale(scale) : null,
    date: new Date().toISOString().slice(0, 10),
    command,
    machine: machine(),
    device,
    threads: getThreads(),
    versions: versions(),
    wallSeconds: (performance.now() - began) / 1000,
  };
}

/** The command that makes a table again, with files by name. */
export function commandOf(table: string, files: readonly string[], options: readonly (string | number)[]): string {
  const data = files.length === 0 ? [] : ["--data", ...files.map((path) => basename(path))];
  return ["riverrun", "experiment", table, ...data, ...options].join(" ");
}

/** The foot of a page. */
export function describeProvenance(made: Provenance): string {
  const software = Object.entries(made.versions).map(([name, version]) => `${name} ${version}`);
  return `${made.sizes === null ? "" : `${made.sizes} `}Made on ${made.date} by \`${made.command}\` on ${made.machine}; device ${made.device}, ${made.threads} thread${made.threads === 1 ? "" : "s"} an operator; ${software.join(", ")}.`;
}
