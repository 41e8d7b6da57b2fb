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
  readonly command: string;
  readonly machine: string;
  readonly device: string;
  readonly threads: number;
  readonly versions: Readonly<Record<string, string>>;
  /** Of this sitting; rows state their own. */
  readonly wallSeconds: number;
}

/** @param began performance.now() at the start */
export function provenance(command: string, scale: Scale, device: string, began: number): Provenance {
  return {
    scale: scale.name,
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
  return `Made by \`${made.command}\` on ${made.machine}; device ${made.device}, ${made.threads} thread${made.threads === 1 ? "" : "s"} an operator; ${software.join(", ")}.`;
}
