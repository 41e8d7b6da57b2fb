/**
 * Splits a text into tokens and joins tokens into a text.
 *
 * Both functions are total: they throw for no input. No token is empty, and none contains white space.
 */
export interface Tokenizer {
  /** The name under which `tokenizerByName` finds it; stored with a model. */
  readonly name: string;
  /** The tokens of a text, in order; none for a text that is empty or all white space. */
  tokenize(text: string): string[];
  /** A readable text of the tokens, with the spacing of ordinary prose. */
  detokenize(tokens: readonly string[]): string;
}
