import type { TextToken } from "./offsets.ts";

/**
 * Splits a text into tokens and joins tokens into a text.
 *
 * Both functions are total: they throw for no input. No token is empty, and none contains white space but, where a
 * tokenizer says so, no-break spaces.
 */
export interface Tokenizer {
  /** The name under which `tokenizerByName` finds it; stored with a model. */
  readonly name: string;
  /** The tokens of a text, in order; none for a text that is empty or all white space. */
  tokenize(text: string): string[];
  /**
   * The same tokens with their spans in the text, in UTF-16 units. Spans are in order and not empty; they do not overlap
   * unless one character stands for two tokens.
   */
  tokenizeWithOffsets(text: string): TextToken[];
  /** A readable text of the tokens, with the spacing of ordinary prose. */
  detokenize(tokens: readonly string[]): string;
}
