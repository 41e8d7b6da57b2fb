/** How the Treebank writes quotes, brackets, dashes, currencies and fractions. */

const BRACKETS: ReadonlyMap<string, string> = new Map([
  ["(", "-LRB-"],
  [")", "-RRB-"],
  ["[", "-LSB-"],
  ["]", "-RSB-"],
  ["{", "-LCB-"],
  ["}", "-RCB-"],
]);

/** The bracket of a token such as -LRB-, in capitals. */
export const PLAIN_BRACKETS: ReadonlyMap<string, string> = new Map([...BRACKETS].map(([plain, name]) => [name, plain]));

export const writeBracket = (bracket: string): string => BRACKETS.get(bracket) ?? bracket;

/** All brackets of a token named, its white space no-break spaces. */
export const writeSpaced = (token: string): string =>
  token.startsWith("<") && token.endsWith(">")
    ? token.replace(/\s/g, "\u00a0")
    : token.replace(/[()]/g, writeBracket).replace(/\s/g, "\u00a0");

/** Quotes as one or two backquotes or apostrophes; a straight quote opens where `opens` says so. */
export function writeQuotes(token: string, opens: boolean): string {
  return token
    .replace(/"|&quot;/g, opens ? "``" : "''")
    .replace(/&apos;/g, "'")
    .replace(/'/g, opens ? "`" : "'")
    .replace(/[\u0091\u2018\u201b\u2039]/g, "`")
    .replace(/[\u0092\u2019\u203a]/g, "'")
    .replace(/[\u0093\u201c\u00ab]/g, "``")
    .replace(/[\u0094\u201d\u00bb]/g, "''");
}

/** Runs of hyphens: one stays, two to four are a dash, more a rule. */
export const writeHyphens = (token: string): string => (token.length === 3 || token.length === 4 ? "--" : token);

/** Currencies by the two signs that the Treebank knows: cents, # for pounds, $ for dollars and what is like them. */
export function writeCurrency(sign: string): string {
  if (sign === "\u00a2") return "cents";
  if (sign === "\u00a3") return "#";
  return sign === "\u0080" || sign === "\u00a4" || sign === "\u20a0" || sign === "\u20ac" ? "$" : sign;
}

const FRACTIONS: ReadonlyMap<string, string> = new Map(
  Object.entries({ "\u00bc": "1/4", "\u00bd": "1/2", "\u00be": "3/4", "\u2153": "1/3", "\u2154": "2/3" }),
);

export const writeFraction = (character: string): string => FRACTIONS.get(character) ?? character;

const ENTITIES: Readonly<Record<string, string>> = { "&amp;": "&", "&lt;": "<", "&gt;": ">" };

/** The entities for ampersand and angle brackets as characters. */
export const writeEntities = (token: string): string => token.replace(/&(?:amp|lt|gt);/g, (found) => ENTITIES[found]);
