/** Moses tokens back to prose. */
import { joinTokens } from "./spacing.ts";

const ENDS_IN_WORD = /[\p{L}\p{M}\p{N}]$/u;
const STARTS_WORD = /^[\p{L}\p{N}]/u;
const ENDS_IN_DIGIT = /\p{N}$/u;
const STARTS_WITH_DIGIT = /^\p{N}/u;
const CLITIC = /^(?:s|t|m|d|ll|re|ve)$/iu;
/** Elisions that a typographic apostrophe follows: O\u2019Brien, d\u2019Artagnan, l\u2019homme. */
const ELIDED = /^(?:o|d|l)$/iu;

/** Whether a mark stands between two words without spaces. */
function ties(before: string, mark: string, after: string): boolean {
  switch (mark) {
    case "\u2019":
      return ENDS_IN_WORD.test(before) && (CLITIC.test(after) || (ELIDED.test(before) && STARTS_WORD.test(after)));
    case "'":
      // Romanian; in English the apostrophe begins the token after it.
      return ENDS_IN_WORD.test(before) && (CLITIC.test(after) || ELIDED.test(before));
    case ":":
      return ENDS_IN_DIGIT.test(before) && STARTS_WITH_DIGIT.test(after);
    case "_":
    case "\u00ad":
    case "\u2010":
    case "\u2011":
      return ENDS_IN_WORD.test(before) && STARTS_WORD.test(after);
    default:
      return false;
  }
}

/**
 * Whether an apostrophe that stands alone opens a quotation, where none is open: another one comes later and a word
 * follows. Of an odd number one after an s is taken for a plural's ("the dogs ' bones").
 *
 * @param left how many lone apostrophes there are from this one on
 */
function opensQuotation(previous: string | undefined, next: string | undefined, left: number): boolean {
  if (left < 2 || /^\p{P}$/u.test(next ?? ".")) return false;
  return left % 2 === 0 || !/s$/i.test(previous ?? "");
}

/**
 * Joins tokens: clitics to their word ("don 't"), colons inside times, Romanian quotation marks (\u201e...\u201d) and
 * signs of currencies to what they belong to; for the rest the spacing of prose.
 */
export function joinMosesTokens(tokens: readonly string[]): string {
  const words: string[] = [];
  let apostrophes = tokens.reduce((count, token) => count + (token === "'" ? 1 : 0), 0);
  let isQuoted = false;
  for (let at = 0; at < tokens.length; at++) {
    const token = tokens[at];
    const previous = words.at(-1);
    const next = tokens[at + 1];
    const isTie = previous !== undefined && next !== undefined && ties(previous, token, next);
    if (
      token === "'" &&
      next !== undefined &&
      /^\p{Nd}{2}s?$/u.test(next) &&
      !isQuoted &&
      !ENDS_IN_DIGIT.test(previous ?? "")
    ) {
      // A decade, "in the '90s".
      words.push(token + next);
      at++;
    } else if (token === "'" && !isTie && (isQuoted || opensQuotation(previous, next, apostrophes))) {
      words.push(isQuoted ? "'" : "`");
      isQuoted = !isQuoted;
    } else if (previous === undefined) {
      words.push(token);
    } else if (isTie) {
      words[words.length - 1] = previous + token + next;
      at++;
    } else if (/^'\p{L}/u.test(token) && ENDS_IN_WORD.test(previous)) {
      words[words.length - 1] = previous + token;
    } else {
      words.push(token);
    }
    if (token === "'") apostrophes--;
  }
  return joinTokens(words);
}
