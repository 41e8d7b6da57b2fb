/** The configuration that a training really has: what its vectors, its flow, its start and its folder say about it. */
import { UsageError } from "../base/errors.ts";
import type { Config } from "../flow/index.ts";
import { readWordPieces } from "../flow/modelFolder.ts";
import type { Precision } from "../nn/index.ts";
import { type Checkpoint, checkpointConfig, findCheckpoint } from "./checkpoint.ts";
import type { TrainOptions } from "./options.ts";
import { flowCheckpoint, onFlowOf } from "./plus.ts";
import { demandSameModel } from "./warmStart.ts";
import { type TokenChoice, tokenChoice, withWordPieces } from "./wordPieces.ts";

/** The configuration with all of its stages in a precision; as it is where none is asked for. */
export function inPrecision(config: Config, precision: Precision | undefined): Config {
  if (precision === undefined) return config;
  const { train, attentionDecoder } = config;
  const inIt = (stage: Config["train"]): Config["train"] => ({ ...stage, precision });
  return {
    ...config,
    train: inIt(train),
    ...(attentionDecoder && {
      attentionDecoder: { ...attentionDecoder, flowTrain: inIt(attentionDecoder.flowTrain) },
    }),
  };
}

/** Tokens of a training on what a folder's model reads, under a configuration with its `data`. */
function tokensOfModel(config: Config, folder: string): TokenChoice {
  return { config, wordPiece: config.data.tokenizer === "wordpiece" ? readWordPieces(folder) : undefined };
}

/**
 * Tokens of a resumed training: as they were. Where a flow was named, the checkpoint says what that says of a new training,
 * so that its folder may be gone.
 */
function tokensOfCheckpoint(wanted: Config, checkpoint: Checkpoint, isOnFlow: boolean): TokenChoice {
  const { data, vectors, flow, seed } = checkpointConfig(checkpoint);
  const config = isOnFlow ? { ...wanted, data, vectors, flow, seed } : wanted;
  if (data.tokenizer !== "wordpiece") return { config, wordPiece: undefined };
  const wordPiece = readWordPieces(checkpoint.folder);
  return { config: withWordPieces(config, data.dimensions, checkpoint.folder), wordPiece };
}

/** Tokens of a training: a resumed one's as they were, a new one's as its vectors say. */
export function tokensOf({ config, vectors, resume, out, flow, from }: TrainOptions): TokenChoice {
  if (resume && out !== undefined) {
    const isFirstStage = config.attentionDecoder !== undefined && flow === undefined;
    const checkpoint = findCheckpoint(out) ?? (isFirstStage ? flowCheckpoint(out) : undefined);
    if (checkpoint) return tokensOfCheckpoint(config, checkpoint, flow !== undefined);
  }
  if (from !== undefined) {
    if (flow !== undefined) throw new UsageError("--from and --flow: expected one of them");
    if (vectors !== undefined)
      throw new UsageError(`the model in ${from} has word vectors of its own: leave --vectors out`);
    demandSameModel(config, from);
    return tokensOfModel(config, from);
  }
  if (flow !== undefined) {
    if (vectors !== undefined)
      throw new UsageError(`the flow in ${flow} has word vectors of its own: leave --vectors out`);
    return tokensOfModel(onFlowOf(config, flow), flow);
  }
  return tokenChoice(config, vectors);
}
