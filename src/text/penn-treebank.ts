import type { TextToken } from "./offsets.ts";
import { type Rule, type RuleKind, SHORTENED, SYMBOL_RULES, WORD_RULES } from "./penn-treebank-patterns.ts";
import {
  PLAIN_BRACKETS,
  writeBracket,
  writeCurrency,
  writeEntities,
  writeFraction,
  writeHyphens,
  writeQuotes,
  writeSpaced,
} from "./penn-treebank-symbols.ts";
import { joinTokens } from "./spacing.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** Receives the tokens of a text in order. */
type Emit = (token: string, start: number, end: number) => void;

/** White space, and characters that are dropped as it is: separators, zero-width spaces, the byte order mark. */
const DROPPED = /[\s\u001c-\u001f\u0085\u200b\u200e\u200f\ufeff\u0000]/u;

const NO_BREAK_SPACE = "&nbsp;";

const IS_WORD_START = /[\p{L}\p{Nd}]/u;

const rulesByCharacter = new Map<string, readonly Rule[]>();

/** The rules that may match at a character. */
function rulesOf(character: string): readonly Rule[] {
  let rules = rulesByCharacter.get(character);
  if (!rules) {
    rules = IS_WORD_START.test(character) ? WORD_RULES : SYMBOL_RULES.filter(({ starts }) => starts.test(character));
    rulesByCharacter.set(character, rules);
  }
  return rules;
}

/** Emits what a rule's match stands for; returns where the next token starts. */
function apply(kind: RuleKind, found: string, at: number, emit: Emit): number {
  const end = at + found.length;
  switch (kind) {
    case "word":
      emit(found.replace(/\u00ad/g, ""), at, end);
      return end;
    case "sentenceEnd":
      emit(found, at, end);
      return end - 1;
    case "acronym":
      emit(found.length === 2 ? found.slice(0, 1) : found, at, found.length === 2 ? end - 1 : end);
      return end - 1;
    case "split2":
    case "split3": {
      const cut = end - (kind === "split2" ? 2 : 3);
      emit(found.slice(0, cut - at), at, cut);
      emit(found.slice(cut - at), cut, end);
      return end;
    }
    case "dash":
      emit("--", at, end);
      return end;
    case "ellipsis":
      emit("...", at, end);
      return end;
    case "hyphens":
      emit(writeHyphens(found), at, end);
      return end;
    case "openingQuote":
      emit(writeQuotes(found, true), at, end);
      return end;
    case "quote":
      emit(writeQuotes(found, false), at, end);
      return end;
    case "bracket":
      emit(writeBracket(found), at, end);
      return end;
    case "currency":
      emit(writeCurrency(found), at, end);
      return end;
    case "fraction":
      emit(writeFraction(found), at, end);
      return end;
    case "entity":
      emit(writeEntities(found), at, end);
      return end;
    case "spaced":
      emit(writeSpaced(found), at, end);
      return end;
  }
}

/** One token by the rules; returns where the next starts. */
function scanByRules(text: string, at: number, character: string, emit: Emit): number {
  let length = 0;
  let token = "";
  let kind: RuleKind = "word";
  for (const rule of rulesOf(character)) {
    rule.pattern.lastIndex = at;
    const match = rule.pattern.exec(text);
    if (match && match[0].length > length) {
      length = match[0].length;
      token = match[1];
      kind = rule.kind;
    }
  }
  if (length > 0) return apply(kind, token, at, emit);
  emit(character, at, at + character.length);
  return at + character.length;
}

/** Whether a position is the end of the text or holds a plain space. */
const atSpace = (text: string, at: number): boolean => at >= text.length || text.charCodeAt(at) === 0x20;

const isAsciiLetter = (unit: number): boolean => (unit | 0x20) >= 0x61 && (unit | 0x20) <= 0x7a;
const isAsciiDigit = (unit: number): boolean => unit >= 0x30 && unit <= 0x39;

const COMMA = 0x2c;
const HYPHEN = 0x2d;
const PERIOD = 0x2e;
const APOSTROPHE = 0x27;
const QUOTE = 0x22;
const OPENING = 0x28;
const CLOSING = 0x29;

/** Units that end a word for certain where white space follows them: , ; : ? ! ) ] " */
const isCloser = (unit: number): boolean =>
  unit === COMMA ||
  unit === 0x3b ||
  unit === 0x3a ||
  unit === 0x3f ||
  unit === 0x21 ||
  unit === CLOSING ||
  unit === 0x5d ||
  unit === QUOTE;

/** Length of a lower-case clitic after an apostrophe at a position ('s 'm 'd 're 've 'll), 0 where there is none. */
function cliticLength(text: string, at: number): number {
  const first = text.charCodeAt(at + 1);
  if (first === 0x73 || first === 0x6d || first === 0x64) return 2;
  const second = text.charCodeAt(at + 2);
  if (second === 0x65) return first === 0x72 || first === 0x76 ? 3 : 0;
  return first === 0x6c && second === 0x6c ? 3 : 0;
}

const ASSIMILATED: ReadonlySet<string> = new Set(["cannot", "gonna", "gotta", "lemme", "gimme", "wanna"]);

/**
 * The common case: a word of ASCII letters, hyphenated perhaps, that white space, closing punctuation or a clitic ends.
 * No rule can match further there. Returns where the next token starts, 0 where the rules have to decide.
 */
function scanPlainWord(text: string, at: number, emit: Emit): number {
  let stop = at + 1;
  let next = text.charCodeAt(stop);
  let isHyphenated = false;
  for (;;) {
    while (isAsciiLetter(next)) next = text.charCodeAt(++stop);
    if (next !== HYPHEN || !isAsciiLetter(text.charCodeAt(stop + 1))) break;
    isHyphenated = true;
    next = text.charCodeAt(++stop);
  }
  if (atSpace(text, stop) || (isCloser(next) && atSpace(text, stop + 1))) {
    const word = text.slice(at, stop);
    if (word.length < 7 && word.length > 4 && ASSIMILATED.has(word.toLowerCase())) return 0;
    emit(word, at, stop);
    return stop;
  }
  if (next === PERIOD && atSpace(text, stop + 1)) {
    const word = text.slice(at, stop);
    if (!isHyphenated && (word.length === 1 || (word.length < 8 && SHORTENED.has(word.toLowerCase())))) return 0;
    if (ASSIMILATED.has(word.toLowerCase())) return 0;
    emit(word, at, stop);
    return stop;
  }
  if (next !== APOSTROPHE || isHyphenated) return 0;
  if (text.charCodeAt(stop + 1) === 0x74) {
    // "don't": what stands before n't must not be empty nor end in n.
    if (stop - at < 2 || text.charCodeAt(stop - 1) !== 0x6e || (text.charCodeAt(stop - 2) | 0x20) === 0x6e) return 0;
    if (!atSpace(text, stop + 2)) return 0;
    emit(text.slice(at, stop - 1), at, stop - 1);
    emit("n't", stop - 1, stop + 2);
    return stop + 2;
  }
  const length = cliticLength(text, stop);
  const after = stop + length;
  if (length === 0 || !(atSpace(text, after) || (isCloser(text.charCodeAt(after)) && atSpace(text, after + 1))))
    return 0;
  emit(text.slice(at, stop), at, stop);
  emit(text.slice(stop, after), stop, after);
  return after;
}

/** The common cases of numbers and punctuation, with the same contract. */
function scanPlainSymbol(text: string, at: number, unit: number, emit: Emit): number {
  if (isAsciiDigit(unit)) {
    let stop = at + 1;
    while (isAsciiDigit(text.charCodeAt(stop))) stop++;
    const next = text.charCodeAt(stop);
    if (stop < text.length && next !== 0x20 && !((isCloser(next) || next === PERIOD) && atSpace(text, stop + 1)))
      return 0;
    // A number after a space may belong to a fraction or a telephone number.
    if (next === 0x20 && isAsciiDigit(text.charCodeAt(stop + 1))) return 0;
    emit(text.slice(at, stop), at, stop);
    return stop;
  }
  const next = text.charCodeAt(at + 1);
  const ends = atSpace(text, at + 1);
  switch (unit) {
    case COMMA:
    case 0x3b:
    case 0x3a:
    case 0x3f:
    case 0x21:
      if (!ends) return 0;
      emit(text.charAt(at), at, at + 1);
      return at + 1;
    case PERIOD:
      if (!ends || text.charCodeAt(at + 2) === PERIOD) return 0;
      emit(".", at, at + 1);
      return at + 1;
    case OPENING:
      if (!isAsciiLetter(next) || next === 0x78) return 0;
      emit("-LRB-", at, at + 1);
      return at + 1;
    case CLOSING:
      emit("-RRB-", at, at + 1);
      return at + 1;
    case QUOTE:
      emit(isAsciiLetter(next) || isAsciiDigit(next) || next === 0x24 ? "``" : "''", at, at + 1);
      return at + 1;
    case HYPHEN: {
      const width = next === HYPHEN ? 2 : 1;
      if (!atSpace(text, at + width)) return 0;
      emit(width === 2 ? "--" : "-", at, at + width);
      return at + width;
    }
    default:
      return 0;
  }
}

function scan(text: string, emit: Emit): void {
  const end = text.length;
  let at = 0;
  while (at < end) {
    const unit = text.charCodeAt(at);
    if (unit === 0x20) {
      at++;
      continue;
    }
    if (unit < 0x80) {
      const next = isAsciiLetter(unit) ? scanPlainWord(text, at, emit) : scanPlainSymbol(text, at, unit, emit);
      if (next > 0) {
        at = next;
        continue;
      }
    }
    const character = String.fromCodePoint(text.codePointAt(at) ?? 0);
    const dropped = DROPPED.test(character) ? character.length : text.startsWith(NO_BREAK_SPACE, at) ? 6 : 0;
    at = dropped > 0 ? at + dropped : scanByRules(text, at, character, emit);
  }
}

/** Words that are two tokens without an apostrophe between them. */
const PAIRS: ReadonlySet<string> = new Set([
  ...["can not", "gon na", "got ta", "wan na", "gim me", "lem me", "'t was", "'t is"],
]);

/**
 * Whether a token that closes quotes opens them, outside quotes: the Treebank's rules know an opening quote by the letter
 * or digit after it, so that before a bracket or a sign both look the same. After a number it means inches, unless the
 * next quote closes as well.
 */
function opensQuotation(tokens: readonly string[], index: number): boolean {
  if (tokens[index] !== "''") return false;
  if (!/\p{Nd}$/u.test(tokens[index - 1] ?? "")) return true;
  for (let after = index + 1; after < tokens.length; after++) {
    if (tokens[after] === "``") return false;
    if (tokens[after] === "''") return true;
  }
  return false;
}

function detokenize(tokens: readonly string[]): string {
  const words: string[] = [];
  let isInside = false;
  for (const [index, token] of tokens.entries()) {
    const previous = words.at(-1);
    if (previous !== undefined) {
      if (token === "." && /\p{L}\.+$/u.test(previous)) {
        // The final period after an abbreviation stands once in print; an ellipsis after a letter ("a...") is single dots.
        if (tokens[index + 1] === "." || previous.endsWith("..")) words[words.length - 1] = `${previous}.`;
        continue;
      }
      if (PAIRS.has(`${previous} ${token}`.toLowerCase()) || /^n't$/i.test(token)) {
        words[words.length - 1] = previous + token;
        continue;
      }
    }
    if (!isInside && opensQuotation(tokens, index)) {
      words.push("``");
      isInside = true;
      continue;
    }
    if (token === "``" || token === "''") isInside = token === "``";
    words.push(PLAIN_BRACKETS.get(token.toUpperCase()) ?? token.replace(/\u00a0/g, " "));
  }
  return joinTokens(words);
}

/**
 * Penn-Treebank tokens, equal to those of CoreNLP 3.4.1's PTBTokenizer with its default options: punctuation separated
 * from words; contractions split before n't, 's, 'm, 'd, 'll, 're and 've; quotes as two backquotes and two apostrophes;
 * brackets as -LRB-, -RRB-, -LSB-, -RSB-, -LCB- and -RCB-; dashes as "--" and ellipses as "..."; currencies as $, # and
 * cents; hyphenated words, digit groups, decimals, times, fractions, addresses and abbreviations with their period
 * whole. An abbreviation that ends a sentence or the text gives its period once more ("etc." then "."), as the Treebank
 * has it. Differences: characters that CoreNLP throws away as unknown (emoji, CJK brackets) are tokens of their own; and
 * CoreNLP reading a file looks across line ends, where this sees the end of the text. The only white space inside a token
 * is the no-break space of telephone numbers and mixed fractions.
 *
 * `detokenize` undoes quotes, brackets, contractions and spacing: `detokenize(tokenize(text)) === text` for ordinary
 * prose with single spaces, paired ASCII quotes, dashes written as spaced "--", dollars and punctuation spaced as in print.
 *
 * @param options.lowerCase lower-case the tokens (brackets become -lrb- and so on); true unless said otherwise. Case is
 * dropped after splitting, because capitals tell initials and sentence ends.
 */
export function pennTreebank(options: { readonly lowerCase?: boolean } = {}): Tokenizer {
  const lowerCase = options.lowerCase ?? true;
  return {
    name: lowerCase ? "ptb" : "ptb-cased",
    tokenize(text: string): string[] {
      const tokens: string[] = [];
      scan(text, lowerCase ? (token) => tokens.push(token.toLowerCase()) : (token) => tokens.push(token));
      return tokens;
    },
    tokenizeWithOffsets(text: string): TextToken[] {
      const tokens: TextToken[] = [];
      scan(text, (token, start, end) => {
        tokens.push({ token: lowerCase ? token.toLowerCase() : token, start, end });
      });
      return tokens;
    },
    detokenize,
  };
}
