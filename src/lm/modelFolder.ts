/** A language model's folder: config.json, vocabulary.json, model.safetensors, as a flow's. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { makeDirectory, writeFileAtomic } from "../base/atomicFile.ts";
import { DataMissingError, messageOf, UsageError } from "../base/errors.ts";
import { readText } from "../base/readText.ts";
import { Vocabulary } from "../text/vocabulary.ts";
import { loadSafetensors, saveSafetensors } from "../torch/safetensors.ts";
import { parseLanguageModelConfig } from "./config.ts";
import { LanguageModel, type LanguageModelPlace } from "./languageModel.ts";

const files = { config: "config.json", vocabulary: "vocabulary.json", tensors: "model.safetensors" } as const;

/** Writes the folder; each file atomically, the tensors last. @throws RiverrunError */
export function saveLanguageModel(model: LanguageModel, directory: string): void {
  makeDirectory(directory);
  writeFileAtomic(join(directory, files.config), `${JSON.stringify(model.config, null, 2)}\n`);
  writeFileAtomic(join(directory, files.vocabulary), `${JSON.stringify(model.vocabulary)}\n`);
  saveSafetensors(join(directory, files.tensors), model.stateDict());
}

function textOf(directory: string, name: string): string {
  const path = join(directory, name);
  if (!existsSync(path)) throw new DataMissingError(`${path} does not exist: expected a language model's folder`);
  return readText(path);
}

/** Reads a folder. @throws DataMissingError where a file is missing, UsageError where one is damaged. */
export function loadLanguageModel(directory: string, place: LanguageModelPlace = {}): LanguageModel {
  const path = join(directory, files.config);
  const text = textOf(directory, files.config);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new UsageError(`${path}: expected JSON: ${messageOf(error)}`);
  }
  const config = parseLanguageModelConfig(value, path);
  const vocabulary = Vocabulary.parse(textOf(directory, files.vocabulary), join(directory, files.vocabulary));
  const tensors = join(directory, files.tensors);
  if (!existsSync(tensors)) throw new DataMissingError(`${tensors} does not exist: expected a language model's folder`);
  const loaded = loadSafetensors(tensors).tensors;
  try {
    const model = new LanguageModel(config, vocabulary, place);
    try {
      model.loadStateDict(loaded);
    } catch (error) {
      model.dispose();
      throw new UsageError(`${tensors}: ${messageOf(error)}`, { cause: error });
    }
    return model;
  } finally {
    for (const tensor of loaded.values()) tensor.dispose();
  }
}
