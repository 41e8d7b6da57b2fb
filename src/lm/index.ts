/** Floor 5: discrete language models over a flow's vocabulary, to compare flows with in nats per token. */
export { type LanguageModelConfig, languageModelSchema, parseLanguageModelConfig } from "./config.ts";
export { LanguageModel, type LanguageModelPlace, languageModelNats, type TokenIds } from "./languageModel.ts";
export { loadLanguageModel, saveLanguageModel } from "./modelFolder.ts";
export { BigramModel, type DataEntropy, dataEntropy } from "./ngram.ts";
