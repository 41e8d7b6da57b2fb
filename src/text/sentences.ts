/** Sentences of running text, with spans of the text that must stay in one piece. */
import { ROMANIAN_PREFIXES } from "./mosesPrefixes.ts";
import { SENTENCE_OPENERS, TITLES } from "./penn-treebank-patterns.ts";

/** A half-open span of a text, in UTF-16 units. */
export interface TextSpan {
  readonly start: number;
  readonly end: number;
}

/** Short forms that something belonging to them follows, whatever its case: their period never ends a sentence. */
const NEVER: ReadonlySet<string> = new Set([
  ...TITLES,
  ...[...ROMANIAN_PREFIXES.always]
    .filter((word) => word.length > 1 && word !== "etc")
    .map((word) => word.toLowerCase()),
  ...["e.g", "i.e", "viz", "cf", "c", "ca", "fl", "approx", "dna", "dra", "ing", "av", "prof", "str", "nr"],
]);

/** Short forms that a number belongs to. */
const BEFORE_NUMBER: ReadonlySet<string> = new Set([
  ...[
    "no",
    "nos",
    "nr",
    "fig",
    "figs",
    "vol",
    "vols",
    "p",
    "pp",
    "pg",
    "art",
    "arts",
    "sec",
    "ch",
    "chap",
    "op",
    "est",
    "eq",
  ],
  ...[
    "jan",
    "feb",
    "mar",
    "apr",
    "jun",
    "jul",
    "aug",
    "sep",
    "sept",
    "oct",
    "nov",
    "dec",
    "bldg",
    "apt",
    "rev",
    "ver",
    "v",
  ],
]);

/** The end of a sentence: its marks, what closes after them, white space. */
const END = /([.!?\u2026]+)["'\u201d\u2019\u00bb)\]}]*(\s+)/gu;
/** What a sentence starts with: a capital or a letter without case, a digit, a quote, an opening bracket. */
const START = /^["'`\u201c\u2018\u201e\u00ab([{\u00bf\u00a1\u2014-]*\s?[\p{Lu}\p{Lt}\p{Lo}\p{Nd}]/u;
const OPENS = /^["'`\u201c\u2018\u201e\u00ab([{]/u;
const BLANK_LINE = /\n[^\S\n]*\n/;

/** Longest look back for the word before a period. */
const LOOK_BACK = 40;

/** Whether the period after a word is only that word's own. */
function belongsToWord(word: string, rest: string): boolean {
  const lower = word.toLowerCase();
  if (NEVER.has(lower)) return true;
  if (/^\p{Nd}/u.test(rest)) return BEFORE_NUMBER.has(lower);
  // Initials and acronyms go both ways: a word that usually begins a sentence decides.
  if (/^\p{L}$/u.test(word) || /^\p{L}{1,2}(?:\.\p{L}{1,2})+$/u.test(word)) {
    if (OPENS.test(rest)) return /^\p{Lu}$/u.test(word);
    if (/^\p{Lu}\./u.test(rest)) return true;
    const next = /^\p{L}+/u.exec(rest)?.[0] ?? "";
    return !SENTENCE_OPENERS.has(next);
  }
  return false;
}

function isBoundary(text: string, match: RegExpExecArray): boolean {
  const [whole, marks, space] = match;
  if (BLANK_LINE.test(space)) return true;
  const next = match.index + whole.length;
  const rest = text.slice(next, next + LOOK_BACK);
  if (!START.test(rest) && !OPENS.test(rest)) return false;
  if (marks !== ".") return true;
  const before = text.slice(Math.max(0, match.index - LOOK_BACK), match.index);
  const word = /[\p{L}\p{M}\p{Nd}.-]+$/u.exec(before)?.[0] ?? "";
  return !belongsToWord(word, rest);
}

/**
 * Spans of the sentences of a text, without the white space around them, in order; together they hold all of the text but
 * white space. A sentence ends after . ! ? or an ellipsis and what closes behind them, where white space and then a
 * capital, a digit, a quote or a bracket follow, and at blank lines; not after titles, initials and other short forms.
 *
 * @param keepWhole spans that no boundary may fall into (answers): the sentences that they touch become one
 */
export function splitSentences(text: string, keepWhole: readonly TextSpan[] = []): TextSpan[] {
  const sentences: TextSpan[] = [];
  const kept = [...keepWhole].sort((a, b) => a.start - b.start);
  let next = 0;
  /** Where the kept spans that start before the boundary in hand end. */
  let heldUntil = 0;
  let start = 0;
  const close = (end: number): void => {
    const piece = text.slice(start, end);
    const first = start + piece.length - piece.trimStart().length;
    const last = start + piece.trimEnd().length;
    if (last > first) sentences.push({ start: first, end: last });
    start = end;
  };
  const split = (boundary: number): void => {
    while (next < kept.length && kept[next].start < boundary) {
      heldUntil = Math.max(heldUntil, kept[next].end);
      next++;
    }
    if (heldUntil <= boundary) close(boundary);
  };
  // Blank lines divide without a mark, too.
  const ends = new RegExp(`${END.source}|\\n[^\\S\\n]*\\n\\s*`, "gu");
  for (let match = ends.exec(text); match !== null; match = ends.exec(text)) {
    if (match[1] === undefined || isBoundary(text, match)) split(match.index + match[0].length);
  }
  close(text.length);
  return sentences;
}
