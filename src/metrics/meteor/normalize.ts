/** METEOR 1.5's normaliser for English: tokens in the manner of Moses, quotes and dashes made alike. */

/** What the full stop after a word means: part of the word always, or only before a number. */
export type NonbreakingKind = "always" | "beforeNumber";

/** Letters of the languages METEOR knows: Latin, Cyrillic, phonetic extensions (Java's \p{L} is wider). */
const letters =
  "A-Za-z\u0160\u0161\u017d\u017e\u0178\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u017e\u0400-\u04ff\u0500-\u0527\ua640-\ua66e\ua67e-\ua697\u1d00-\u1d7f";

/** A rule: what is looked for, what stands for it. */
type Rule = readonly [RegExp, string];

/** Spaces that separate; the ASCII ones are what Java calls white space in a pattern. */
const separated: Rule = [new RegExp(`([^0-9${letters}\\t-\\r .'\`,\\-\u2018\u2019])`, "gu"), " $1 "];

const commas: readonly Rule[] = [
  [/([^0-9]),([^0-9])/gu, "$1 , $2"],
  [/([0-9]),([^0-9])/gu, "$1 , $2"],
  [/([^0-9]),([0-9])/gu, "$1 , $2"],
];

const quotesAndDashes: readonly Rule[] = [
  [/[`\u2018\u2019]/gu, "'"],
  [/[\u201c\u201d]|''/gu, ' " '],
  [/\u2013/gu, "-"],
  [/--/gu, "-"],
  [new RegExp(`([0-9${letters}.])-([0-9${letters}])`, "gu"), "$1 $2"],
];

const apostrophes: readonly Rule[] = [
  [new RegExp(`([^${letters}])'([^${letters}])`, "gu"), "$1 ' $2"],
  [new RegExp(`([^${letters}0-9])'([${letters}])`, "gu"), "$1 ' $2"],
  [new RegExp(`([${letters}])'([^${letters}])`, "gu"), "$1 ' $2"],
  [new RegExp(`([${letters}])'([${letters}])`, "gu"), "$1 '$2"],
  [/([0-9])'(s)/gu, "$1 '$2"],
];

const anyLetter = new RegExp(`[${letters}]`, "u");

/** Spaces of any width that end up as one. */
const wideSpaces = /[ \u2000-\u200a\u202f\u205f\u3000\u00a0]+/g;

function apply(text: string, rules: readonly Rule[]): string {
  let result = text;
  for (const [pattern, replacement] of rules) result = result.replace(pattern, replacement);
  return result;
}

/** Runs of full stops become words that the rules leave alone. */
function hideDots(text: string): string {
  let result = text.replace(/\.(\.+)/g, " DOTMULTI$1");
  while (result.includes("DOTMULTI.")) {
    result = result.replace(/DOTMULTI\.([^.])/gu, "DOTDOTMULTI $1").replaceAll("DOTMULTI.", "DOTDOTMULTI");
  }
  return result;
}

function showDots(text: string): string {
  let result = text;
  while (result.includes("DOTDOTMULTI")) result = result.replaceAll("DOTDOTMULTI", "DOTMULTI.");
  return result.replaceAll("DOTMULTI", ".");
}

/** A word that ends in a full stop, with the stop kept, dropped or split off. */
function finalDot(word: string, next: string | undefined, nonbreaking: ReadonlyMap<string, NonbreakingKind>): string {
  const stem = word.slice(0, -1);
  // Abbreviations with dots inside lose them all, so that "U.S." equals "US".
  if (stem.includes(".") && anyLetter.test(stem)) return word.replaceAll(".", "");
  const kind = nonbreaking.get(stem);
  if (kind === "always" || (next !== undefined && /^[a-z]/.test(next))) return word;
  if (kind === "beforeNumber" && next !== undefined && /^[0-9]/.test(next)) return word;
  return `${stem} .`;
}

/**
 * The tokens that METEOR 1.5 scores with `-l en -norm`, joined by spaces; case is kept (the scorer lowers it).
 *
 * In this order: space around what is neither letter, digit, nor one of . ' \` , - and the curly apostrophes; runs of
 * full stops kept whole; commas split off except inside numbers; quotes and dashes made ASCII; hyphens between words
 * dropped; contractions split before the apostrophe; final full stops split off except after a word of
 * `nonbreaking`, before a lower-case word, and in abbreviations with inner dots, which lose them.
 */
export function normalizeEnglish(text: string, nonbreaking: ReadonlyMap<string, NonbreakingKind>): string {
  let line = hideDots(apply(` ${text} `, [separated]));
  line = apply(line, [...commas, ...quotesAndDashes, ...apostrophes]);
  const words = javaWords(line);
  const rebuilt = words.map((word, i) =>
    word.length > 1 && word.endsWith(".") ? finalDot(word, words[i + 1], nonbreaking) : word,
  );
  return showDots(rebuilt.join(" ")).replace(wideSpaces, " ").trim();
}

/** Tokens between ASCII white space, as Java's StringTokenizer finds them. */
export function javaWords(line: string): string[] {
  return line.split(/[ \t\n\r\f]+/).filter((word) => word !== "");
}
