/** Trainings that start from a trained model: its parameters, words and vectors, learnt further on other texts. */
import { UsageError } from "../base/errors.ts";
import { type Config, loadModel, TextFlow } from "../flow/index.ts";
import { readModelConfig } from "../flow/modelFolder.ts";
import type { Precision } from "../nn/index.ts";
import { positionCountsOf } from "./prepare.ts";
import { leavesOf } from "./resumable.ts";

/** Keys that make no other model, though they stand among those that do. */
const freeKeys = new Set(["flow.dropout"]);

/**
 * Refuses a configuration whose model is not the one in the folder: `data` and `flow`, but for the dropout, are its.
 *
 * @throws UsageError naming the keys; DataMissingError where the folder holds no model
 */
export function demandSameModel(config: Config, folder: string): void {
  const given = readModelConfig(folder);
  if (given.attentionDecoder || config.attentionDecoder) {
    throw new UsageError(
      `--from ${folder}: a Language Flow+ cannot start from a trained one: start its flow from a flow, then train a decoder on that with --flow`,
    );
  }
  const then = leavesOf({ data: given.data, flow: given.flow });
  const changed = [...leavesOf({ data: config.data, flow: config.flow })]
    .filter(([key, now]) => then.get(key) !== now && !freeKeys.has(key))
    .map(([key, now]) => `${key} is ${then.get(key)} there and ${now} here`);
  if (changed.length > 0) {
    throw new UsageError(
      `--from ${folder}: the model that is started from decides its data and flow: ${changed.join("; ")}; of these only flow.dropout may change`,
    );
  }
}

/**
 * The model in a folder under a configuration of the same flow. Only its length model is of the texts: how long they are
 * says nothing about how those were that it learnt from.
 */
export function startFrom(
  folder: string,
  config: Config,
  texts: readonly string[],
  place: { readonly device?: string; readonly precision: Precision },
): TextFlow {
  const given = loadModel(folder, place);
  try {
    const counts = given.hasLengthModel ? positionCountsOf(texts, given.tokenizer, config) : [];
    return TextFlow.startingFrom(given, config, counts);
  } finally {
    given.dispose();
  }
}
