/** From texts to an untrained model: vocabulary, vectors, table. */
import { UsageError } from "../base/errors.ts";
import { type Config, type DataConfig, TextFlow } from "../flow/index.ts";
import { readBertTable } from "../text/bertTable.ts";
import { trainGlove } from "../text/glove/train.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { tokenizerOf } from "../text/tokenizer-names.ts";
import { readVectors, tableFor, type WordVectors } from "../text/vectors.ts";
import { Vocabulary } from "../text/vocabulary.ts";
import type { DType } from "../torch/index.ts";
import { modelFolderOf, withWordPieces } from "./wordPieces.ts";

/** Progress of the word vectors' training. */
export interface VectorProgress {
  readonly iteration: number;
  readonly iterations: number;
  readonly loss: number;
}

/** What a new model is made from. */
export interface PrepareOptions {
  readonly config: Config;
  /** Training texts. */
  readonly texts: readonly string[];
  /**
   * Word vectors, a file of them in GloVe's text format, or the folder of a BERT-family model, whose word pieces then are
   * the tokens and whose channels the model's; without them they are trained on the texts.
   */
  readonly vectors?: string | WordVectors;
  readonly device?: string;
  /** Precision of the model's numbers. Default: float32. */
  readonly dtype?: DType;
  readonly log?: (message: string) => void;
  readonly onVectors?: (progress: VectorProgress) => void;
}

/** An untrained model, and the word vectors where they were trained for it. */
export interface PreparedModel {
  readonly model: TextFlow;
  readonly trainedVectors: WordVectors | undefined;
}

/** Which ids a text's positions get: (how many) <sos>, <eos>, <pad> stand beside `words` words. */
function fillOf(
  words: number,
  unit: number,
  { positions, fixedLength }: DataConfig,
): { filled: number; eos: number; pad: number } {
  const whole = words + (fixedLength ? 2 : 1);
  const used = Math.min(whole, positions);
  const filled = fixedLength ? positions : Math.ceil(used / unit) * unit;
  // A fixed length ends a text by two <eos>; a text that is cut has none.
  const second = fixedLength && used < positions ? 1 : 0;
  return { filled, eos: (whole <= positions ? 1 : 0) + second, pad: filled - used - second };
}

/** How many positions each text with words fills. */
export function positionCountsOf(texts: readonly string[], tokenizer: Tokenizer, { data, flow }: Config): number[] {
  const unit = 2 ** (flow.levels - 1);
  return texts
    .map((text) => tokenizer.tokenize(text).length)
    .filter((words) => words > 0)
    .map((words) => fillOf(words, unit, data).filled);
}

async function givenVectors(vectors: string | WordVectors, vocabulary: Vocabulary): Promise<WordVectors> {
  return typeof vectors === "string" ? readVectors(vectors, { only: new Set(vocabulary.tokens) }) : vectors;
}

/** GloVe vectors of the vocabulary's words that the texts hold; `<pad>` and words that were never seen have none. */
async function trainVectors(
  options: PrepareOptions,
  vocabulary: Vocabulary,
  tokens: readonly (readonly string[])[],
): Promise<WordVectors> {
  const { config, onVectors } = options;
  const { dimensions, fixedLength } = config.data;
  const start = fixedLength ? [Vocabulary.sos] : [];
  const ids = tokens.map((words) => [...start, ...vocabulary.encode(words), Vocabulary.eos]);
  const seen = new Set<number>();
  for (const text of ids) for (const id of text) seen.add(id);
  const values = await trainGlove(ids, vocabulary.size, {
    ...config.vectors,
    dimensions,
    seed: config.seed,
    onProgress: onVectors,
  });
  const kept = vocabulary.tokens.map((_, id) => id).filter((id) => seen.has(id));
  const rows = new Float32Array(kept.length * dimensions);
  kept.forEach((id, row) => {
    rows.set(values.subarray(id * dimensions, (id + 1) * dimensions), row * dimensions);
  });
  return { words: kept.map((id) => vocabulary.token(id)), dimensions, values: rows };
}

/**
 * Counts the vocabulary, makes or reads word vectors, builds the model.
 *
 * @throws UsageError where the texts are too few to learn from or the vectors do not fit; DataMissingError.
 */
export async function prepareModel(options: PrepareOptions): Promise<PreparedModel> {
  const { texts, log } = options;
  const folder = modelFolderOf(options.vectors);
  const table = folder === undefined ? undefined : readBertTable(folder);
  const config =
    table && folder !== undefined ? withWordPieces(options.config, table.vectors.dimensions, folder) : options.config;
  const { data } = config;
  if (table) log?.(`tokens are the word pieces of ${folder}, of ${data.dimensions} channels`);
  const tokenizer = tokenizerOf(data.tokenizer, table?.wordPiece);
  const tokens = texts.map((text) => tokenizer.tokenize(text)).filter((words) => words.length > 0);
  if (tokens.length < 2) {
    throw new UsageError(`the training data has ${tokens.length} texts with words: expected at least 2`);
  }
  const unit = 2 ** (config.flow.levels - 1);
  const fills = tokens.map((words) => fillOf(words.length, unit, data));
  const vocabulary = Vocabulary.build(tokens, {
    minCount: data.minCount,
    maxSize: data.maxVocabulary,
    unknown: table?.wordPiece.options.unknown,
    specialCounts: {
      pad: fills.reduce((sum, { pad }) => sum + pad, 0),
      eos: fills.reduce((sum, { eos }) => sum + eos, 0),
    },
  });
  log?.(`${tokens.length} training texts, ${vocabulary.size} words in the vocabulary`);
  let trainedVectors: WordVectors | undefined;
  let vectors: WordVectors;
  if (options.vectors === undefined) {
    log?.("making word vectors from the training texts");
    trainedVectors = await trainVectors(options, vocabulary, tokens);
    vectors = trainedVectors;
  } else {
    vectors = table?.vectors ?? (await givenVectors(options.vectors, vocabulary));
    const source = typeof options.vectors === "string" ? options.vectors : "the given word vectors";
    if (vectors.dimensions !== data.dimensions) {
      throw new UsageError(
        `${source}: vectors of ${vectors.dimensions} dimensions, but data.dimensions is ${data.dimensions}: set it with --set data.dimensions=${vectors.dimensions}, or give other vectors`,
      );
    }
  }
  const { table: rows, missing } = tableFor(vocabulary, vectors, config.seed);
  if (!trainedVectors) {
    const rest = missing > 0 ? "; the others get random ones" : "";
    log?.(`${vocabulary.size - missing} of ${vocabulary.size} words have a vector${rest}`);
    if (missing === vocabulary.size) {
      throw new UsageError(
        "none of the vocabulary's words has a vector: are the vectors of another language or tokenizer?",
      );
    }
  }
  const model = TextFlow.build({
    config,
    vocabulary,
    wordPiece: table?.wordPiece,
    table: rows,
    positionCounts: fills.map(({ filled }) => filled),
    device: options.device,
    dtype: options.dtype,
  });
  return { model, trainedVectors };
}
