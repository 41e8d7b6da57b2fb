/**
 * The words of mteval-v13a as sacrebleu counts them (tokenizer `13a`): sacrebleu 2.6.0, `tokenizer_13a`. Case is kept.
 */
import { alignTokens, DerivedText, type TextToken } from "./offsets.ts";

const ENTITIES: ReadonlyMap<string, string> = new Map([
  ["&quot;", '"'],
  ["&amp;", "&"],
  ["&lt;", "<"],
  ["&gt;", ">"],
]);

/** ASCII punctuation but period, comma, hyphen and apostrophe. */
const SYMBOL = /[!"#$%&()*+/:;<=>?@[\\\]^_`{|}~]/g;
const AFTER_NON_DIGIT = /([^0-9])([.,])/g;
const BEFORE_NON_DIGIT = /([.,])([^0-9])/g;
const AFTER_DIGIT = /([0-9])-/g;

/** White space of Python's `str.split`, which is not JavaScript's: with the ASCII separators, without U+FEFF. */
const SPACES = /[\t-\r\u001c-\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/;
const SPACE = new RegExp(SPACES.source.slice(0, -1));

/** A line without its mark-up: `<skipped>` and hyphens at line ends dropped, the four entities unescaped in their order. */
function unescaped(text: string): DerivedText {
  let derived = DerivedText.of(text);
  if (text.includes("<skipped>")) derived = derived.replace(/<skipped>/g, () => "");
  if (text.includes("\n")) derived = derived.replace(/-\n/g, () => "").replace(/\n/g, () => " ");
  // One after the other: "&amp;lt;" becomes "<".
  if (text.includes("&")) {
    for (const [entity, character] of ENTITIES) derived = derived.replace(new RegExp(entity, "g"), () => character);
  }
  return derived;
}

function split(text: string): string[] {
  const spaced = ` ${text} `
    .replace(SYMBOL, " $& ")
    .replace(AFTER_NON_DIGIT, "$1 $2 ")
    .replace(BEFORE_NON_DIGIT, " $1 $2")
    .replace(AFTER_DIGIT, "$1 - ");
  return spaced.split(SPACES).filter((token) => token !== "");
}

/**
 * Tokens of a line: a space around every ASCII punctuation character but . , - and '; then . and , set apart unless
 * digits stand on both sides (each of the two sides that is not a digit's sets it apart); then "-" after a digit.
 */
export function tokenize13a(text: string): string[] {
  return split(unescaped(text).text);
}

/** The same tokens with their spans in `text`; the span of an unescaped entity is the entity's. */
export function tokenize13aWithOffsets(text: string): TextToken[] {
  const source = unescaped(text);
  return alignTokens(source, split(source.text), (from, at) => SPACE.test(from.charAt(at)));
}
