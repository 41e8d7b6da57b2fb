/** What the commands that use a trained model share. */
import { loadModel, type TextFlow } from "../flow/index.ts";
import type { GeneratedText } from "../generate/index.ts";
import type { Precision } from "../nn/index.ts";
import { resolveDevice, setThreads } from "../torch/index.ts";

/** Options that all of these commands take. */
export interface ModelOptions {
  readonly model: string;
  readonly device: string;
  readonly threads?: number;
  readonly precision?: Precision;
}

/** Reads the model's folder onto the device, in the precision asked for. @throws DataMissingError, UsageError */
export function openModel(options: ModelOptions): TextFlow {
  if (options.threads !== undefined) setThreads(options.threads);
  return loadModel(options.model, { device: resolveDevice(options.device), precision: options.precision });
}

/** The text, or its tokens joined by spaces under `--raw`. */
export function shown({ raw }: { readonly raw?: boolean }, { text, tokens }: GeneratedText): string {
  return raw ? tokens.join(" ") : text;
}
