/** A model as a folder: config.json, vocabulary.json, model.safetensors, and wordpieces.json where its tokens are those. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { makeDirectory, writeFileAtomic } from "../base/atomicFile.ts";
import { DataMissingError, messageOf, UsageError } from "../base/errors.ts";
import { programName } from "../base/invocation.ts";
import { readText } from "../base/readText.ts";
import { numbersOf, type Precision } from "../nn/index.ts";
import { Vocabulary } from "../text/vocabulary.ts";
import type { WordPiece } from "../text/wordPiece.ts";
import { parseWordPieceJson, wordPieceJson } from "../text/wordPieceFile.ts";
import { isFloating, scope, type Tensor } from "../torch/index.ts";
import { loadSafetensors, saveSafetensors } from "../torch/safetensors.ts";
import { type Config, missingKeys, parseConfig } from "./config.ts";
import { TextFlow } from "./textFlow.ts";

/** The word pieces of a model that was trained on them. */
const wordPieceFile = "wordpieces.json";

/** Names of the three files. */
export const modelFiles = {
  config: "config.json",
  vocabulary: "vocabulary.json",
  tensors: "model.safetensors",
} as const;

/**
 * Writes the model's files, each atomically, the tensors last. Configuration and vocabulary are the same at every save
 * of a training, so a reader always sees a whole older or a whole newer model.
 *
 * @throws RiverrunError where the folder cannot be written; what stood there stays.
 */
export function saveModel(model: TextFlow, directory: string): void {
  makeDirectory(directory);
  writeFileAtomic(join(directory, modelFiles.config), `${JSON.stringify(model.config, null, 2)}\n`);
  writeFileAtomic(join(directory, modelFiles.vocabulary), `${JSON.stringify(model.vocabulary.toJSON())}\n`);
  if (model.wordPiece) writeFileAtomic(join(directory, wordPieceFile), wordPieceJson(model.wordPiece));
  saveSafetensors(join(directory, modelFiles.tensors), model.stateDict(), { format: "riverrun", version: "1" });
}

/** @throws DataMissingError where the file of a model's folder is not there, UsageError where it cannot be read */
function readModelText(path: string): string {
  if (!existsSync(path)) {
    throw new DataMissingError(
      `${path} does not exist: expected the folder of a trained model (${programName()} train --out)`,
    );
  }
  return readText(path);
}

/** What a reader of a saved file makes of it. @throws what it throws, with what to do where the file is damaged */
export function demandWhole<Read>(read: () => Read): Read {
  try {
    return read();
  } catch (error) {
    if (error instanceof UsageError) {
      error.message = `${error.message.replace(/\.$/, "")}; copy the folder from where it is whole, or train anew`;
    }
    throw error;
  }
}

function readJson(path: string): unknown {
  const text = readModelText(path);
  return demandWhole(() => {
    try {
      return JSON.parse(text) as unknown;
    } catch (error) {
      throw new UsageError(`${path}: expected JSON: ${messageOf(error)}`);
    }
  });
}

/**
 * The configuration of a model's folder.
 *
 * @throws UsageError naming the key; where keys are missing, it says what to do, for versions before had fewer of them
 */
function readConfig(path: string): Config {
  const value = readJson(path);
  const missing = missingKeys(value);
  if (missing.length === 0) return parseConfig(value, path);
  const { preset } = value as { readonly preset?: unknown };
  const printed = `${programName()} train --preset ${typeof preset === "string" ? preset : "NAME"} --print-config`;
  throw new UsageError(
    `${path}: missing ${missing.slice(0, 8).join(", ")}: the model was saved by an earlier version of riverrun, or the file is damaged; add what is missing, with the values that "${printed}" shows`,
  );
}

/** The configuration of a model's folder. @throws DataMissingError, UsageError */
export function readModelConfig(directory: string): Config {
  return readConfig(join(directory, modelFiles.config));
}

/**
 * The word pieces of a model's folder.
 *
 * @throws DataMissingError where the file is missing, UsageError where it is damaged
 */
export function readWordPieces(directory: string): WordPiece {
  const path = join(directory, wordPieceFile);
  const text = readModelText(path);
  return demandWhole(() => parseWordPieceJson(text, path));
}

/**
 * Fewest parameters that a model of this configuration can have. Compared with what the file holds before anything is
 * allocated, so that a damaged configuration is an error message and not a machine out of memory.
 */
function leastParameters(config: Config): number {
  const { attentionDecoder: decoder } = config;
  // Each LSTM layer's matrices over its own past.
  return leastFlowParameters(config) + (decoder ? 4 * decoder.layers * decoder.width ** 2 : 0);
}

function leastFlowParameters(config: Config): number {
  const { flow, data } = config;
  let channels = data.dimensions;
  if (flow.couplings === "autoregressive") {
    // The networks' layers and the f x f layers of the cells' MLPs.
    return flow.steps * (flow.layers * 8 * channels ** 2 + 3 * (flow.hidden ?? channels) ** 2);
  }
  if (flow.head !== "none") {
    const width = flow.hidden ?? channels;
    const shallow = flow.couplings === "tarflow" ? flow.steps - 1 : flow.steps;
    return (shallow * flow.layers + (flow.deepLayers ?? flow.layers)) * 8 * width ** 2;
  }
  let count = 0;
  for (let level = 1; level <= flow.levels; level++) {
    const width = flow.hidden ?? channels / 2;
    count += flow.steps * flow.layers * 4 * width * width;
    const doubles = level === 1 && flow.layout === "wide";
    if (doubles) channels *= 2;
  }
  return count;
}

/** @throws UsageError where a parameter of the flow or an entry of the codebook is infinite (NaN is refused on reading). */
function refuseInfinite(tensors: ReadonlyMap<string, Tensor>, path: string): void {
  for (const [name, value] of tensors) {
    // Logarithms of probabilities may be -Infinity: lengths and words that cannot be.
    if (name === "logPrior" || name === "lengthLogProbabilities" || value.numel === 0) continue;
    if (isFloating(value.dtype) && scope(() => value.amin().item()) === Number.NEGATIVE_INFINITY) {
      throw new UsageError(`${path}: tensor "${name}" holds a number that is not finite: the file is damaged`);
    }
  }
}

/** The precision that a model was saved in: that of its codebook. */
function savedPrecision(codebook: Tensor): Precision {
  return codebook.dtype === "float64" ? "float64" : "float32";
}

/**
 * Reads a model's folder, in the precision of its model.safetensors (float32 or float64) unless another is named.
 *
 * @throws DataMissingError where a file is missing; UsageError where one is damaged or does not fit the others, and for
 *   bf16 where the model was saved in float64.
 */
export function loadModel(
  directory: string,
  options: { readonly device?: string; readonly precision?: Precision } = {},
): TextFlow {
  const paths = {
    config: join(directory, modelFiles.config),
    vocabulary: join(directory, modelFiles.vocabulary),
    tensors: join(directory, modelFiles.tensors),
  };
  const config = readConfig(paths.config);
  const words = readModelText(paths.vocabulary);
  const vocabulary = demandWhole(() => Vocabulary.parse(words, paths.vocabulary));
  const wordPiece = config.data.tokenizer === "wordpiece" ? readWordPieces(directory) : undefined;
  if (!existsSync(paths.tensors)) {
    throw new DataMissingError(
      `${paths.tensors} does not exist: the model was never saved, or its training was stopped before the first checkpoint`,
    );
  }
  const { tensors } = demandWhole(() => loadSafetensors(paths.tensors));
  try {
    const codebook = tensors.get("codebook");
    const expected = [vocabulary.size, config.data.dimensions];
    if (!codebook || codebook.shape.join() !== expected.join()) {
      throw new UsageError(
        `${paths.tensors}: expected a codebook of shape [${expected.join(", ")}] (words of vocabulary.json x data.dimensions of config.json), got ${codebook ? `[${codebook.shape.join(", ")}]` : "none"}`,
      );
    }
    const held = [...tensors.values()].reduce((sum, { numel }) => sum + numel, 0);
    const least = leastParameters(config);
    if (held < least) {
      throw new UsageError(
        `${directory}: config.json describes a flow of at least ${least} parameters, but model.safetensors holds ${held}: they do not belong together`,
      );
    }
    refuseInfinite(tensors, paths.tensors);
    const { device, precision } = options;
    const saved = savedPrecision(codebook);
    if (precision === "bf16" && saved === "float64") {
      throw new UsageError(
        `${directory}: the model was trained in float64, to more digits than bf16 keeps: expected --precision float32 or float64`,
      );
    }
    const { dtype, networks } = numbersOf(precision ?? saved);
    const model = TextFlow.blank({ config, vocabulary, wordPiece, device, dtype });
    try {
      model.loadStateDict(tensors);
    } catch (error) {
      throw new UsageError(
        `${paths.tensors}: ${messageOf(error)}; config.json beside it describes another model: expected both files of one training`,
        { cause: error },
      );
    }
    model.networkPrecision = networks;
    model.folder = directory;
    return model;
  } finally {
    for (const loaded of tensors.values()) loaded.dispose();
  }
}
