/** Which changes of the configuration a resumed training takes. */
import { UsageError } from "../base/errors.ts";
import type { Config } from "../flow/index.ts";
import type { Precision } from "../nn/index.ts";

/** Keys of the training that decide what the saved state consists of, and in what its numbers were found. */
const fixedTrainingKeys = new Set(["optimiser", "ema", "precision"]);

/** All leaves of a configuration by dotted key, as JSON. */
export function leavesOf(value: unknown, path = "", into = new Map<string, string>()): Map<string, string> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    for (const [key, inner] of Object.entries(value)) leavesOf(inner, path === "" ? key : `${path}.${key}`, into);
  } else into.set(path, JSON.stringify(value));
  return into;
}

/**
 * The wanted configuration in the precision of the saved one, where it says float32: presets do, so it is no wish. Any other
 * stays and is compared.
 *
 * @param asked what was asked for beside the configuration; of a Language Flow+ it means the decoder, whose flow is there
 */
export function keepPrecision(saved: Config, wanted: Config, asked?: Precision): Config {
  const of = (before: Config["train"], now: Config["train"]): Config["train"] => ({
    ...now,
    precision: before.precision,
  });
  const kept = (before: Config["train"], now: Config["train"]): Config["train"] =>
    now.precision === "float32" ? of(before, now) : now;
  const { attentionDecoder } = wanted;
  const flowTrain = saved.attentionDecoder?.flowTrain;
  const keptOfFlow = asked === undefined ? kept : of;
  return {
    ...wanted,
    train: asked === undefined ? kept(saved.train, wanted.train) : wanted.train,
    ...(attentionDecoder &&
      flowTrain && {
        attentionDecoder: { ...attentionDecoder, flowTrain: keptOfFlow(flowTrain, attentionDecoder.flowTrain) },
      }),
  };
}

/**
 * Keys that differ, as "train.maxSteps: 200 is now 400". Keys of `train` (but for the optimiser's kind, the averaging and
 * the precision), `generate` and `report` may change; the others make another model.
 *
 * @throws UsageError naming the training's folder, `out`, and the keys that may not.
 */
export function configChanges(saved: Config, wanted: Config, out: string): string[] {
  const before = leavesOf(saved);
  const changes: string[] = [];
  const refused: string[] = [];
  for (const [key, now] of leavesOf(wanted)) {
    const then = before.get(key);
    if (then === now) continue;
    const line = `${key}: ${then} is now ${now}`;
    const [part, name] = key.split(".");
    const may = part === "generate" || part === "report" || (part === "train" && !fixedTrainingKeys.has(name));
    (may ? changes : refused).push(line);
  }
  if (refused.length > 0) {
    throw new UsageError(
      `${out}: this training was started with another configuration (${refused.join("; ")}): resume it with its own, which is taken where none is named, or start another with another --out`,
    );
  }
  return changes;
}
