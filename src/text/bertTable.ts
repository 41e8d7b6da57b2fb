/** The frozen word-piece table of a BERT-family model, as word vectors. */
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { DataMissingError, messageOf, UsageError } from "../base/errors.ts";
import { loadSafetensors } from "../torch/safetensors.ts";
import type { WordVectors } from "./vectors.ts";
import { SPECIAL_TOKENS, Vocabulary } from "./vocabulary.ts";
import type { WordPiece } from "./wordPiece.ts";
import { readWordPiece } from "./wordPieceFolder.ts";

const TENSOR = "embeddings.word_embeddings.weight";

/** Which of BERT's special pieces stands for which of ours. */
const SPECIAL: readonly (readonly [id: number, piece: string])[] = [
  [Vocabulary.pad, "[PAD]"],
  [Vocabulary.unk, "[UNK]"],
  [Vocabulary.eos, "[SEP]"],
  [Vocabulary.sos, "[CLS]"],
];

/** Whether a path is a folder, and so a model's rather than a file of word vectors. */
export function isModelFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/**
 * Channels of a model's word pieces, the `hidden_size` of its config.json.
 *
 * @throws DataMissingError where there is no config.json, UsageError where it does not say
 */
export function bertDimensions(folder: string): number {
  const path = join(folder, "config.json");
  if (!existsSync(path)) {
    throw new DataMissingError(
      `${path} does not exist: expected the folder of a BERT-family model (config.json, vocab.txt, model.safetensors)`,
    );
  }
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw new UsageError(`${path}: expected JSON: ${messageOf(error)}`);
  }
  const result = z.object({ hidden_size: z.int().positive() }).safeParse(value);
  if (!result.success) throw new UsageError(`${path}: expected the number hidden_size, channels of a word piece`);
  return result.data.hidden_size;
}

/** A model's WordPiece and its table, one row a piece. */
export interface BertTable {
  readonly wordPiece: WordPiece;
  readonly vectors: WordVectors;
}

/**
 * Reads tokenizer and table of a folder with config.json, vocab.txt or tokenizer.json, and model.safetensors. Beside the
 * pieces the vectors have our special words: `<pad>`, `<unk>`, `<eos>`, `<sos>` get the rows of [PAD], [UNK], [SEP], [CLS].
 *
 * @throws DataMissingError where a file is missing; UsageError where one is damaged or they do not belong together
 */
export function readBertTable(folder: string): BertTable {
  const dimensions = bertDimensions(folder);
  const wordPiece = readWordPiece(folder);
  const path = join(folder, "model.safetensors");
  const { tensors } = loadSafetensors(path, { dtype: "float32" });
  try {
    const name = [TENSOR, `bert.${TENSOR}`].find((candidate) => tensors.has(candidate));
    const table = name === undefined ? undefined : tensors.get(name);
    if (!table) {
      throw new UsageError(`${path}: there is no tensor "${TENSOR}": expected the weights of a BERT-family model`);
    }
    const [rows, columns] = table.shape;
    const { pieces } = wordPiece;
    // Tables may be padded to a round number of rows.
    if (table.shape.length !== 2 || columns !== dimensions || rows < pieces.length) {
      throw new UsageError(
        `${path}: tensor "${name}" has shape [${table.shape.join(", ")}]; ${pieces.length} word pieces with the hidden_size ${dimensions} of config.json need [${pieces.length}, ${dimensions}]`,
      );
    }
    const values = table.data() as Float32Array;
    const special = SPECIAL.flatMap(([word, piece]) => {
      const id = wordPiece.id(piece);
      return id === undefined ? [] : [{ word, id }];
    });
    const all = new Float32Array((pieces.length + special.length) * dimensions);
    all.set(values.subarray(0, pieces.length * dimensions));
    special.forEach(({ id }, index) => {
      all.set(values.subarray(id * dimensions, (id + 1) * dimensions), (pieces.length + index) * dimensions);
    });
    const words = [...pieces, ...special.map(({ word }) => SPECIAL_TOKENS[word])];
    return { wordPiece, vectors: { words, dimensions, values: all } };
  } finally {
    for (const tensor of tensors.values()) tensor.dispose();
  }
}
