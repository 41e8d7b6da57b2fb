/**
 * riverrun: continuous language flows. `LanguageFlow` does what the commands do; the floors below it are exported as
 * namespaces.
 */
export { DataMissingError, RiverrunError, UsageError } from "./base/errors.ts";
export * as corpora from "./corpora/index.ts";
export { builtinCorpus } from "./corpora/index.ts";
export * as flow from "./flow/index.ts";
export { aboutPreset, type Config, parseConfig, presetConfig, presetNames, type TextScore } from "./flow/index.ts";
export * as generate from "./generate/index.ts";
export { LanguageFlow } from "./languageFlow.ts";
export * as lm from "./lm/index.ts";
export * as metrics from "./metrics/index.ts";
export * as nn from "./nn/index.ts";
export * as report from "./report/index.ts";
export * as text from "./text/index.ts";
export * as torch from "./torch/index.ts";
export * as train from "./train/index.ts";
