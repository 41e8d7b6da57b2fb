/** Language Flow+ is trained in two stages: the flow, as any flow is, then the decoder of its latents, the flow frozen. */
import { join } from "node:path";
import { UsageError } from "../base/errors.ts";
import { type Config, parseConfig } from "../flow/index.ts";
import { readModelConfig } from "../flow/modelFolder.ts";

/** Where the flow is trained inside the folder of a Language Flow+. */
export function flowFolder(out: string): string {
  return join(out, "flow");
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
