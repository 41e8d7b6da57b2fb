/**
 * How tokens are joined into prose: which of them lean on their neighbour. Shared by the detokenisers.
 */

/** Tokens without a space in front: they close, or they continue a word. */
const LEANS_LEFT = new Set([
  ...[".", ",", ";", ":", "!", "?", ")", "]", "}", "%", "'", "''", "\u2019", "\u201d", "\u00bb", "\u2026", "\u00b0"],
  ...["n't", "'s", "'m", "'d", "'ll", "'re", "'ve"],
]);

/** Tokens without a space after them: they open. */
const LEANS_RIGHT = new Set([
  ...["(", "[", "{", "$", "\u00a3", "\u20ac", "\u00a5", "#", "@", "`", "``", "\u2018", "\u201c", "\u201e", "\u00ab"],
  ...["\u00bf", "\u00a1"],
]);

/** Tokens that tie both neighbours together. */
const LEANS_BOTH = new Set(["/", "\\", "\u2014"]);

/** What a quotation token reads as in a text. */
const WRITTEN: ReadonlyMap<string, string> = new Map([
  ["``", '"'],
  ["''", '"'],
  ["`", "'"],
]);

const DOTS = /^\.{2,}$/;
const MARKS = /^[?!]{2,}$/;
const EN_DASH = "\u2013";
const STARTS_WITH_DIGIT = /^\p{N}/u;

/**
 * Joins tokens with the spacing of prose: no space before closing punctuation and clitics, none after opening
 * punctuation, none around slashes and em dashes, none around an en dash between numbers ("24\u201310"). A plain `"` opens and closes in turn; the Penn-Treebank quotes
 * (two backquotes, two apostrophes) and the opening single quote (a backquote) become ASCII quotes.
 */
export function joinTokens(tokens: readonly string[]): string {
  let text = "";
  let glued = true;
  let insideQuotes = false;
  for (const [index, token] of tokens.entries()) {
    const previous = tokens[index - 1] ?? "";
    let left =
      LEANS_LEFT.has(token.length < 4 ? token.toLowerCase() : token) ||
      LEANS_BOTH.has(token) ||
      DOTS.test(token) ||
      MARKS.test(token);
    let right = LEANS_RIGHT.has(token) || token.endsWith("$") || LEANS_BOTH.has(token);
    if (token === EN_DASH && STARTS_WITH_DIGIT.test(previous) && STARTS_WITH_DIGIT.test(tokens[index + 1] ?? "")) {
      left = true;
      right = true;
    } else if ((token === "." || DOTS.test(token)) && (previous === "." || DOTS.test(previous))) {
      // Dots that touch are one token, so these stood apart.
      left = false;
    } else if (token === '"') {
      left = insideQuotes;
      right = !insideQuotes;
      insideQuotes = !insideQuotes;
    }
    if (!glued && !left) text += " ";
    text += WRITTEN.get(token) ?? token;
    glued = right;
  }
  return text;
}
