/** How BERT's normaliser sees characters: which vanish, which stand alone, what the others become. */

/** Ends a word and vanishes. */
export const BERT_SPACE = 1;
/** Vanishes without ending a word: control and format characters, U+FFFD. */
export const BERT_DROPPED = 2;
/** A word of its own before anything else is done: Chinese, Japanese and old Korean ideographs. */
export const BERT_IDEOGRAPH = 3;
/** A word of its own. */
export const BERT_PUNCTUATION = 4;
/** Part of a word. */
export const BERT_LETTER = 5;

const IDEOGRAPHS: readonly (readonly [number, number])[] = [
  [0x4e00, 0x9fff],
  [0x3400, 0x4dbf],
  [0x20000, 0x2a6df],
  [0x2a700, 0x2b73f],
  [0x2b740, 0x2b81f],
  [0x2b920, 0x2ceaf],
  [0xf900, 0xfaff],
  [0x2f800, 0x2fa1f],
];

/** All of ASCII but letters, digits and controls is punctuation here, also what Unicode calls a symbol ("$", "~"). */
const PUNCTUATION = /^[!-/:-@[-`{-~\p{P}]$/u;
const SPACE = /^[\t\n\r \p{Z}]$/u;
const DROPPED = /^[\0\ufffd\p{Cc}\p{Cf}\p{Co}\p{Cs}]$/u;

function classify(codePoint: number): number {
  const character = String.fromCodePoint(codePoint);
  if (SPACE.test(character)) return BERT_SPACE;
  if (DROPPED.test(character)) return BERT_DROPPED;
  if (PUNCTUATION.test(character)) return BERT_PUNCTUATION;
  return IDEOGRAPHS.some(([first, last]) => codePoint >= first && codePoint <= last) ? BERT_IDEOGRAPH : BERT_LETTER;
}

const table = new Uint8Array(0x10000);

/** Class of a character; remembered for the basic plane. */
export function bertClass(codePoint: number): number {
  if (codePoint > 0xffff) return classify(codePoint);
  if (table[codePoint] === 0) table[codePoint] = classify(codePoint);
  return table[codePoint];
}
