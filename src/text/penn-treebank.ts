import {
  ACRONYM_PATTERN,
  CHARACTER_PATTERN,
  CLITIC_PATTERN,
  COMPOUND_PATTERN,
  CURRENCY_PATTERN,
  DASH_PATTERN,
  DEGREE_PATTERN,
  DOMAIN_PATTERN,
  ELISION_PATTERN,
  ELLIPSIS_PATTERN,
  EMAIL_PATTERN,
  INITIAL_PATTERN,
  LOOSE_CLITIC_PATTERN,
  NUMBER_PATTERN,
  SHORTENED_PATTERN,
  TITLE_PATTERN,
  URL_PATTERN,
  WORD_PATTERN,
} from "./penn-treebank-patterns.ts";
import { joinTokens } from "./spacing.ts";
import type { Tokenizer } from "./tokenizer.ts";

const BRACKETS: ReadonlyMap<string, string> = new Map([
  ["(", "-LRB-"],
  [")", "-RRB-"],
  ["[", "-LSB-"],
  ["]", "-RSB-"],
  ["{", "-LCB-"],
  ["}", "-RCB-"],
]);

const UNESCAPED: ReadonlyMap<string, string> = new Map([...BRACKETS].map(([plain, escaped]) => [escaped, plain]));

/** Words that the Treebank writes as two tokens, with the length of the first. */
const FUSED: ReadonlyMap<string, number> = new Map([
  ["cannot", 3],
  ["gonna", 3],
  ["gotta", 3],
  ["wanna", 3],
  ["gimme", 3],
  ["lemme", 3],
]);

/** The ends that rejoin a split word without an apostrophe, by the word before them. */
const FUSED_PAIRS: ReadonlySet<string> = new Set(["gon na", "got ta", "wan na", "gim me", "lem me"]);

/** Text in which quotes are ASCII and separators that JavaScript does not count as white space are spaces. */
function normalised(text: string): string {
  return text
    .replace(/[\u001c-\u001f\u0085\ufeff]/g, " ")
    .replace(/[\u2018\u2019\u201a\u201b\u2032]/g, "'")
    .replace(/[\u201c\u201d\u201e\u201f\u00ab\u00bb\u2033]/g, '"');
}

/** The match of a sticky pattern at a position; the empty string where there is none. */
function matchAt(pattern: RegExp, text: string, at: number): string {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0] ?? "";
}

function pushWord(tokens: string[], word: string): void {
  const fused = FUSED.get(word.toLowerCase());
  if (fused !== undefined) {
    tokens.push(word.slice(0, fused), word.slice(fused));
    return;
  }
  // Clitics sit in the last four characters, so only these are searched; a word may carry two ("they'll've").
  const ends: string[] = [];
  let length = word.length;
  for (;;) {
    const clitic = CLITIC_PATTERN.exec(word.slice(Math.max(0, length - 4), length))?.[0];
    if (clitic === undefined) break;
    ends.push(clitic);
    length -= clitic.length;
  }
  tokens.push(word.slice(0, length));
  for (const end of ends.reverse()) tokens.push(end);
}

/** Whether nothing but closing quotes and brackets follows a position: a period there ends the text. */
const isTextEnd = (text: string, at: number): boolean => /^[\s"')\]}]*$/u.test(text.slice(at, at + 64));

const opensQuotation = (text: string, at: number): boolean =>
  at === 0 || /[\s([{<"'`\u2012-\u2015/-]/u.test(text.charAt(at - 1));

/**
 * Penn-Treebank style tokens: punctuation separated from words; contractions split before n't, 's, 'm, 'd, 'll, 're and
 * 've; quotes as two backquotes and two apostrophes; brackets as -LRB-, -RRB-, -LSB-, -RSB-, -LCB- and -RCB-; dashes as
 * "--" and ellipses as "..."; hyphenated words, digit groups, decimals, times, fractions, addresses and abbreviations
 * with their period whole. A text that ends in an abbreviation gets the final period as a token of its own too
 * ("U.S." then "."), as the Treebank has it.
 *
 * `detokenize` undoes quotes, brackets, contractions and spacing: `detokenize(tokenize(text)) === text` for ordinary
 * prose with single spaces, paired ASCII quotes, dashes written as spaced "--" and punctuation spaced as in print.
 *
 * @param options.lowerCase lower-case the tokens (brackets become -lrb- and so on); true unless said otherwise. Case is
 * dropped after splitting, because capitals tell initials and sentence ends.
 */
export function pennTreebank(options: { readonly lowerCase?: boolean } = {}): Tokenizer {
  const lowerCase = options.lowerCase ?? true;

  function tokenize(text: string): string[] {
    const source = normalised(text);
    const tokens: string[] = [];
    const end = source.length;
    let at = 0;
    while (at < end) {
      const character = source.charAt(at);
      if (/\s/u.test(character)) {
        at++;
        continue;
      }
      const isWordStart = /[\p{L}\p{N}_]/u.test(String.fromCodePoint(source.codePointAt(at) ?? 0));
      if (isWordStart) {
        const address =
          matchAt(URL_PATTERN, source, at) ||
          matchAt(EMAIL_PATTERN, source, at) ||
          matchAt(DOMAIN_PATTERN, source, at) ||
          matchAt(CURRENCY_PATTERN, source, at);
        if (address !== "") {
          tokens.push(address);
          at += address.length;
          continue;
        }
        const acronym = matchAt(ACRONYM_PATTERN, source, at);
        const shortened =
          acronym ||
          matchAt(TITLE_PATTERN, source, at) ||
          matchAt(INITIAL_PATTERN, source, at) ||
          matchAt(SHORTENED_PATTERN, source, at);
        // A period more belongs to an ellipsis ("etc..."), but an acronym keeps its own.
        if (shortened !== "" && (acronym !== "" || source.charAt(at + shortened.length) !== ".")) {
          const token = shortened + matchAt(COMPOUND_PATTERN, source, at + shortened.length);
          tokens.push(token);
          at += token.length;
          if (token.endsWith(".") && isTextEnd(source, at)) tokens.push(".");
          continue;
        }
      }
      if (isWordStart || ((character === "." || /[+\u2212-]/u.test(character)) && opensQuotation(source, at))) {
        const number = matchAt(NUMBER_PATTERN, source, at);
        if (number !== "") {
          tokens.push(number);
          at += number.length;
          continue;
        }
      }
      if (isWordStart) {
        const word = matchAt(WORD_PATTERN, source, at);
        pushWord(tokens, word);
        at += word.length;
        continue;
      }
      const ellipsis = matchAt(ELLIPSIS_PATTERN, source, at);
      if (ellipsis !== "") {
        tokens.push("...");
        at += ellipsis.length;
        continue;
      }
      const dash = matchAt(DASH_PATTERN, source, at);
      if (dash !== "") {
        tokens.push("--");
        at += dash.length;
        continue;
      }
      if (character === "'") {
        const elision = matchAt(opensQuotation(source, at) ? ELISION_PATTERN : LOOSE_CLITIC_PATTERN, source, at);
        if (elision !== "") {
          tokens.push(elision);
          at += elision.length;
          continue;
        }
        const twice = source.charAt(at + 1) === "'";
        const opens = opensQuotation(source, at) && /\S/u.test(source.charAt(at + (twice ? 2 : 1)));
        tokens.push((opens ? "`" : "'").repeat(twice ? 2 : 1));
        at += twice ? 2 : 1;
        continue;
      }
      if (character === '"') {
        tokens.push(opensQuotation(source, at) && /\S/u.test(source.charAt(at + 1)) ? "``" : "''");
        at++;
        continue;
      }
      if (character === "`" && source.charAt(at + 1) === "`") {
        tokens.push("``");
        at += 2;
        continue;
      }
      const single = matchAt(DEGREE_PATTERN, source, at) || matchAt(CHARACTER_PATTERN, source, at);
      tokens.push(BRACKETS.get(single) ?? single);
      at += single.length;
    }
    return lowerCase ? tokens.map((token) => token.toLowerCase()) : tokens;
  }

  function detokenize(tokens: readonly string[]): string {
    const words: string[] = [];
    for (const token of tokens) {
      const previous = words.at(-1);
      if (previous !== undefined) {
        // The final period after an abbreviation stands once in print.
        if (token === "." && /[\p{L}]\.$/u.test(previous)) continue;
        const pair = `${previous} ${token}`;
        if (FUSED_PAIRS.has(pair.toLowerCase()) || /^can not$/i.test(pair) || /^n't$/i.test(token)) {
          words[words.length - 1] = previous + token;
          continue;
        }
      }
      words.push(UNESCAPED.get(token.toUpperCase()) ?? token);
    }
    return joinTokens(words);
  }

  return { name: lowerCase ? "ptb" : "ptb-cased", tokenize, detokenize };
}
