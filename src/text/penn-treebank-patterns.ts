/**
 * The rules of the Penn-Treebank tokeniser. At a position every rule of its first character is tried; the one whose match
 * is longest wins, the earlier one of two that are equally long. What a rule merely looks at, behind its first group,
 * counts for that length but stays in the text. All patterns are sticky; none but the e-mail address, the tag and the
 * web address looks far, and those stop at white space or a bracket.
 */

const ACCENTED = "&[aeiouAEIOU](?:acute|grave|uml);";
const LETTER = `(?:[\\p{L}\\p{M}\\u00ad\\u200c\\u200d]|${ACCENTED})`;
const LETTER_OR_DIGIT = `(?:[\\p{L}\\p{M}\\p{Nd}\\u00ad\\u200c\\u200d]|${ACCENTED})`;
/** What the classes of plain words hold: letters and digits without marks. */
const PLAIN = "[\\p{L}\\p{Nd}]";
const SPACE = "[ \\t\\u00a0\\u2000-\\u200a\\u3000]";
/** White space that may stand between sentences: with line ends. */
const BREAK = "[ \\t\\u00a0\\u2000-\\u200a\\u3000\\r\\n\\u000b\\u000c\\u0085\\u2028\\u2029]";
const APOSTROPHE = "(?:['\\u0092\\u2019]|&apos;)";
const ANY_APOSTROPHE = "(?:['`\\u0091\\u0092\\u2018\\u2019\\u201b]|&apos;)";
const HYPHEN = "[-_\\u058a\\u2010\\u2011]";

/** A word; a period, question or exclamation mark between letters stays inside it. */
const WORD = `${LETTER}${LETTER_OR_DIGIT}*(?:[.!?]${LETTER}${LETTER_OR_DIGIT}*)*`;
/** Letters and digits, hyphenated, each part with an article in front at most (d'Avignon). */
const THING_PART = `(?:[dDoOlL]${ANY_APOSTROPHE}${PLAIN})?${PLAIN}+`;
const THING = `${THING_PART}(?:${HYPHEN}${THING_PART})*`;
/** The clitics 's 'm 'd 're 've 'll. */
const CLITIC = `${APOSTROPHE}(?:[msdMSD]|[rR][eE]|[vV][eE]|[lL][lL])`;
const NOT = `[nN]${ANY_APOSTROPHE}[tT]`;
const NUM = "(?:\\p{Nd}+(?:[.:,\\u00ad\\u066b\\u066c]\\p{Nd}+)*|(?:[.:,\\u00ad\\u066b\\u066c]\\p{Nd}+)+)";

/** Any case of a list of words. */
const anyCase = (words: string): string =>
  words.replace(/\p{L}/gu, (letter) => `[${letter.toLowerCase()}${letter.toUpperCase()}]`);

const words = (list: string): string => anyCase(list.trim().split(/\s+/).join("|"));

/** Months, days, states, companies and the like, which small letters follow. */
const COMMON_BEFORE_SMALL = `
  jan feb mar apr jun jul aug sep sept oct nov dec mon tue tues wed thu thurs fri
  ala ariz calif colo conn ct dak fla ga ind kan kans ky md mich minn mo mont neb nev okla penn tenn va vt wis wisc wyo
  inc co cos corp pty pte ppty ppte ptys ptes pptys pptes ltd plc rt bancorp bhd assn univ intl sys
  tel est ext sq jr sr bros blvd rd esq etc al seq bldg`;
/** States whose short form is a word as well, so that only a capital makes it one. */
const CAPITAL_STATES = "Az Ark Del Ill La Mass Miss Ore Pa Tex Wash";
/** Titles and the like, which capitals follow. */
const COMMON_BEFORE_CAPITAL = `
  mr mrs ms dr drs prof profs sen sens rep reps atty attys lt col gen messrs gov govs adm rev maj sgt cpl pvt capt st ste
  ave pres lieut hon brig cmdr comdr pfc spc supt supts det mt ft adj adv asst assoc ens insp mlle mme msgr sfc
  vs alex wm jos cie cf treas ph invt elec natl mfg mtg dept`;
/** Titles, lower-cased: a name follows them. */
export const TITLES: readonly string[] = COMMON_BEFORE_CAPITAL.trim().split(/\s+/);
/** Short only before a number. */
const COMMON_BEFORE_NUMBER = "ca fig figs prop no nos art bldg pp op";

/** Lower-cased words that a period may belong to; every single letter is one too. */
export const SHORTENED: ReadonlySet<string> = new Set(
  [COMMON_BEFORE_SMALL, CAPITAL_STATES.toLowerCase(), COMMON_BEFORE_CAPITAL, COMMON_BEFORE_NUMBER].flatMap((list) =>
    list.trim().split(/\s+/),
  ),
);

/** Short forms that small letters follow: before a capital the sentence is taken to end with them. */
const BEFORE_SMALL = `(?:${words(COMMON_BEFORE_SMALL)}|(?:[eE][dD]|[pP][hH])\\.[dD]|${CAPITAL_STATES.replaceAll(" ", "|")})\\.`;

const ACRONYM = `(?:[A-Za-z](?:\\.[A-Za-z])*|(?:${anyCase("canada|sino|korean|eu|japan|non")})-[uU]\\.[sS]|[uU]\\.[sS]\\.-(?:[uU]\\.[kK]|[uU]\\.[sS]\\.[sS]\\.[rR]))`;
const LONG_ACRONYM = ACRONYM.replace("[A-Za-z])*", "[A-Za-z])+");
/** A hyphenated word with numbers or acronyms in it. */
const COMPOUND = `[A-Za-z0-9][A-Za-z0-9.,\\u00ad]*(?:-(?:[A-Za-z0-9\\u00ad]+|${LONG_ACRONYM}\\.))+`;

/** Short forms that capitals follow. */
const BEFORE_CAPITAL = `(?:${words(COMMON_BEFORE_CAPITAL)}|[aA]\\.[kK]\\.[aA]|Miss|v|${ACRONYM})\\.`;

/** Short forms only before a number. */
const BEFORE_NUMBER = `(?:${words(COMMON_BEFORE_NUMBER)})\\.`;

/** Words that begin a sentence after an acronym. */
const OPENERS =
  "A|About|According|Additionally|After|An|Another|As|At|But|Earlier|He|Her|Here|However|If|In|It|Last|Many|More|Mr\\.|Ms\\.|Now|Once|One|Other|Our|She|Since|So|Some|Such|That|The|Their|Then|There|These|They|This|We|When|While|What|Yet|You";

/** An e-mail address, with angle brackets where it stands in them. */
const EMAIL =
  '[a-zA-Z0-9][^\\s\\u001c-\\u001f\\u0085\\ufeff"<>|()]{0,254}@(?:[^\\s\\u001c-\\u001f\\u0085\\ufeff"<>|().]{1,254}\\.){0,20}[^\\s\\u001c-\\u001f\\u0085\\ufeff"<>|().]{1,254}(?:&gt;|>)?';

/** The same words as they stand. */
export const SENTENCE_OPENERS: ReadonlySet<string> = new Set(OPENERS.replaceAll("\\.", "").split("|"));

/** A mark-up tag without line ends. */
const NAME = "[A-Za-z][A-Za-z0-9_:.-]*";
const TAG = `<(?:[!?][A-Za-z-][^>\\r\\n]{0,1000}|${NAME}(?: +${NAME}(?: *= *(?:'[^']{0,1000}'|"[^"]{0,1000}"))?){0,20} */?|/${NAME}) *>`;
const SENTENCE_END = `${BREAK}(?:${BREAK}|\\p{Lu}|${TAG})|$`;

const EXTENSIONS =
  "bat|bmp|bz2|c|class|cgi|cpp|dll|docx?|exe|gif|gz|h|html?|jar|java|jpe?g|mov|mp3|pdf|php|pl|png|ppt|ps|py|sql|tar|txt|wav|x|xml|zip|3gp|wmv|wma|avi|flv|mov|mp4";

/** Quotation marks. */
const QUOTES = "`\\u0091-\\u0094\\u2018-\\u201f\\u2039\\u203a\\u00ab\\u00bb";

/** Signs of currencies but the dollar's. */
const CURRENCIES = "\\u00a2-\\u00a5\\u0080\\u20a0\\u20a4\\u20ac\\u060b\\u0e3f\\uffe0\\uffe1\\uffe5\\uffe6";

/** What becomes of a match. */
export type RuleKind =
  /** The token as it stands. */
  | "word"
  /** The token, then its final period once more. */
  | "sentenceEnd"
  /** A single letter, then the period; of a longer acronym the token and the period once more. */
  | "acronym"
  /** Two tokens, the second of which has two (three) letters. */
  | "split2"
  | "split3"
  | "dash"
  | "openingQuote"
  | "quote"
  | "ellipsis"
  | "hyphens"
  | "bracket"
  | "currency"
  | "fraction"
  /** An entity stands for its character. */
  | "entity"
  /** White space inside becomes no-break space, brackets their names. */
  | "spaced";

export interface Rule {
  readonly kind: RuleKind;
  readonly pattern: RegExp;
}

const rule = (kind: RuleKind, token: string, context = ""): Rule => ({
  kind,
  pattern: new RegExp(`(${token})${context === "" ? "" : `(?:${context})`}`, "uy"),
});

/** Rules of what starts with a letter or a digit. */
export const WORD_RULES: readonly Rule[] = [
  rule("word", "[cC]\\+\\+|[cCfF]#"),
  rule("split3", anyCase("cannot")),
  rule("split2", anyCase("gonna|gotta|lemme|gimme|wanna")),
  rule("word", WORD, CLITIC),
  rule("word", "[A-Za-z\\u00ad]*[A-MO-Za-mo-z]\\u00ad*", NOT),
  rule("word", WORD),
  rule(
    "word",
    `(?:${anyCase("dunkin|somethin|ol")})${APOSTROPHE}|[A-HJ-XZn]${ANY_APOSTROPHE}\\p{L}{2,}|\\p{L}+[aeiouyAEIOUY]${ANY_APOSTROPHE}[aeiouA-Z]\\p{L}*|${anyCase("cont'd")}\\.?|${anyCase("nor'easter|c'mon|e'er|s'mores|ev'ry|li'l|nat'l")}|[oO]${ANY_APOSTROPHE}o|[lLdDjJ]${APOSTROPHE}`,
  ),
  rule("quote", NOT, "[^A-Za-z]|$"),
  rule("quote", NOT),
  rule("word", `[yY]${APOSTROPHE}`, "\\p{L}"),
  rule(
    "word",
    '[hH][tT][tT][pP][sS]?:\\/\\/[^\\s\\u001c-\\u001f\\u0085\\ufeff"<>|()]+[^\\s\\u001c-\\u001f\\u0085\\ufeff"<>|.!?(){},-]',
  ),
  rule("word", EMAIL),
  rule(
    "word",
    '(?:[wW]{3}\\.(?:[^\\s\\u001c-\\u001f\\u0085\\ufeff"<>|.!?(){},]{1,254}\\.){1,20}[a-zA-Z]{2,4}|(?:[^\\s\\u001c-\\u001f\\u0085\\ufeff"`\'<>|.!?(){},\\-_$]{1,254}\\.){1,20}(?:' +
      `${anyCase("com|net|org|edu")}))(?:\\/[^\\s\\u001c-\\u001f\\u0085\\ufeff"<>|()]+[^\\s\\u001c-\\u001f\\u0085\\ufeff"<>|.!?(){},-])?`,
    "[^A-Za-z]|$",
  ),
  rule("word", "\\p{Nd}{1,2}[-/]\\p{Nd}{1,2}[-/]\\p{Nd}{2,4}"),
  rule("word", NUM),
  rule("spaced", "(?:\\p{Nd}{1,4}[- \\u00a0])?\\p{Nd}{1,4}(?:\\\\?\\/|\\u2044)\\p{Nd}{1,4}"),
  rule("entity", `${anyCase("c\\.d\\.s|pro-|anti-|s(?:&|&amp;)p-500|s(?:&|&amp;)ls")}`),
  rule("word", `${anyCase("cap")}${APOSTROPHE}[nN]|[cC]${APOSTROPHE}${anyCase("est")}`),
  rule("word", "[A-Za-z0-9]+(?:-[A-Za-z]+){0,2}(?:\\\\?\\/[A-Za-z0-9]+(?:-[A-Za-z]+){0,2}){1,2}"),
  rule("word", "[A-Z]+\\$"),
  rule("acronym", `${ACRONYM}\\.`, `${BREAK}+(?:${OPENERS})${BREAK}`),
  rule("word", BEFORE_NUMBER, `${BREAK}?\\p{Nd}`),
  rule("word", `(?:${anyCase("pty|pte|co")})\\.`, `${SPACE}(?:${anyCase("ltd|lim")})`),
  rule("sentenceEnd", BEFORE_SMALL, SENTENCE_END),
  rule("word", BEFORE_SMALL, "[^]{2}"),
  rule("word", BEFORE_SMALL),
  rule("word", BEFORE_CAPITAL),
  rule("word", `${PLAIN}+(?:\\.${PLAIN}+)*\\.(?:${anyCase(EXTENSIONS)})`, `${BREAK}|[.?!,]|$`),
  rule("word", `(?:${WORD}|${THING}|${COMPOUND}|[A-Z]+(?:(?:[+&]|&amp;)[A-Z]+)+)\\.`, "[,;:\\u3001]"),
  rule(
    "spaced",
    "(?:[0-9]{2,4}[- \\u00a0])?[0-9]{2,4}[- \\u00a0][0-9]{3,4}[- \\u00a0]?[0-9]{3,5}|(?:[0-9]{2,4}\\.)?[0-9]{2,4}\\.[0-9]{3,4}\\.[0-9]{3,5}",
  ),
  rule("word", THING),
  rule("word", COMPOUND, "[^a-zA-Z0-9.+]"),
  rule("word", COMPOUND),
  rule("entity", "[A-Z]+(?:(?:[+&]|&amp;)[A-Z]+)+"),
];

/** A rule for what does not start with a letter or a digit, and the characters that it may start with. */
export interface SymbolRule extends Rule {
  readonly starts: RegExp;
}

const symbol = (starts: string, kind: RuleKind, token: string, context = ""): SymbolRule => ({
  ...rule(kind, token, context),
  starts: new RegExp(`^[${starts}]`, "u"),
});

const APOSTROPHES = "'&\\u0092\\u2019";
const SIGNED = "-+.:,\\u00ad\\u066b\\u066c";

/** Rules of everything else. */
export const SYMBOL_RULES: readonly SymbolRule[] = [
  symbol("<", "spaced", TAG),
  symbol("<&", "word", `(?:&lt;|<)${EMAIL}`),
  symbol("&\\u0096\\u0097\\u2013-\\u2015", "dash", "&(?:MD|mdash|ndash);|[\\u0096\\u0097\\u2013-\\u2015]"),
  symbol("&", "entity", "&(?:amp|lt|gt);"),
  symbol("&", "word", "&(?:HT|TL|UR|LR|QC|QL|QR|odq|cdq|#[0-9]+);"),
  symbol("&", "word", WORD, CLITIC),
  symbol("&", "word", WORD),
  symbol(APOSTROPHES, "word", `${APOSTROPHE}[nN]${APOSTROPHE}?|${APOSTROPHE}(?:${anyCase("em|till?|cause")}|[2-9]0s)`),
  symbol("'", "split3", anyCase("'twas")),
  symbol("'", "split2", anyCase("'tis")),
  symbol(APOSTROPHES, "quote", CLITIC, "[^A-Za-z]|$"),
  symbol(SIGNED, "word", `[-+]?${NUM}`),
  symbol(
    "\\u00b2\\u00b3\\u00b9\\u2070-\\u208b",
    "word",
    "[\\u207a\\u207b\\u208a\\u208b]?(?:[\\u2070\\u00b9\\u00b2\\u00b3\\u2074-\\u2079]+|[\\u2080-\\u2089]+)",
  ),
  symbol("\\u00bc-\\u00be\\u2153-\\u215e", "fraction", "[\\u00bc-\\u00be\\u2153-\\u215e]"),
  symbol("-", "word", `-(?:${anyCase("rrb|lrb|rcb|lcb|rsb|lsb")})-`),
  symbol("$#", "word", "[$#]"),
  symbol(CURRENCIES, "currency", `[${CURRENCIES}]`),
  symbol("@", "word", "@[a-zA-Z_][a-zA-Z_0-9]*"),
  symbol("#", "word", `#${LETTER}+`),
  symbol(
    "(+",
    "spaced",
    "(?:\\([0-9]{2,3}\\)[ \\u00a0]?|\\+\\+?(?:[0-9]{2,4}[- \\u00a0])?[0-9]{2,4}[- \\u00a0])[0-9]{3,4}[- \\u00a0]?[0-9]{3,5}|\\+\\+?[0-9]{2,4}\\.[0-9]{2,4}\\.[0-9]{3,4}\\.[0-9]{3,5}",
  ),
  symbol(APOSTROPHES, "word", `${APOSTROPHE}\\p{Nd}{2}`, `${BREAK}|$`),
  symbol('"&', "openingQuote", '"|&quot;', "[A-Za-z0-9$]"),
  symbol('"&', "quote", '"|&quot;'),
  symbol("<>:;=", "spaced", "[<>]?[:;=][-o*']?[()DPdpO\\\\{@|\\[\\]]", "[^A-Za-z]|$"),
  symbol("~^x=<>('-", "spaced", "[-^x=~<>']_[-^x=~<>']|\\([-^x=~<>'][_.]?[-^x=~<>']\\)|\\([\\^x=~<>']-[\\^x=~<>'`]\\)"),
  symbol("<>{}()[\\]", "bracket", "[<>{}()\\[\\]]"),
  symbol("-", "hyphens", "-+"),
  symbol(".\\u0085\\u2026", "ellipsis", "\\.{3,5}|(?:\\.[ \\u00a0]){2,4}\\.|[\\u0085\\u2026]"),
  symbol("@#_*\\\\", "word", "@+|#+|_+|\\*+|(?:\\\\\\*){1,3}"),
  symbol(",;:\\u3001", "word", "[,;:\\u3001]"),
  symbol("?!", "word", "[?!]+"),
  symbol("'", "openingQuote", "'", "[A-Za-z][^ \\t\\n\\r\\u00a0]"),
  symbol(APOSTROPHES, "quote", CLITIC),
  symbol(`${APOSTROPHES}${QUOTES}`, "quote", `''|[${QUOTES}]{2}|${APOSTROPHE}|[${QUOTES}]`),
  symbol("<>", "word", "<<|>>"),
  symbol("\\p{M}\\u00ad\\u200c\\u200d", "word", WORD, CLITIC),
  symbol("\\p{M}\\u00ad\\u200c\\u200d", "word", WORD),
];
