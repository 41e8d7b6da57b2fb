/**
 * Classes of characters (UTF-16 code units) for the tokenisers: a table for the basic plane that fills itself on
 * demand, so that ASCII text costs one array access a character and other scripts cost one regular expression per
 * distinct character.
 */

/** White space of any kind: Unicode White_Space, the byte order mark and the ASCII separators U+001C to U+001F. */
export const SPACE = 1;
/** A letter (of any script), or an underscore. */
export const LETTER = 2;
/** A decimal digit or another number character. */
export const DIGIT = 3;
/** A mark or format character that belongs to what stands before it: accents, joiners, variation selectors. */
export const EXTEND = 4;
/** Everything else: punctuation, symbols, control characters, lone surrogates. */
export const OTHER = 5;

export type CharacterClass = typeof SPACE | typeof LETTER | typeof DIGIT | typeof EXTEND | typeof OTHER;

const table = new Uint8Array(0x10000);

function classify(character: string): CharacterClass {
  if (/^[\s\u001c-\u001f\u0085]$/u.test(character)) return SPACE;
  if (/^[\p{L}_]$/u.test(character)) return LETTER;
  if (/^\p{N}$/u.test(character)) return DIGIT;
  if (/^[\p{M}\p{Cf}]$/u.test(character)) return EXTEND;
  return OTHER;
}

for (let unit = 0; unit < 128; unit++) table[unit] = classify(String.fromCharCode(unit));

/** Class of the character at a position of a text; both halves of a surrogate pair have the class of the pair. */
export function classAt(text: string, position: number): CharacterClass {
  const unit = text.charCodeAt(position);
  const known = table[unit];
  if (known !== undefined && known !== 0) return known as CharacterClass;
  if (unit >= 0xd800 && unit <= 0xdfff) {
    const start = unit >= 0xdc00 && position > 0 && (text.charCodeAt(position - 1) & 0xfc00) === 0xd800 ? 1 : 0;
    return classify(String.fromCodePoint(text.codePointAt(position - start) ?? 0));
  }
  const found = classify(String.fromCharCode(unit));
  table[unit] = found;
  return found;
}

/** Length in UTF-16 code units of the character that starts at a position. */
export function lengthAt(text: string, position: number): 1 | 2 {
  return (text.charCodeAt(position) & 0xfc00) === 0xd800 && (text.charCodeAt(position + 1) & 0xfc00) === 0xdc00 ? 2 : 1;
}
