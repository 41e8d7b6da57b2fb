/** Table 3: contexts rewritten by noise in latent space, over a sweep of the noise's variance. No filter runs here. */
import * as Plot from "@observablehq/plot";
import { makeDirectory } from "../base/atomicFile.ts";
import { UsageError } from "../base/errors.ts";
import { contextChunks, paragraphsOf } from "../corpora/index.ts";
import type { TextFlow } from "../flow/index.ts";
import { perturbTexts, type Rewrite } from "../generate/index.ts";
import { noiseVariances } from "../generate/noiseVariance.ts";
import { selfBleu } from "../metrics/index.ts";
import { longestCommonSubsequence } from "../metrics/rouge.ts";
import { splitSentences } from "../text/sentences.ts";
import { tokenizerByName } from "../text/tokenizer-names.ts";
import { chooseTexts, cutText, squadArticles } from "./data.ts";
import { type Block, colours, heading, type Page, paragraph, svgOf, tableOf, writePage } from "./document.ts";
import { mean, percent, shown } from "./figures.ts";
import {
  type GenerationData,
  type GenerationOptions,
  generationData,
  natsOf,
  overFlows,
  preparable,
  provenanceOf,
  requireNumbers,
} from "./generation.ts";
import { type DataRecord, describeData, describeProvenance, type Provenance } from "./record.ts";
import type { RowName } from "./rows.ts";

/** What `runTable3` is told. */
export interface Table3Options extends GenerationOptions {
  /** Variances of the noise z_0. */
  readonly variances: readonly number[];
  readonly contexts: number;
  /** Rewrites of each context at each variance. */
  readonly variants: number;
}

/** One model at one variance, means over all rewrites. */
export interface SweepPoint {
  readonly model: string;
  readonly preset: string;
  readonly variance: number;
  /** Longest common subsequence of a context's and its rewrite's tokens over the context's tokens. */
  readonly keptShare: number;
  /** Share of the rewrites that are their context word by word. */
  readonly unchangedShare: number;
  readonly emptyShare: number;
  /** Among the rewrites of a context, mean over contexts; null for one variant. */
  readonly selfBleu: number | null;
  /** The model's bound on the rewrites, mean over those that are not empty; null where all are. */
  readonly nelboPerToken: number | null;
  readonly rewrites: readonly { readonly source: string; readonly variant: number; readonly text: string }[];
}

/** table3.json. */
export interface Table3Record extends Provenance {
  readonly table: 3;
  readonly seed: number;
  readonly data: DataRecord;
  /** What the contexts are. */
  readonly contexts: string;
  readonly filter: null;
  /** Each model's bound on the contexts themselves, nats per token. */
  readonly sources: readonly { readonly model: string; readonly nelboPerToken: number }[];
  readonly points: readonly SweepPoint[];
}

export const table3Rows: readonly RowName[] = ["paper-att-ar", "riverrun-ar", "riverrun-nar"];

/** Contexts whose rewrites the page shows; the first ones, whatever became of them. */
const shownContexts = 3;

/** A shorter context leaves nothing to rewrite (the paper's decoder makes at least 8 tokens). */
const leastTokens = 8;

/**
 * Contexts to rewrite: of SQuAD the runs of sentences that hold no answer of a question (specification, section 14), each
 * once; else the reported texts.
 */
async function contextsOf({ data }: GenerationData, count: number): Promise<{ texts: string[]; what: string }> {
  const tokenizer = tokenizerByName(data.tokenizer);
  const countTokens = (text: string): number => tokenizer.tokenize(text).length;
  let texts: readonly string[] = data.report;
  let what = "reported texts";
  if (data.kind === "squad") {
    const { report } = await squadArticles(data.files);
    const longest = data.positions - 2;
    const chunks = new Set<string>();
    for (const paragraph of paragraphsOf(report)) {
      for (const question of paragraph.questions) {
        for (const chunk of contextChunks(paragraph, question, { split: splitSentences, countTokens, longest })) {
          chunks.add(cutText(chunk.text, tokenizer, longest).text);
        }
      }
    }
    texts = [...chunks];
    what = `runs of sentences of the reported paragraphs that hold no answer of a question, at most ${longest} tokens`;
  }
  const usable = texts.filter((text) => countTokens(text) >= leastTokens);
  if (usable.length === 0) {
    throw new UsageError(`${data.name} has no text of at least ${leastTokens} tokens to rewrite`);
  }
  return { texts: chooseTexts(usable, count), what };
}

function pointOf(
  { name, model }: { readonly name: string; readonly model: TextFlow },
  variance: number,
  rewrites: readonly Rewrite[],
  options: Table3Options,
): SweepPoint {
  const tokens = (text: string): string[] => model.tokenizer.tokenize(text);
  const sources = [...new Set(rewrites.map(({ source }) => source))];
  const bleuOf = (context: string): number =>
    selfBleu(rewrites.filter(({ source }) => source === context).map((rewrite) => rewrite.tokens.join(" ")));
  const nats = natsOf(
    model,
    rewrites.map(({ text }) => text),
    options.seed,
  ).flatMap((value) => value ?? []);
  const share = (of: (rewrite: Rewrite) => boolean): number => rewrites.filter(of).length / rewrites.length;
  return {
    model: name,
    preset: model.config.preset,
    variance,
    keptShare: mean(
      rewrites.map((rewrite) => {
        const own = tokens(rewrite.source);
        return longestCommonSubsequence(own, rewrite.tokens) / own.length;
      }),
    ),
    unchangedShare: share(({ source, tokens: own }) => tokens(source).join(" ") === own.join(" ")),
    emptyShare: share(({ tokens: own }) => own.length === 0),
    selfBleu: options.variants > 1 ? mean(sources.map(bleuOf)) : null,
    nelboPerToken: nats.length > 0 ? mean(nats) : null,
    rewrites: rewrites.map(({ source, variant, text }) => ({ source, variant, text })),
  };
}

function sweepPlot(points: readonly SweepPoint[]): Block {
  const models = [...new Set(points.map(({ model }) => model))];
  const ends = models.flatMap((name) => points.filter(({ model }) => model === name).slice(-1));
  const svg = svgOf(
    {
      height: 300,
      marginLeft: 60,
      marginRight: 130,
      x: { label: "variance of the noise" },
      y: { label: "share of tokens kept", domain: [0, 1] },
      color: { domain: models, range: models.map((_, index) => colours[index % colours.length]) },
      marks: [
        Plot.line(points, { x: "variance", y: "keptShare", z: "model", stroke: "model", strokeWidth: 1.8 }),
        Plot.dot(points, { x: "variance", y: "keptShare", fill: "model", r: 3 }),
        Plot.text(ends, { x: "variance", y: "keptShare", text: "model", fill: "model", dx: 8, textAnchor: "start" }),
      ],
    },
    `share of tokens kept: ${points.map(({ model, variance, keptShare }) => `${model} ${percent(keptShare)} at ${variance}`).join(", ")}`,
  );
  return {
    kind: "figure",
    name: "table3-kept.svg",
    svg,
    caption: "Share of a context's tokens that its rewrites keep, by the variance of the noise in latent space.",
  };
}

function page(record: Table3Record): Page {
  const { points, sources } = record;
  const models = [...new Set(points.map(({ model }) => model))];
  const examples = models.flatMap((name): Block[] => {
    const own = points.filter(({ model }) => model === name);
    const first = (own[0]?.rewrites ?? []).filter(({ variant }) => variant === 0).map(({ source }) => source);
    const rewriteOf = ({ rewrites }: SweepPoint, source: string): string =>
      rewrites.find((rewrite) => rewrite.source === source && rewrite.variant === 0)?.text ?? "";
    return [
      heading(`Rewrites by ${name}`),
      ...first.slice(0, shownContexts).flatMap((source): Block[] => [
        paragraph(`Of “${source}”:`),
        tableOf(
          ["variance", "rewrite"],
          own.map((point) => [String(point.variance), rewriteOf(point, source) || "(empty)"]),
        ),
      ]),
    ];
  });
  return {
    title: "Table 3: rewritten contexts",
    lead: `Scale ${record.scale}, seed ${record.seed}. No filter has run: these are all rewrites as they came, the good and the bad.`,
    blocks: [
      paragraph(`${describeData(record.data)} Contexts: ${record.contexts}.`),
      paragraph(
        "x^ = f^-1(f(x) + z0), z0 ~ N(0, variance); the paper's autoregressive flow keeps position 0, its `<sos>`. The paper keeps variance 0.5, judged by eye, and shows one rewritten context each of TVQA and SQuAD that its filter let through. The share of tokens kept is the longest common subsequence with the context over the context's tokens (a word that the vocabulary does not have is lost whatever the noise: variance 0 shows how many there are); self-BLEU is that among the rewrites of one context; nats per token are the model's own bound.",
      ),
      sweepPlot(points),
      tableOf(
        ["model", "variance", "tokens kept", "unchanged", "empty", "self-BLEU", "nats per token", "of the contexts"],
        points.map((point) => [
          point.model,
          String(point.variance),
          percent(point.keptShare),
          percent(point.unchangedShare),
          percent(point.emptyShare),
          shown(point.selfBleu, 1),
          shown(point.nelboPerToken),
          shown(sources.find(({ model }) => model === point.model)?.nelboPerToken),
        ]),
      ),
      ...examples,
      paragraph(
        `The first rewrite at each variance of the first ${shownContexts} contexts; all others are in \`table3.json\`.`,
      ),
      paragraph(describeProvenance(record)),
    ],
  };
}

/**
 * Rewrites contexts with each model at each variance and writes table3.json, .md and .html.
 *
 * @throws UsageError, DataMissingError, StoppedError
 */
export async function runTable3(options: Table3Options): Promise<{ record: Table3Record; files: string[] }> {
  const { out, seed, variances, variants } = options;
  const began = performance.now();
  requireNumbers("variances", variances, noiseVariances.takes, noiseVariances.expected);
  requireNumbers("variants", [variants], (value) => Number.isInteger(value) && value > 0, "a positive integer");
  const given = await generationData(options);
  if (!given)
    throw new UsageError("expected --data FILE...: the contexts to rewrite (and to train on, without --model)");
  const { texts, what } = await contextsOf(given, options.contexts);
  makeDirectory(out);
  const found = await overFlows(options, given, table3Rows, (flow) => {
    const prepared = preparable(flow.model, texts);
    const points = variances.map((noiseVariance) =>
      pointOf(flow, noiseVariance, perturbTexts(flow.model, prepared, { noiseVariance, variants, seed }), options),
    );
    const nats = natsOf(flow.model, texts, seed).flatMap((value) => value ?? []);
    return { points, source: { model: flow.name, nelboPerToken: mean(nats) } };
  });
  const own = ["--variances", variances.join(","), "--contexts", texts.length, "--variants", variants];
  const record: Table3Record = {
    table: 3,
    ...provenanceOf("table3", options, began, own),
    seed,
    data: given.record,
    contexts: `${texts.length} ${what}`,
    filter: null,
    sources: found.map(({ source }) => source),
    points: found.flatMap(({ points }) => points),
  };
  return { record, files: writePage(out, "table3", record, page(record)) };
}
