/** Table 2: the texts between two texts, z = r z_1 + (1 - r) z_2. */
import { makeDirectory } from "../base/atomicFile.ts";
import { UsageError } from "../base/errors.ts";
import { quote } from "../base/invocation.ts";
import { interpolateTexts } from "../generate/index.ts";
import { chooseTexts } from "./data.ts";
import { type Block, heading, type Page, paragraph, tableOf, writePage } from "./document.ts";
import { shown } from "./figures.ts";
import {
  type GenerationData,
  type GenerationOptions,
  generationData,
  natsOf,
  overFlows,
  provenanceOf,
  requireNumbers,
} from "./generation.ts";
import { type DataRecord, describeData, describeProvenance, type Provenance } from "./record.ts";
import type { RowName } from "./rows.ts";

/** What `runTable2` is told. */
export interface Table2Options extends GenerationOptions {
  /** Weights of the first text. */
  readonly ratios: readonly number[];
  /** Pairs of texts that are chosen where none are given. */
  readonly pairs: number;
  /** Texts two by two: the first with the second, the third with the fourth, ... */
  readonly texts?: readonly string[];
}

/** A pair and what one model puts between. */
export interface Way {
  readonly model: string;
  readonly preset: string;
  readonly first: string;
  readonly second: string;
  /** The two ends that come back (ratio 1 and 0) and what is between, by falling ratio. */
  readonly between: readonly {
    readonly ratio: number;
    readonly text: string;
    /** The bound under the same model; null for an empty text. */
    readonly nelboPerToken: number | null;
  }[];
}

/** table2.json. */
export interface Table2Record extends Provenance {
  readonly table: 2;
  readonly seed: number;
  readonly data: DataRecord | null;
  readonly ratios: readonly number[];
  readonly ways: readonly Way[];
}

export const table2Rows: readonly RowName[] = ["paper-att-ar", "riverrun-ar", "riverrun-nar"];

/** Fewest words of a text that is chosen as an end. */
const leastWords = 5;

function pairsOf(options: Table2Options, given: GenerationData | undefined): [string, string][] {
  const { texts, pairs } = options;
  let ends: readonly string[];
  if (texts) {
    if (texts.length === 0 || texts.length % 2 !== 0) {
      throw new UsageError(`--texts: expected texts two by two, got ${texts.length}`);
    }
    ends = texts;
  } else {
    if (!given) throw new UsageError("expected --texts A B, or --data FILE... to choose pairs from");
    const { shared, data } = given;
    // Whole sentences that the vocabulary knows: what comes back can then be judged by the words.
    const usable = data.report.filter((text) => {
      const ids = shared.idsOf(text);
      return ids.length > leastWords && !ids.includes(shared.vocabulary.id("<unk>"));
    });
    ends = chooseTexts(usable.length < 2 ? data.report : usable, 2 * pairs);
    if (ends.length < 2) throw new UsageError(`${data.name} has ${ends.length} texts to report: expected at least 2`);
  }
  return Array.from({ length: Math.floor(ends.length / 2) }, (_, pair) => [ends[2 * pair], ends[2 * pair + 1]]);
}

function page(record: Table2Record): Page {
  const { ways, data } = record;
  const keys = [...new Set(ways.map(({ first, second }) => JSON.stringify([first, second])))];
  const blocks = keys.flatMap((key, index): Block[] => {
    const own = ways.filter(({ first, second }) => JSON.stringify([first, second]) === key);
    const [{ first, second }] = own;
    return [
      heading(`Pair ${index + 1}`),
      paragraph(`From “${first}” to “${second}”.`),
      tableOf(
        ["model", "weight of the first", "text", "nats per token"],
        own.flatMap(({ model, between }) =>
          between.map(({ ratio, text, nelboPerToken }) => [
            model,
            String(ratio),
            text === "" ? "(empty)" : text,
            shown(nelboPerToken, 2),
          ]),
        ),
      ),
    ];
  });
  return {
    title: "Table 2: interpolations",
    lead: `Scale ${record.scale}, seed ${record.seed}; z = r z1 + (1 - r) z2 with r = ${record.ratios.join(", ")}, words by beam search where a model is read word by word.`,
    blocks: [
      ...(data ? [paragraph(describeData(data))] : []),
      paragraph(
        "The paper's Table 2 shows two chosen pairs at 0.6, 0.5 and 0.4. Here the pairs are a seeded choice of reported texts (or given), and the ends as they come back from latent space stand with them, at 1 and 0. Nats per token are each model's own bound on the text.",
      ),
      ...blocks,
      paragraph(describeProvenance(record)),
    ],
  };
}

/**
 * Interpolates pairs of texts with each model and writes table2.json, .md and .html.
 *
 * @throws UsageError, DataMissingError, StoppedError
 */
export async function runTable2(options: Table2Options): Promise<{ record: Table2Record; files: string[] }> {
  const { out, seed, ratios } = options;
  const began = performance.now();
  requireNumbers("ratios", ratios, (value) => value >= 0 && value <= 1, "numbers from 0 to 1");
  const given = await generationData(options);
  const pairs = pairsOf(options, given);
  makeDirectory(out);
  const ways = await overFlows(options, given, table2Rows, ({ name, model }) =>
    pairs.map(([first, second]): Way => {
      const all = [1, ...ratios, 0];
      const found = interpolateTexts(model, model.prepare(first), model.prepare(second), { ratios: all });
      const nats = natsOf(
        model,
        found.map(({ text }) => text),
        seed,
      );
      return {
        model: name,
        preset: model.config.preset,
        first,
        second,
        between: found.map(({ ratio, text }, index) => ({ ratio, text, nelboPerToken: nats[index] })),
      };
    }),
  );
  const ends = options.texts ? ["--texts", ...options.texts.map(quote)] : ["--pairs", pairs.length];
  const record: Table2Record = {
    table: 2,
    ...provenanceOf("table2", options, began, ["--ratios", ratios.join(","), ...ends]),
    seed,
    data: given?.record ?? null,
    ratios,
    ways: ways.flat(),
  };
  return { record, files: writePage(out, "table2", record, page(record)) };
}
