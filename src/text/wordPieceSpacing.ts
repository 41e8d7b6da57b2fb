/** Word pieces back to prose. WordPiece splits at every punctuation character and keeps no white space. */
import { joinTokens } from "./spacing.ts";

const ENDS_IN_WORD = /[\p{L}\p{M}\p{N}]$/u;
const STARTS_WORD = /^[\p{L}\p{N}]/u;
const ENDS_IN_DIGIT = /\p{Nd}$/u;
const STARTS_WITH_DIGIT = /^\p{Nd}/u;
/** What follows an apostrophe inside a word: a clitic or a name ("o'brien"). */
const CLITIC = /^(?:s|t|m|d|ll|re|ve)$/iu;

/** Whether a mark between two words belongs to both: "don ' t", "well - known", "3 . 5". */
function ties(before: string, mark: string, after: string): boolean {
  switch (mark) {
    case "'":
    case "\u2019":
      return ENDS_IN_WORD.test(before) && (CLITIC.test(after) || /^[ol]$/i.test(before));
    case "-":
    case "_":
    case "&":
      return ENDS_IN_WORD.test(before) && STARTS_WORD.test(after);
    case ".":
    case ",":
    case ":":
      return ENDS_IN_DIGIT.test(before) && STARTS_WITH_DIGIT.test(after);
    default:
      return false;
  }
}

/** A run of one mark that is one sign: "--", "...". */
const isRun = (previous: string, token: string): boolean =>
  (token === "." || token === "-") && /^[.-]+$/.test(previous) && previous.endsWith(token);

/**
 * Continuing pieces are joined to their word, marks between words to both where English writes them so, the rest has the
 * spacing of prose.
 *
 * @param continuation what marks a continuing piece, "##"
 */
export function joinWordPieces(pieces: readonly string[], continuation: string): string {
  const words: string[] = [];
  for (const piece of pieces) {
    if (
      continuation !== "" &&
      piece.length > continuation.length &&
      piece.startsWith(continuation) &&
      words.length > 0
    ) {
      words[words.length - 1] += piece.slice(continuation.length);
    } else {
      words.push(piece);
    }
  }
  const joined: string[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at];
    const previous = joined.at(-1);
    const next = words[at + 1];
    if (previous !== undefined && next !== undefined && ties(previous, word, next)) {
      joined[joined.length - 1] = previous + word + next;
      at++;
    } else if (previous !== undefined && isRun(previous, word)) {
      joined[joined.length - 1] = previous + word;
    } else {
      joined.push(word);
    }
  }
  return joinTokens(joined);
}
