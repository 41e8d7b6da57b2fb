/** What all rows of a data set share: word vectors and, through them and the texts, one vocabulary. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { makeDirectory, writeFileAtomic } from "../base/atomicFile.ts";
import { RiverrunError, UsageError } from "../base/errors.ts";
import type { PreparedText } from "../flow/index.ts";
import { tokenizerOf } from "../text/tokenizer-names.ts";
import { writeVectors } from "../text/vectors.ts";
import { Vocabulary } from "../text/vocabulary.ts";
import { prepareModel } from "../train/index.ts";
import type { ExperimentData } from "./data.ts";
import { flowConfig, rowNamed } from "./rows.ts";
import type { Scale } from "./scales.ts";
import { StoppedError } from "./stopped.ts";

/** Seed of the vectors: seeds of a table change models, never data. */
const vectorSeed = 2020;

/** The shared parts of one data set. */
export interface SharedParts {
  readonly vocabulary: Vocabulary;
  /** File of word vectors in GloVe's text format. */
  readonly vectors: string;
  /** Ids of the words and the closing `<eos>` of a text: what every model of the data set scores. */
  idsOf(text: string): number[];
}

/**
 * Makes or finds the shared parts in `folder`.
 *
 * @throws UsageError where the folder holds those of other data or another scale.
 */
export async function prepareShared(
  data: ExperimentData,
  scale: Scale,
  folder: string,
  hooks: { readonly log: (message: string) => void; readonly stopRequested: () => string | undefined },
): Promise<SharedParts> {
  makeDirectory(folder);
  const paths = { vectors: join(folder, "vectors.txt"), vocabulary: join(folder, "vocabulary.json") };
  const marker = join(folder, "data.json");
  const row = rowNamed("bilstm-density");
  if (row.kind !== "flow") throw new RiverrunError("internal: the Bi-LSTM density is a flow");
  const config = flowConfig(row, scale, data, vectorSeed);
  const { tokenizer: name, dimensions, minCount, maxVocabulary } = config.data;
  const words = {
    tokenizer: name,
    dimensions,
    minCount,
    maxVocabulary,
    vectors: { ...config.vectors, seed: vectorSeed },
  };
  const mark = `${JSON.stringify({ scale: scale.name, fingerprint: data.fingerprint, ...words })}\n`;
  if (existsSync(marker)) {
    if (readFileSync(marker, "utf8") !== mark) {
      throw new UsageError(
        `${folder} was made from other texts or at another scale: give another --out (or the same data and --scale again)`,
      );
    }
  } else {
    const { model, trainedVectors } = await prepareModel({
      config,
      texts: data.training,
      log: hooks.log,
      onVectors: () => {
        const signal = hooks.stopRequested();
        if (signal !== undefined) throw new StoppedError(signal, `the word vectors of ${data.name}`);
      },
    });
    if (!trainedVectors) throw new RiverrunError("internal: no word vectors were trained");
    writeVectors(paths.vectors, trainedVectors);
    writeFileAtomic(paths.vocabulary, `${JSON.stringify(model.vocabulary)}\n`);
    model.dispose();
    writeFileAtomic(marker, mark);
  }
  const vocabulary = Vocabulary.parse(readFileSync(paths.vocabulary, "utf8"), paths.vocabulary);
  const tokenizer = tokenizerOf(data.tokenizer, undefined);
  return {
    vocabulary,
    vectors: paths.vectors,
    idsOf: (text) => [...vocabulary.encode(tokenizer.tokenize(text)), Vocabulary.eos],
  };
}

/**
 * Makes sure that a flow scores the shared ids and no others: the same words, `<eos>` counted, nothing cut.
 *
 * @throws RiverrunError where it does not; the rows of a table could not be compared.
 */
export function requireSharedIds(prepared: PreparedText, expected: readonly number[], model: string): void {
  const first = prepared.ids[0] === Vocabulary.sos ? 1 : 0;
  const own = prepared.ids.slice(first, first + prepared.tokensCounted);
  if (own.length === expected.length && own.every((id, index) => id === expected[index])) return;
  throw new RiverrunError(
    `internal: ${model} reads ${JSON.stringify(prepared.text.slice(0, 60))} as ${own.length} tokens of its own, expected the ${expected.length} that all rows share`,
  );
}
