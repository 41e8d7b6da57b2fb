/** Floor 2: tokenizers, vocabulary, word vectors. */
export { type Codebook, codebookOf, Embedder } from "./embedder.ts";
export {
  type GloveOptions,
  type GloveOutcome,
  type GloveRunOptions,
  resumeGlove,
  runGlove,
  trainGlove,
} from "./glove/train.ts";
export { UnfinishedGlove } from "./glove/unfinished.ts";
export { tokenize13a, tokenize13aWithOffsets } from "./mteval13a.ts";
export { type Neighbour, nearestWords } from "./neighbours.ts";
export type { TextToken } from "./offsets.ts";
export type { Tokenizer } from "./tokenizer.ts";
export { tokenizerByName, tokenizerNames } from "./tokenizer-names.ts";
export { readVectors, tableFor, type WordVectors, writeVectors } from "./vectors.ts";
export { Vocabulary } from "./vocabulary.ts";
