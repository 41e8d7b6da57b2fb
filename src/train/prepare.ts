/** From texts to an untrained model: vocabulary, vectors, table. */
import { UsageError } from "../base/errors.ts";
import { type Config, TextFlow } from "../flow/index.ts";
import { trainGlove } from "../text/glove/train.ts";
import { tokenizerByName } from "../text/tokenizer-names.ts";
import { readVectors, tableFor } from "../text/vectors.ts";
import { Vocabulary } from "../text/vocabulary.ts";

/** What a new model is made from. */
export interface PrepareOptions {
  readonly config: Config;
  readonly texts: readonly string[];
  /** A file of vectors in GloVe's text format; without it they are trained on the texts. */
  readonly vectors?: string;
  readonly device?: string;
  readonly log?: (message: string) => void;
}

/** @throws UsageError where the texts are too few to learn from or the vectors do not fit. */
export async function prepareModel(options: PrepareOptions): Promise<TextFlow> {
  const { config, texts, log } = options;
  const { data } = config;
  const tokenizer = tokenizerByName(data.tokenizer);
  const tokens = texts.map((text) => tokenizer.tokenize(text)).filter((words) => words.length > 0);
  if (tokens.length < 2)
    throw new UsageError(`the training data has ${tokens.length} texts with words: expected at least 2`);
  const unit = 2 ** (config.flow.levels - 1);
  const fills = (words: readonly string[]): number =>
    data.fixedLength ? data.positions : Math.ceil(Math.min(words.length + 1, data.positions) / unit) * unit;
  const pads = tokens.reduce((sum, words) => sum + Math.max(0, fills(words) - words.length - 1), 0);
  const vocabulary = Vocabulary.build(tokens, {
    minCount: data.minCount,
    maxSize: data.maxVocabulary,
    specialCounts: { pad: pads },
  });
  log?.(`${tokens.length} texts, ${vocabulary.size} words in the vocabulary`);
  let table: Float32Array;
  if (options.vectors) {
    const only = new Set(vocabulary.tokens);
    const vectors = await readVectors(options.vectors, { only });
    if (vectors.dimensions !== data.dimensions) {
      throw new UsageError(
        `${options.vectors}: vectors of ${vectors.dimensions} dimensions, but data.dimensions is ${data.dimensions}`,
      );
    }
    const filled = tableFor(vocabulary, vectors, config.seed);
    table = filled.table;
    log?.(`${vocabulary.size - filled.missing} of ${vocabulary.size} words found in ${options.vectors}`);
  } else {
    const ids = tokens.map((words) => [...vocabulary.encode(words), Vocabulary.eos]);
    const values = await trainGlove(ids, vocabulary.size, {
      ...config.vectors,
      dimensions: data.dimensions,
      seed: config.seed,
      onProgress: ({ iteration, iterations, loss }) => {
        if (iteration === iterations || iteration % 10 === 0) {
          log?.(`word vectors: iteration ${iteration} of ${iterations}, loss ${loss.toFixed(4)}`);
        }
      },
    });
    // Words that stood near nothing keep tiny starting vectors; specials never seen get draws of the table's spread.
    const seen = {
      words: vocabulary.tokens.filter(
        (_, id) => vocabulary.counts[id] > 0 && id !== Vocabulary.pad && id !== Vocabulary.sos,
      ),
    };
    const rows = new Float32Array(seen.words.length * data.dimensions);
    seen.words.forEach((word, index) => {
      const at = vocabulary.id(word) * data.dimensions;
      rows.set(values.subarray(at, at + data.dimensions), index * data.dimensions);
    });
    table = tableFor(vocabulary, { words: seen.words, dimensions: data.dimensions, values: rows }, config.seed).table;
  }
  return TextFlow.build({ config, vocabulary, table, positionCounts: tokens.map(fills), device: options.device });
}
