import { classAt, DIGIT, EXTEND, LETTER, lengthAt, SPACE } from "./characters.ts";
import { DerivedText, type TextToken } from "./offsets.ts";
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
const VARIANTS = /[\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u2032\u2026\u2010\u2011]/g;

function plainOf(variant: string): string {
  if (variant === "\u2026") return "...";
  if (variant === "\u2010" || variant === "\u2011") return "-";
  return variant >= "\u201c" && variant <= "\u201f" ? '"' : "'";
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
function cliticLength(text: string, start: number, end: number): number {
  const length = end - start;
  if (length < 3) return 0;
  const last = text.charCodeAt(end - 1);
  if (text.charCodeAt(end - 2) === APOSTROPHE) {
    // t after n'; d, m, s.
    if (last === 0x74) return length > 3 && text.charCodeAt(end - 3) === 0x6e ? 3 : 0;
    return last === 0x73 || last === 0x64 || last === 0x6d ? 2 : 0;
  }
  if (length > 3 && text.charCodeAt(end - 3) === APOSTROPHE) {
    const pair = text.slice(end - 2, end);
    return pair === "ll" || pair === "re" || pair === "ve" ? 3 : 0;
  }
  return 0;
}

/** Receives the spans of the tokens of a text in order, and the token where it is not the span's own text. */
type Emit = (start: number, end: number, token?: string) => void;

function emitWord(text: string, start: number, end: number, emit: Emit): void {
  let clitic = cliticLength(text, start, end);
  if (clitic === 0) {
    emit(start, end);
    return;
  }
  // A word may carry two ("shouldn't've").
  const cuts: number[] = [];
  let rest = end;
  while (clitic > 0) {
    cuts.push(rest);
    rest -= clitic;
    clitic = cliticLength(text, start, rest);
  }
  emit(start, rest);
  for (const cut of cuts.reverse()) {
    emit(rest, cut);
    rest = cut;
  }
}

const isLowerAscii = (unit: number): boolean => unit >= 0x61 && unit <= 0x7a;

/** Spans of the tokens of a text that is lower case and has no typographic variants. */
function scan(text: string, emit: Emit): void {
  const end = text.length;
  let at = 0;
  while (at < end) {
    const unit = text.charCodeAt(at);
    if (unit === 0x20) {
      at++;
      continue;
    }
    const start = at;
    if (isLowerAscii(unit)) {
      // Most words: letters up to a space.
      at++;
      while (isLowerAscii(text.charCodeAt(at))) at++;
      if (at === end || text.charCodeAt(at) === 0x20) {
        emit(start, at);
        continue;
      }
    }
    const found = classAt(text, start);
    if (found === SPACE) {
      at++;
      continue;
    }
    if (found === LETTER || found === DIGIT) {
      at = wordEnd(text, start);
      emitWord(text, start, at, emit);
      continue;
    }
    if ((unit === HYPHEN || unit === PERIOD) && isDigit(text, at + 1)) {
      // A sign or a decimal point in front of a number.
      if (start === 0 || classAt(text, start - 1) === SPACE || "([{\"'`".includes(text.charAt(start - 1))) {
        at = wordEnd(text, at + 1);
        emitWord(text, start, at, emit);
        continue;
      }
    }
    if (unit === APOSTROPHE) {
      const opens = mayOpen(text, at);
      if (isAlphanumeric(text, at + 1)) {
        const stop = wordEnd(text, at + 1);
        const word = text.slice(start, stop);
        if (opens ? ELISIONS.has(word) || /^'\d\ds?$/.test(word) : CLITICS.has(word)) {
          emit(start, stop);
          at = stop;
          continue;
        }
      }
      at++;
      const closes = isSpaceOrEnd(text, at) || !opens;
      emit(start, at, closes ? "'" : "`");
      continue;
    }
    at += lengthAt(text, at);
    if (unit === HYPHEN || unit === PERIOD) while (text.charCodeAt(at) === unit) at++;
    while (at < end && classAt(text, at) === EXTEND) at += lengthAt(text, at);
    emit(start, at);
  }
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
      const lower = text.toLowerCase().replace(VARIANTS, plainOf);
      const tokens: string[] = [];
      scan(lower, (start, end, token) => tokens.push(token ?? lower.slice(start, end)));
      return tokens;
    },
    tokenizeWithOffsets(text: string): TextToken[] {
      const source = DerivedText.of(text).toLowerCase().replace(VARIANTS, plainOf);
      const tokens: TextToken[] = [];
      scan(source.text, (start, end, token = source.text.slice(start, end)) => {
        tokens.push({ token, start: source.start(start), end: source.end(end) });
      });
      return tokens;
    },
    detokenize: joinTokens,
  };
}
