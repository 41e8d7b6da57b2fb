/** Floor 2: tokenizers, vocabulary, word vectors. */
export { Bpe, joinBpePieces, type Merge } from "./bpe/bpe.ts";
export { type BpeTrainOptions, trainBpe } from "./bpe/train.ts";
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
export { withCedilla, withCommaBelow } from "./romanian.ts";
export { splitSentences, type TextSpan } from "./sentences.ts";
export type { Tokenizer } from "./tokenizer.ts";
export { tokenizerByName, tokenizerNames } from "./tokenizer-names.ts";
export { readVectors, tableFor, type WordVectors, writeVectors } from "./vectors.ts";
export { Vocabulary } from "./vocabulary.ts";
export { type EncodedPieces, WordPiece, type WordPieceOptions } from "./wordPiece.ts";
export { readWordPiece, wordPieceFromTokenizerJson, wordPieceFromVocabulary } from "./wordPieceFolder.ts";
