/** Trainings on the word pieces of a BERT-family model: what `--vectors` and a resumed folder say about the tokens. */
import { type Config, parseConfig } from "../flow/index.ts";
import { bertDimensions, isModelFolder } from "../text/bertTable.ts";
import type { WordVectors } from "../text/vectors.ts";
import type { WordPiece } from "../text/wordPiece.ts";
import { readWordPiece } from "../text/wordPieceFolder.ts";

/** A configuration and, where its tokens are word pieces, what cuts them. */
export interface TokenChoice {
  readonly config: Config;
  readonly wordPiece: WordPiece | undefined;
}

/** The folder of a BERT-family model where the vectors are one. */
export function modelFolderOf(vectors: string | WordVectors | undefined): string | undefined {
  return typeof vectors === "string" && isModelFolder(vectors) ? vectors : undefined;
}

/**
 * The configuration with the tokens and the channels of a model's word pieces.
 *
 * @throws UsageError where the flow cannot have that many channels
 */
export function withWordPieces(config: Config, dimensions: number, source: string): Config {
  const data = { ...config.data, tokenizer: "wordpiece", dimensions };
  return parseConfig({ ...config, data }, `${source} has word pieces of ${dimensions} channels`);
}

/**
 * What a new training's tokens are: the word pieces of a model's folder where the vectors are one, else those of the
 * configuration.
 *
 * @throws DataMissingError, UsageError where the folder is incomplete or damaged
 */
export function tokenChoice(config: Config, vectors: string | WordVectors | undefined): TokenChoice {
  const folder = modelFolderOf(vectors);
  if (folder === undefined) return { config, wordPiece: undefined };
  const wordPiece = readWordPiece(folder);
  return { config: withWordPieces(config, bertDimensions(folder), folder), wordPiece };
}
