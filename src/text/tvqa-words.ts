import { classAt, SPACE } from "./characters.ts";
import { DerivedText, type TextToken } from "./offsets.ts";
import type { Tokenizer } from "./tokenizer.ts";

/**
 * The words of the paper's data loader: the text is lower-cased, split at white space, and tokens that are a single
 * comma are dropped. Punctuation stays attached to its word unless the text comes with separated tokens, as TVQA's
 * preprocessed files do. Joining puts one space between tokens, so a dropped comma does not come back.
 *
 * @param options.keepCommas keep the commas, as contexts that must be turned back into text need it.
 */
export function tvqaWords(options: { readonly keepCommas?: boolean } = {}): Tokenizer {
  const keepCommas = options.keepCommas ?? false;

  /** Spans of the tokens of lower-cased text. */
  function scan(lower: string, emit: (start: number, end: number) => void): void {
    const end = lower.length;
    let at = 0;
    while (at < end) {
      while (at < end && classAt(lower, at) === SPACE) at++;
      const start = at;
      while (at < end && classAt(lower, at) !== SPACE) at++;
      if (at === start) break;
      if (keepCommas || at - start > 1 || lower.charCodeAt(start) !== 0x2c) emit(start, at);
    }
  }

  return {
    name: keepCommas ? "tvqa-words-commas" : "tvqa-words",
    tokenize(text: string): string[] {
      const lower = text.toLowerCase();
      const tokens: string[] = [];
      scan(lower, (start, end) => tokens.push(lower.slice(start, end)));
      return tokens;
    },
    tokenizeWithOffsets(text: string): TextToken[] {
      const lower = DerivedText.of(text).toLowerCase();
      const tokens: TextToken[] = [];
      scan(lower.text, (start, end) => {
        tokens.push({ token: lower.text.slice(start, end), start: lower.start(start), end: lower.end(end) });
      });
      return tokens;
    },
    detokenize: (tokens: readonly string[]): string => tokens.join(" "),
  };
}
