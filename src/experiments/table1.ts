/** Table 1: samples of non-autoregressive and autoregressive flows at two temperatures; all of them, not the best. */
import { makeDirectory } from "../base/atomicFile.ts";
import { type Truncation, truncationNames, truncationRules, truncationText } from "../flow/index.ts";
import { drawsWords, type Sample, sampleTexts } from "../generate/index.ts";
import { distinctN, selfBleu } from "../metrics/index.ts";
import { type Block, heading, list, type Page, paragraph, tableOf, writePage } from "./document.ts";
import { percent, shown } from "./figures.ts";
import {
  BigramJudge,
  type GenerationOptions,
  generationData,
  overFlows,
  provenanceOf,
  requireNumbers,
} from "./generation.ts";
import { type DataRecord, describeData, describeProvenance, type Provenance } from "./record.ts";
import type { RowName } from "./rows.ts";

/** Numbers of each rule that leaves unlikely words out, where words are drawn one by one. */
export type TruncationLists = { readonly [Rule in keyof Truncation]?: readonly number[] };

/** What `runTable1` is told. Every combination of the numbers is drawn; a rule that is not given leaves no word out. */
export interface Table1Options extends GenerationOptions, TruncationLists {
  /** Samples of each model at each temperature. */
  readonly count: number;
  readonly temperatures: readonly number[];
  /** Whether samples may say `<unk>`, as the models' distributions do. */
  readonly unknown: boolean;
}

/** The samples of one model at one temperature. */
export interface SampleSet {
  readonly model: string;
  readonly preset: string;
  readonly temperature: number;
  /** The rules that words were drawn by; null where they are not drawn one by one. */
  readonly topK: number | null;
  readonly topP: number | null;
  readonly minP: number | null;
  readonly samples: readonly { readonly seed: number; readonly text: string }[];
  /** Words of a sample, mean. */
  readonly words: number;
  readonly distinct1: number;
  readonly distinct2: number;
  /** Among the samples; null for fewer than two. */
  readonly selfBleu: number | null;
  /** Share of words that repeat the word before them. */
  readonly repeatedShare: number;
  /** Share of the samples that are a training text word by word; null where no data was given. */
  readonly inTrainingShare: number | null;
  /** Nats per token under a bigram model of the training texts; null where no data was given. */
  readonly bigramNatsPerToken: number | null;
}

/** table1.json. */
export interface Table1Record extends Provenance {
  readonly table: 1;
  readonly seed: number;
  /** Whether samples may say `<unk>`. */
  readonly unknown: boolean;
  readonly data: DataRecord | null;
  /** What the bigram model needs for the reported texts, for comparison. */
  readonly bigramNatsPerTokenOfText: number | null;
  readonly sets: readonly SampleSet[];
}

/** The rows that the table shows. */
export const table1Rows: readonly RowName[] = ["paper-att-s", "paper-att-ar", "riverrun-nar", "riverrun-ar"];

const textOf = (sample: Pick<Sample, "tokens">): string => sample.tokens.join(" ");

function repeated(samples: readonly Sample[]): number {
  const pairs = samples.reduce((sum, { tokens }) => sum + Math.max(0, tokens.length - 1), 0);
  const equal = samples.reduce(
    (sum, { tokens }) => sum + tokens.filter((token, index) => index > 0 && token === tokens[index - 1]).length,
    0,
  );
  return pairs === 0 ? 0 : equal / pairs;
}

/** Every combination of the lists' numbers. */
function truncationsOf(lists: TruncationLists): Required<Truncation>[] {
  return truncationNames.reduce<Required<Truncation>[]>(
    (made, rule) =>
      made.flatMap((one) => (lists[rule] ?? [truncationRules[rule].all]).map((value) => ({ ...one, [rule]: value }))),
    [{ topK: truncationRules.topK.all, topP: truncationRules.topP.all, minP: truncationRules.minP.all }],
  );
}

/** The rules by which one of the sets left words out. */
function rulesOf(sets: readonly SampleSet[]): (keyof Truncation)[] {
  return truncationNames.filter((rule) =>
    sets.some((set) => (set[rule] ?? truncationRules[rule].all) !== truncationRules[rule].all),
  );
}

/** What stands above a set: its model, its temperature, and the rules that left words out. */
function titleOf(set: SampleSet): string {
  const used = truncationText(Object.fromEntries(rulesOf([set]).map((rule) => [rule, set[rule]])));
  return `${set.model}, temperature ${set.temperature}${used === "" ? "" : `, ${used}`}`;
}

function page(record: Table1Record): Page {
  const { sets, data } = record;
  const rules = rulesOf(sets);
  const judged = sets.some(({ bigramNatsPerToken }) => bigramNatsPerToken !== null);
  const overview: Block = tableOf(
    [
      "model",
      "temperature",
      ...rules.map((rule) => truncationRules[rule].name),
      "words",
      "distinct-1",
      "distinct-2",
      "self-BLEU",
      "words said twice in a row",
      "a training text",
      "bigram nats per token",
    ],
    sets.map((set) => [
      set.model,
      String(set.temperature),
      ...rules.map((rule) => String(set[rule] ?? "-")),
      shown(set.words, 1),
      percent(set.distinct1),
      percent(set.distinct2),
      shown(set.selfBleu, 1),
      percent(set.repeatedShare),
      set.inTrainingShare === null ? "-" : percent(set.inTrainingShare),
      shown(set.bigramNatsPerToken),
    ]),
  );
  return {
    title: "Table 1: samples",
    lead: `Scale ${record.scale}, seed ${record.seed}. Every sample that was drawn stands here.`,
    blocks: [
      ...(data ? [paragraph(describeData(data))] : []),
      paragraph(
        "The paper's Table 1 shows five samples each of its non-autoregressive flow, which says words twice, and of its autoregressive flow, whose questions are grammatical; its code samples at temperature 1.15. The texts are chosen in the paper, so there is no number to compare with. Latents are drawn from N(0, temperature²); `riverrun-ar` draws words from its mixture's weights to the power 1 / temperature; with a top-k, top-p or min-p only from the likely words: that many, those that together have that share, those at least that share as likely as the likeliest.",
      ),
      paragraph(
        record.unknown
          ? "`<unk>` stands for a word that the vocabulary does not have."
          : "`<unk>`, which in the training texts stands for words that the vocabulary does not have, is never said: each word is of the model's distribution given that it is another.",
      ),
      overview,
      ...(judged
        ? [
            paragraph(
              `The bigram model knows the training texts and none of the flows; for the reported texts it needs ${shown(record.bigramNatsPerTokenOfText)} nats per token. Samples well above that are not put together as the texts are.`,
            ),
          ]
        : []),
      ...sets.flatMap((set) => [
        heading(titleOf(set)),
        list(set.samples.map(({ text }) => (text === "" ? "(empty)" : text))),
      ]),
      paragraph(describeProvenance(record)),
    ],
  };
}

/**
 * Draws `count` samples of each model at each temperature and writes table1.json, .md and .html.
 *
 * @throws UsageError, DataMissingError, StoppedError
 */
export async function runTable1(options: Table1Options): Promise<{ record: Table1Record; files: string[] }> {
  const { out, seed, count, temperatures, unknown } = options;
  const began = performance.now();
  requireNumbers("temperatures", temperatures, (value) => value > 0, "numbers above 0");
  for (const rule of truncationNames) {
    const { name, all, takes, expected } = truncationRules[rule];
    requireNumbers(name, options[rule] ?? [all], takes, expected);
  }
  requireNumbers("count", [count], (value) => Number.isInteger(value) && value > 0, "a positive integer");
  const given = await generationData(options);
  makeDirectory(out);
  const judge = given && new BigramJudge(given);
  const training = given && new Set(given.data.training.map((text) => given.shared.idsOf(text).join(" ")));
  const sets = await overFlows(options, given, table1Rows, ({ name, model }) => {
    const truncations = drawsWords(model) ? truncationsOf(options) : [undefined];
    const choices = temperatures.flatMap((temperature) =>
      truncations.map((truncation) => ({ temperature, truncation })),
    );
    return choices.map(({ temperature, truncation }): SampleSet => {
      const samples = sampleTexts(model, {
        count,
        seed,
        temperature,
        ...truncation,
        unknown: unknown ? undefined : false,
      });
      const texts = samples.map(textOf);
      return {
        model: name,
        preset: model.config.preset,
        temperature,
        ...(truncation ?? { topK: null, topP: null, minP: null }),
        samples: samples.map(({ seed: own, text }) => ({ seed: own, text })),
        words: samples.reduce((sum, { tokens }) => sum + tokens.length, 0) / count,
        distinct1: distinctN(texts, 1),
        distinct2: distinctN(texts, 2),
        selfBleu: count > 1 ? selfBleu(texts) : null,
        repeatedShare: repeated(samples),
        inTrainingShare:
          given && training
            ? samples.filter(({ text }) => training.has(given.shared.idsOf(text).join(" "))).length / count
            : null,
        bigramNatsPerToken: judge ? judge.natsPerToken(samples.map(({ text }) => text)) : null,
      };
    });
  });
  const record: Table1Record = {
    table: 1,
    ...provenanceOf("table1", options, began, [
      ...["--count", count, "--temperatures", temperatures.join(",")],
      ...truncationNames.flatMap((rule) => {
        const list = options[rule];
        return list ? [`--${truncationRules[rule].name}`, list.join(",")] : [];
      }),
      ...(unknown ? [] : ["--no-unknown"]),
    ]),
    seed,
    unknown,
    data: given?.record ?? null,
    bigramNatsPerTokenOfText: judge?.ofReportedTexts ?? null,
    sets: sets.flat(),
  };
  return { record, files: writePage(out, "table1", record, page(record)) };
}
