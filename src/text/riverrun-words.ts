import { classAt, DIGIT, EXTEND, LETTER, lengthAt, SPACE } from "./characters.ts";
import { joinTokens } from "./spacing.ts";
import type { Tokenizer } from "./tokenizer.ts";

const AMPERSAND = 0x26;
const APOSTROPHE = 0x27;
const COMMA = 0x2c;
const HYPHEN = 0x2d;
const PERIOD = 0x2e;
const COLON = 0x3a;

/** Words whose leading apostrophe stands for dropped letters; elsewhere such an apostrophe opens a quotation. */
const ELISIONS = new Set(["'em", "'til", "'tis", "'twas", "'cause", "'bout", "'n", "'round", "'cuz", "'kay"]);

/** Clitics that may follow punctuation ("u.s.'s"). */
const CLITICS = new Set(["'s", "'m", "'d", "'ll", "'re", "'ve"]);

/** Typographic variants that would only double the vocabulary. */
const VARIANTS = /[\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u2032\u2026\u2010\u2011]/;

function plain(text: string): string {
  if (!VARIANTS.test(text)) return text;
  return text
    .replace(/[\u2018\u2019\u201a\u201b\u2032]/g, "'")
    .replace(/[\u201c\u201d\u201e\u201f]/g, '"')
    .replace(/\u2026/g, "...")
    .replace(/[\u2010\u2011]/g, "-");
}

const isAlphanumeric = (text: string, at: number): boolean => {
  const found = at < text.length ? classAt(text, at) : SPACE;
  return found === LETTER || found === DIGIT;
};
const isDigit = (text: string, at: number): boolean => at < text.length && classAt(text, at) === DIGIT;
const isLetter = (text: string, at: number): boolean => at < text.length && classAt(text, at) === LETTER;
const isSpaceOrEnd = (text: string, at: number): boolean => at >= text.length || classAt(text, at) === SPACE;

/** Whether a quotation may open at a position: at the start, after white space, an opening bracket, a quote or a dash. */
const mayOpen = (text: string, at: number): boolean =>
  at === 0 || classAt(text, at - 1) === SPACE || '([{<"`/-\u2013\u2014'.includes(text.charAt(at - 1));

/** Where an acronym written with periods ("u.s.", "e.g.") that starts at a position ends; the position if none does. */
function acronymEnd(text: string, start: number): number {
  let at = start;
  let letters = 0;
  while (isLetter(text, at) && text.charCodeAt(at + lengthAt(text, at)) === PERIOD) {
    at += lengthAt(text, at) + 1;
    letters++;
  }
  return letters < 2 || isAlphanumeric(text, at) ? start : at;
}

/** Where the word that starts at a position ends: letters and digits with what ties them together. */
function wordEnd(text: string, start: number): number {
  let at = acronymEnd(text, start);
  if (at > start) return at;
  for (;;) {
    const unit = text.charCodeAt(at);
    if (at >= text.length) return at;
    const found = classAt(text, at);
    if (found === LETTER || found === DIGIT || found === EXTEND) {
      at++;
      continue;
    }
    if (unit === HYPHEN) {
      // A hyphen ties words; one before white space belongs to a shortened compound ("pre- and post-war").
      if (isAlphanumeric(text, at + 1) || (at + 1 < text.length && isSpaceOrEnd(text, at + 1))) {
        at++;
        continue;
      }
    } else if (unit === APOSTROPHE || unit === AMPERSAND) {
      if (isLetter(text, at + 1) && at > start && !isDigit(text, at - 1)) {
        at++;
        continue;
      }
    } else if (unit === PERIOD || unit === COMMA || unit === COLON) {
      if (isDigit(text, at + 1) && at > start && isDigit(text, at - 1)) {
        at++;
        continue;
      }
    }
    return at;
  }
}

/** Length of the clitic at the end of a word (n't, 's, 'm, 'd, 'll, 're, 've); 0 where there is none. */
function cliticLength(word: string): number {
  const length = word.length;
  if (length < 3) return 0;
  const last = word.charCodeAt(length - 1);
  if (word.charCodeAt(length - 2) === APOSTROPHE) {
    // t after n'; d, m, s.
    if (last === 0x74) return length > 3 && word.charCodeAt(length - 3) === 0x6e ? 3 : 0;
    return last === 0x73 || last === 0x64 || last === 0x6d ? 2 : 0;
  }
  if (length > 3 && word.charCodeAt(length - 3) === APOSTROPHE) {
    const pair = word.slice(length - 2);
    return pair === "ll" || pair === "re" || pair === "ve" ? 3 : 0;
  }
  return 0;
}

function pushWord(tokens: string[], word: string): void {
  let clitic = cliticLength(word);
  if (clitic === 0) {
    tokens.push(word);
    return;
  }
  // A word may carry two ("shouldn't've").
  const ends: string[] = [];
  let rest = word;
  while (clitic > 0) {
    ends.push(rest.slice(rest.length - clitic));
    rest = rest.slice(0, rest.length - clitic);
    clitic = cliticLength(rest);
  }
  tokens.push(rest);
  for (const end of ends.reverse()) tokens.push(end);
}

/**
 * The default words of riverrun: lower case; punctuation separated from words; the clitics n't, 's, 'm, 'd, 'll, 're
 * and 've separated from their word, because that keeps the vocabulary small and published word vectors have them;
 * hyphenated words, numbers (3.5, 1,000, 10:30), acronyms with periods (u.s.) and names such as at&t whole. Typographic
 * quotes, ellipses and hyphens become ASCII, an opening single quote becomes a backquote, so that the direction of a
 * quotation is not lost in the apostrophes.
 *
 * `detokenize(tokenize(text)) === text` for ordinary prose: lower case, single spaces, ASCII quotes that come in pairs,
 * punctuation spaced as in print, a dash either spaced or an em dash without spaces.
 */
export function riverrunWords(): Tokenizer {
  return {
    name: "riverrun-words",
    tokenize(text: string): string[] {
      const lower = plain(text.toLowerCase());
      const tokens: string[] = [];
      const end = lower.length;
      let at = 0;
      while (at < end) {
        const found = classAt(lower, at);
        if (found === SPACE) {
          at++;
          continue;
        }
        const start = at;
        if (found === LETTER || found === DIGIT) {
          at = wordEnd(lower, start);
          pushWord(tokens, lower.slice(start, at));
          continue;
        }
        const unit = lower.charCodeAt(at);
        if ((unit === HYPHEN || unit === PERIOD) && isDigit(lower, at + 1)) {
          // A sign or a decimal point in front of a number.
          if (start === 0 || classAt(lower, start - 1) === SPACE || "([{\"'`".includes(lower.charAt(start - 1))) {
            at = wordEnd(lower, at + 1);
            pushWord(tokens, lower.slice(start, at));
            continue;
          }
        }
        if (unit === APOSTROPHE) {
          const opens = mayOpen(lower, at);
          if (isAlphanumeric(lower, at + 1)) {
            const stop = wordEnd(lower, at + 1);
            const word = lower.slice(start, stop);
            if (opens ? ELISIONS.has(word) || /^'\d\ds?$/.test(word) : CLITICS.has(word)) {
              tokens.push(word);
              at = stop;
              continue;
            }
          }
          at++;
          const closes = isSpaceOrEnd(lower, at) || !opens;
          tokens.push(closes ? "'" : "`");
          continue;
        }
        at += lengthAt(lower, at);
        if (unit === HYPHEN || unit === PERIOD) while (lower.charCodeAt(at) === unit) at++;
        while (at < end && classAt(lower, at) === EXTEND) at += lengthAt(lower, at);
        tokens.push(lower.slice(start, at));
      }
      return tokens;
    },
    detokenize: joinTokens,
  };
}
