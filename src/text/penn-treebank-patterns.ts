/**
 * The patterns of the Penn-Treebank tokeniser, in the order in which they are tried at a position. All are sticky and
 * Unicode-aware; none looks further than white space, so that a text of any length is scanned in linear time.
 */

/** Titles and the like, which a name or number follows: their period never ends a sentence. */
const TITLES =
  "mr|mrs|ms|messrs|dr|prof|rev|hon|gen|col|lt|maj|capt|cmdr|sgt|cpl|pvt|gov|sen|rep|pres|st|mt|ft|no|nos|vs|fig|figs|vol|pp|ed|eds";

/** Shortened words that may also end a sentence. */
const SHORTENED =
  "jr|sr|bros|inc|ltd|co|corp|etc|al|est|dept|univ|assn|ave|blvd|rd|cf|ca|approx|jan|feb|mar|apr|jun|jul|aug|sep|sept|oct|nov|dec|mon|tue|tues|wed|thu|thurs|fri|ala|ariz|ark|calif|colo|conn|del|fla|ga|ill|ind|kan|ky|md|mass|mich|minn|miss|mo|mont|neb|nev|okla|ore|pa|penn|tenn|tex|va|vt|wash|wis|wyo";

const TOP_LEVEL_DOMAINS = "com|org|net|edu|gov|mil|int|info|biz|io|uk|ca|de|fr|ro|au|eu";

export const URL_PATTERN =
  /(?:https?|ftp):\/\/[^\s"<>]*[^\s"<>.,;:!?'()[\]{}\u2019\u201d]|www\.[^\s"<>]*[^\s"<>.,;:!?'()[\]{}\u2019\u201d]/iuy;

export const EMAIL_PATTERN = /[\p{L}\p{N}][\p{L}\p{N}._%+-]{0,63}@[\p{L}\p{N}-]{1,63}(?:\.[\p{L}\p{N}-]{1,63}){1,8}/uy;

export const DOMAIN_PATTERN = new RegExp(
  `[\\p{L}\\p{N}-]{1,63}(?:\\.[\\p{L}\\p{N}-]{1,63}){0,8}\\.(?:${TOP_LEVEL_DOMAINS})(?![\\p{L}\\p{N}-])`,
  "iuy",
);

/** Two or more single letters, each with a period: "U.S.", "e.g.", "Ph.D.". */
export const ACRONYM_PATTERN = /(?:Ph\.D|\p{L}(?:\.\p{L})+)(?:\.(?![\p{L}\p{N}])|(?![\p{L}\p{M}\p{N}.]))/iuy;

/** A single letter with its period, as in "J. Smith", "Roe v. Wade", "Y. pestis". */
export const INITIAL_PATTERN = /\p{L}\.(?=\s+[\p{L}\p{N}])/uy;

/** A title with its period. */
export const TITLE_PATTERN = new RegExp(`(?:${TITLES})\\.(?=\\s+[\\p{L}\\p{N}])`, "iuy");

/** Another shortened word with its period. */
export const SHORTENED_PATTERN = new RegExp(`(?:${SHORTENED})\\.(?![\\p{L}\\p{N}])`, "iuy");

/** Numbers with their digit groups, decimals, times, dates and fractions whole: 1,000 3.5 10:30 1/2 -4 +40 .5 */
export const NUMBER_PATTERN =
  /[+\u2212-]?(?:\p{Nd}+(?:[.,:/\u2044]\p{Nd}+)*|\.\p{Nd}+)(?![\p{L}\p{M}\p{N}_]|[-'&/.,:][\p{L}\p{N}])/uy;

/** Words: letters, digits and marks, tied by hyphens, apostrophes, ampersands, slashes and, inside numbers, periods. */
export const WORD_PATTERN =
  /[\p{L}\p{N}_](?:[\p{L}\p{N}\p{M}\p{Cf}_]|(?:[-\u2010\u2011'&/]|(?<=\p{L})\.(?=\p{L}\.))(?=[\p{L}\p{N}])|(?<=\p{N})[,:](?=\p{N})|(?<=[\p{L}\p{N}])\.(?=\p{N})|-(?=[,\s]))*/uy;

/** Ellipses, also with spaces between the dots. */
export const ELLIPSIS_PATTERN = /\.{2,}|\u2026|\.(?: \.){2,}/uy;

/** Dashes of two or more hyphens, en and em dashes. */
export const DASH_PATTERN = /-{2,}|[\u2012-\u2015]/uy;

/** A leading apostrophe for dropped letters or a century. */
export const ELISION_PATTERN =
  /'(?:em|til|tis|twas|cause|bout|n|round|cuz|\p{Nd}{2}s?)(?![\p{L}\p{N}']|[.,:/-]\p{N})/iuy;

/** A clitic that follows punctuation, as in "et al.'s". */
export const LOOSE_CLITIC_PATTERN = /'(?:s|m|d|ll|re|ve)(?![\p{L}\p{N}])/iuy;

/** What continues an abbreviation, as in "U.S.-based". */
export const COMPOUND_PATTERN = /(?:-[\p{L}\p{N}]+)+/uy;

/** A currency named by letters and a sign: US$, A$. */
export const CURRENCY_PATTERN = /\p{Lu}{1,3}\$(?=\s?\p{N})/uy;

/** A temperature's unit. */
export const DEGREE_PATTERN = /\u00b0[CFK](?![\p{L}\p{N}])/iuy;

/** Any other character with the marks that belong to it. */
export const CHARACTER_PATTERN = /[^\s\p{M}\p{Cf}][\p{M}\p{Cf}]*|[\p{M}\p{Cf}]+/uy;

/** What may end a word and stands as a token of its own: n't and the clitics. */
export const CLITIC_PATTERN = /(?<=.)(?:n't|'s|'m|'d|'ll|'re|'ve)$/iu;
