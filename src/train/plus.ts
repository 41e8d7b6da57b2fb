/** Language Flow+ is trained in two stages: the flow, as any flow is, then the decoder of its latents, the flow frozen. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { writeFileAtomic } from "../base/atomicFile.ts";
import { UsageError } from "../base/errors.ts";
import { type Config, modelFiles, parseConfig } from "../flow/index.ts";
import { readModelConfig } from "../flow/modelFolder.ts";
import { type Checkpoint, checkpointConfig, findCheckpoint } from "./checkpoint.ts";

/** Where the flow is trained inside the folder of a Language Flow+. */
export function flowFolder(out: string): string {
  return join(out, "flow");
}

/** Writes what a Language Flow+ is to be into its own folder, where else only its flow would be until that is trained. */
export function writePlan(out: string, config: Config): void {
  writeFileAtomic(join(out, modelFiles.config), `${JSON.stringify(config, null, 2)}\n`);
}

/** The last checkpoint of the flow of a Language Flow+ whose decoder's training has not begun. @throws UsageError */
export function flowCheckpoint(out: string): Checkpoint | undefined {
  return findCheckpoint(out) ? undefined : findCheckpoint(flowFolder(out));
}

/**
 * The configuration of the training in a folder, of both its stages; undefined where nothing was saved yet.
 *
 * @throws UsageError where it is damaged
 */
export function storedConfig(out: string): Config | undefined {
  const checkpoint = findCheckpoint(out);
  if (checkpoint) return checkpointConfig(checkpoint);
  return flowCheckpoint(out) && existsSync(join(out, modelFiles.config)) ? readModelConfig(out) : undefined;
}

/** The configuration of the first stage. */
export function flowStage({ attentionDecoder, ...config }: Config): Config {
  return attentionDecoder ? { ...config, train: attentionDecoder.flowTrain } : config;
}

/**
 * The configuration of a Language Flow+ on the flow in a folder: what text and flow are made of is the folder's, and so is
 * the seed, which says what texts are held out: those of another seed the flow would have learnt from.
 *
 * @throws UsageError where the configuration has no attention decoder, or the folder holds no flow that one can stand on;
 *   DataMissingError where it holds no model
 */
export function onFlowOf(config: Config, folder: string): Config {
  if (!config.attentionDecoder) {
    throw new UsageError(
      `--flow: ${config.preset} has no attention decoder that a flow is needed for; expected a preset like small-plus`,
    );
  }
  const given = readModelConfig(folder);
  if (given.attentionDecoder) {
    throw new UsageError(
      `${folder} holds a Language Flow+ (${given.preset}); expected a flow, as in its folder "flow"`,
    );
  }
  const { data, vectors, flow, seed } = given;
  return parseConfig({ ...config, data, vectors, flow, seed }, `--flow ${folder}`);
}
