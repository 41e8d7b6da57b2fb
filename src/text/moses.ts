/** Moses-like tokens for translation, English and Romanian, without the escaping of XML characters. */

import { ENGLISH_PREFIXES, type PeriodWords, ROMANIAN_PREFIXES } from "./mosesPrefixes.ts";
import { joinMosesTokens } from "./mosesSpacing.ts";
import type { TextToken } from "./offsets.ts";
import type { Tokenizer } from "./tokenizer.ts";

export type MosesLanguage = "en" | "ro";

const SPACE = 1;
/** Letters, marks and digits. */
const LETTER = 2;
const NUMBER = 3;
const SYMBOL = 4;

const COMMA = 0x2c;
const HYPHEN = 0x2d;
const PERIOD = 0x2e;
const APOSTROPHE = 0x27;
const BACKQUOTE = 0x60;

function classify(character: string): number {
  if (/^[\s\0-\x1f\x7f\u0085]$/u.test(character)) return SPACE;
  // Fractions and superscripts stand alone, as in Moses.
  if (/^[\p{Nd}\p{Nl}]$/u.test(character)) return NUMBER;
  return /^[\p{Alphabetic}\p{M}\u200c\u200d]$/u.test(character) ? LETTER : SYMBOL;
}

const table = new Uint8Array(0x10000);
for (let unit = 0; unit < 0x80; unit++) table[unit] = classify(String.fromCharCode(unit));

/** Class of the character that a unit belongs to. */
function classAt(text: string, at: number): number {
  const unit = text.charCodeAt(at);
  const known = table[unit];
  if (known !== undefined && known !== 0) return known;
  if ((unit & 0xf800) === 0xd800) {
    const isSecond = (unit & 0xfc00) === 0xdc00 && at > 0 && (text.charCodeAt(at - 1) & 0xfc00) === 0xd800;
    return classify(String.fromCodePoint(text.codePointAt(isSecond ? at - 1 : at) ?? 0));
  }
  table[unit] = classify(String.fromCharCode(unit));
  return table[unit];
}

const LOWER = /^\p{Lowercase}/u;
const HAS_LETTER = /\p{Alphabetic}/u;

/** Spans of tokens, before the periods at their ends are looked at: start, end, start, end, ... */
function cut(text: string, language: MosesLanguage): number[] {
  const spans: number[] = [];
  const end = text.length;
  let at = 0;
  let start = -1;
  const close = (): void => {
    if (start >= 0) spans.push(start, at);
    start = -1;
  };
  const alone = (length: number): void => {
    close();
    spans.push(at, at + length);
    at += length;
  };
  while (at < end) {
    const found = classAt(text, at);
    if (found === LETTER || found === NUMBER) {
      if (start < 0) start = at;
      at++;
      continue;
    }
    if (found === SPACE) {
      close();
      at++;
      continue;
    }
    const unit = text.charCodeAt(at);
    if (unit === HYPHEN || unit === BACKQUOTE) {
      if (start < 0) start = at;
      at++;
      continue;
    }
    const before = at > 0 ? classAt(text, at - 1) : SPACE;
    const after = at + 1 < end ? classAt(text, at + 1) : SPACE;
    switch (unit) {
      case PERIOD: {
        let stop = at + 1;
        while (text.charCodeAt(stop) === PERIOD) stop++;
        if (stop > at + 1) {
          alone(stop - at);
        } else {
          if (start < 0) start = at;
          at++;
        }
        break;
      }
      case COMMA:
        if (before === NUMBER && after === NUMBER) at++;
        else alone(1);
        break;
      case APOSTROPHE:
        if (language === "en" && before === LETTER && after === LETTER) {
          close();
          start = at++;
        } else if (language === "en" && before === NUMBER && after === LETTER) {
          // "the 1990's"; "5'a" stays whole.
          if (text.charCodeAt(at + 1) === 0x73) {
            close();
            start = at;
          }
          at++;
        } else {
          alone(1);
        }
        break;
      default:
        alone((text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1);
    }
  }
  close();
  return spans;
}

/** Whether the period at the end of a token stays with it. */
function keepsPeriod(prefix: string, next: string, { always, beforeNumber }: PeriodWords): boolean {
  if (prefix.includes(".") && HAS_LETTER.test(prefix)) return true;
  if (always.has(prefix) || LOWER.test(next)) return true;
  return beforeNumber.has(prefix) && /^[0-9]/.test(next);
}

/**
 * Tokens as the Moses scripts cut them (`tokenizer.perl -no-escape`): every symbol apart; periods and hyphens inside words,
 * commas inside numbers kept; the period at the end of a word apart unless the word is a known short form, has a period
 * inside, or goes on in lower case; several dots one token. In English an apostrophe between letters starts a token
 * ("don 't", "John 's"), in Romanian it is one. Combining marks stay with their letter.
 */
export function mosesTokenizer(language: MosesLanguage): Tokenizer {
  const prefixes = language === "en" ? ENGLISH_PREFIXES : ROMANIAN_PREFIXES;

  function scan(text: string, emit: (start: number, end: number) => void): void {
    const spans = cut(text, language);
    for (let index = 0; index < spans.length; index += 2) {
      const start = spans[index];
      const end = spans[index + 1];
      const last = end - 1;
      if (text.charCodeAt(last) === PERIOD && last > start && text.charCodeAt(last - 1) !== PERIOD) {
        const next = index + 2 < spans.length ? text.slice(spans[index + 2], spans[index + 2] + 2) : "";
        if (!keepsPeriod(text.slice(start, last), next, prefixes)) {
          emit(start, last);
          emit(last, end);
          continue;
        }
      }
      emit(start, end);
    }
  }

  return {
    name: `moses-${language}`,
    tokenize(text: string): string[] {
      const tokens: string[] = [];
      scan(text, (start, end) => tokens.push(text.slice(start, end)));
      return tokens;
    },
    tokenizeWithOffsets(text: string): TextToken[] {
      const tokens: TextToken[] = [];
      scan(text, (start, end) => tokens.push({ token: text.slice(start, end), start, end }));
      return tokens;
    },
    detokenize: joinMosesTokens,
  };
}
