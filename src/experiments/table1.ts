/** Table 1: samples of non-autoregressive and autoregressive flows at two temperatures; all of them, not the best. */
import { makeDirectory } from "../base/atomicFile.ts";
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

/** What `runTable1` is told. */
export interface Table1Options extends GenerationOptions {
  /** Samples of each model at each temperature. */
  readonly count: number;
  readonly temperatures: readonly number[];
  /** Shares p of top-p drawing, where words are drawn one by one; 1 draws from all words. Default: only 1. */
  readonly topP?: readonly number[];
  /** Whether samples may say `<unk>`, as the models' distributions do. */
  readonly unknown: boolean;
}

/** The samples of one model at one temperature. */
export interface SampleSet {
  readonly model: string;
  readonly preset: string;
  readonly temperature: number;
  /** Of the words that were drawn from; null where words are not drawn one by one. */
  readonly topP: number | null;
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

function page(record: Table1Record): Page {
  const { sets, data } = record;
  const judged = sets.some(({ bigramNatsPerToken }) => bigramNatsPerToken !== null);
  const overview: Block = tableOf(
    [
      "model",
      "temperature",
      "top-p",
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
      set.topP === null ? "-" : String(set.topP),
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
        "The paper's Table 1 shows five samples each of its non-autoregressive flow, which says words twice, and of its autoregressive flow, whose questions are grammatical; its code samples at temperature 1.15. The texts are chosen in the paper, so there is no number to compare with. Latents are drawn from N(0, temperature²); `riverrun-ar` draws words from its mixture's weights to the power 1 / temperature; with a top-p below 1 only from the likeliest words that together have that share of them.",
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
        heading(`${set.model}, temperature ${set.temperature}${(set.topP ?? 1) < 1 ? `, top-p ${set.topP}` : ""}`),
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
  const { out, seed, count, temperatures, topP = [1], unknown } = options;
  const began = performance.now();
  requireNumbers("temperatures", temperatures, (value) => value > 0, "numbers above 0");
  requireNumbers("top-p", topP, (value) => value > 0 && value <= 1, "numbers above 0, at most 1");
  requireNumbers("count", [count], (value) => Number.isInteger(value) && value > 0, "a positive integer");
  const given = await generationData(options);
  makeDirectory(out);
  const judge = given && new BigramJudge(given);
  const training = given && new Set(given.data.training.map((text) => given.shared.idsOf(text).join(" ")));
  const sets = await overFlows(options, given, table1Rows, ({ name, model }) => {
    const shares = drawsWords(model) ? topP : [null];
    const choices = temperatures.flatMap((temperature) => shares.map((share) => ({ temperature, share })));
    return choices.map(({ temperature, share }): SampleSet => {
      const samples = sampleTexts(model, {
        count,
        seed,
        temperature,
        topP: share ?? undefined,
        unknown: unknown ? undefined : false,
      });
      const texts = samples.map(textOf);
      return {
        model: name,
        preset: model.config.preset,
        temperature,
        topP: share,
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
      ...(options.topP ? ["--top-p", options.topP.join(",")] : []),
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
