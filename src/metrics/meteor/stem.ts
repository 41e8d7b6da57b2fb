/** Snowball's English stemmer (Porter 2), in the state that METEOR 1.5 carries. */

/** Words with stems of their own. */
const irregular = new Map([
  ["skis", "ski"],
  ["skies", "sky"],
  ["dying", "die"],
  ["lying", "lie"],
  ["tying", "tie"],
  ["idly", "idl"],
  ["gently", "gentl"],
  ["ugly", "ugli"],
  ["early", "earli"],
  ["only", "onli"],
  ["singly", "singl"],
  ...["sky", "news", "howe", "atlas", "cosmos", "bias", "andes"].map((word): [string, string] => [word, word]),
]);

/** Words that are left alone once their plural ending is gone. */
const finished = new Set(["inning", "outing", "canning", "herring", "earring", "proceed", "exceed", "succeed"]);

/** Beginnings after which R1 starts, whatever their vowels. */
const prefixes = ["gener", "commun", "arsen"];

/** Suffixes of step 2 and what stands for them, longest first; "ogi" and "li" have conditions of their own. */
const step2: readonly (readonly [string, string])[] = [
  ["ational", "ate"],
  ["ization", "ize"],
  ["fulness", "ful"],
  ["ousness", "ous"],
  ["iveness", "ive"],
  ["tional", "tion"],
  ["lessli", "less"],
  ["biliti", "ble"],
  ["entli", "ent"],
  ["ation", "ate"],
  ["alism", "al"],
  ["aliti", "al"],
  ["fulli", "ful"],
  ["ousli", "ous"],
  ["iviti", "ive"],
  ["enci", "ence"],
  ["anci", "ance"],
  ["abli", "able"],
  ["izer", "ize"],
  ["ator", "ate"],
  ["alli", "al"],
  ["bli", "ble"],
  ["ogi", "og"],
  ["li", ""],
];

/** Suffixes of step 3, longest first; "ative" must lie in R2. */
const step3: readonly (readonly [string, string])[] = [
  ["ational", "ate"],
  ["tional", "tion"],
  ["alize", "al"],
  ["icate", "ic"],
  ["iciti", "ic"],
  ["ative", ""],
  ["ical", "ic"],
  ["ness", ""],
  ["ful", ""],
];

/** Suffixes of step 4, longest first; "ion" must follow s or t. */
const step4 = [
  "ement",
  "ance",
  "ence",
  "able",
  "ible",
  "ment",
  "ant",
  "ent",
  "ism",
  "ate",
  "iti",
  "ous",
  "ive",
  "ize",
  "ion",
  "al",
  "er",
  "ic",
];

const vowels = "aeiouy";

function isVowel(letter: string): boolean {
  return letter !== "" && vowels.includes(letter);
}

function hasVowel(text: string): boolean {
  return /[aeiouy]/.test(text);
}

/** Start of the region after the first non-vowel that follows a vowel, searched from `from`; the end if there is none. */
function regionAfter(word: string, from: number): number {
  for (let i = from + 1; i < word.length; i++) {
    if (isVowel(word[i - 1]) && !isVowel(word[i])) return i + 1;
  }
  return word.length;
}

/** Whether a word ends in a short syllable: vowel, then a non-vowel other than w, x, Y, after a non-vowel; or two letters. */
function endsInShortSyllable(word: string): boolean {
  const { length } = word;
  if (length < 2 || isVowel(word[length - 1]) || !isVowel(word[length - 2])) return false;
  if (length === 2) return true;
  return !"wxY".includes(word[length - 1]) && !isVowel(word[length - 3]);
}

/** A y at the beginning or after a vowel is a consonant; it is written Y while the steps run. */
function markConsonantY(word: string): string {
  if (!word.includes("y")) return word;
  let marked = word[0] === "y" ? "Y" : word[0];
  for (let i = 1; i < word.length; i++) marked += word[i] === "y" && isVowel(marked[i - 1]) ? "Y" : word[i];
  return marked;
}

/** Plurals: step 1a, with the possessive endings before it. */
function step1a(word: string): string {
  const w = word.replace(/(?:'s'|'s|')$/, "");
  if (w.endsWith("sses")) return w.slice(0, -2);
  if (w.endsWith("ied") || w.endsWith("ies")) return w.length > 4 ? w.slice(0, -2) : w.slice(0, -1);
  if (w.endsWith("us") || w.endsWith("ss")) return w;
  if (w.endsWith("s") && hasVowel(w.slice(0, -2))) return w.slice(0, -1);
  return w;
}

/** Past tenses and participles: step 1b. */
function step1b(word: string, r1: number): string {
  const suffix = /(?:eedly|ingly|edly|eed|ing|ed)$/.exec(word)?.[0];
  if (suffix === undefined) return word;
  const stem = word.slice(0, -suffix.length);
  if (suffix === "eed" || suffix === "eedly") return stem.length >= r1 ? `${stem}ee` : word;
  if (!hasVowel(stem)) return word;
  if (/(?:at|bl|iz)$/.test(stem)) return `${stem}e`;
  if (/(?:bb|dd|ff|gg|mm|nn|pp|rr|tt)$/.test(stem)) return stem.slice(0, -1);
  return stem.length === r1 && endsInShortSyllable(stem) ? `${stem}e` : stem;
}

/** y after a consonant that is not the first letter becomes i: step 1c. */
function step1c(word: string): string {
  return /[yY]$/.test(word) && word.length > 2 && !isVowel(word[word.length - 2]) ? `${word.slice(0, -1)}i` : word;
}

/** The longest suffix of a list that a word ends in. */
function longest<S extends string | readonly [string, string]>(word: string, suffixes: readonly S[]): S | undefined {
  return suffixes.find((entry) => word.endsWith(typeof entry === "string" ? entry : entry[0]));
}

function replaceStep2(word: string, r1: number): string {
  const found = longest(word, step2);
  if (found === undefined) return word;
  const stem = word.slice(0, -found[0].length);
  if (stem.length < r1) return word;
  if (found[0] === "ogi" && !stem.endsWith("l")) return word;
  if (found[0] === "li" && !/[cdeghkmnrt]$/.test(stem)) return word;
  return stem + found[1];
}

function replaceStep3(word: string, r1: number, r2: number): string {
  const found = longest(word, step3);
  if (found === undefined) return word;
  const stem = word.slice(0, -found[0].length);
  if (stem.length < r1 || (found[0] === "ative" && stem.length < r2)) return word;
  return stem + found[1];
}

function deleteStep4(word: string, r2: number): string {
  const suffix = longest(word, step4);
  if (suffix === undefined) return word;
  const stem = word.slice(0, -suffix.length);
  if (stem.length < r2 || (suffix === "ion" && !/[st]$/.test(stem))) return word;
  return stem;
}

/** Final e and the second of two final l. */
function deleteStep5(word: string, r1: number, r2: number): string {
  const stem = word.slice(0, -1);
  if (word.endsWith("e")) {
    return stem.length >= r2 || (stem.length >= r1 && !endsInShortSyllable(stem)) ? stem : word;
  }
  return word.endsWith("ll") && stem.length >= r2 ? stem : word;
}

/**
 * The stem of a lower-case English word (Porter's "English (Porter2) stemming algorithm", as of 2010, before its later
 * exceptions); characters that are no Latin vowels count as consonants.
 */
export function stemEnglish(word: string): string {
  const own = irregular.get(word);
  if (own !== undefined) return own;
  if (word.length < 3) return word;
  let stem = markConsonantY(word.startsWith("'") ? word.slice(1) : word);
  const prefix = prefixes.find((text) => stem.startsWith(text));
  const r1 = prefix === undefined ? regionAfter(stem, 0) : prefix.length;
  const r2 = regionAfter(stem, r1);
  stem = step1a(stem);
  if (!finished.has(stem)) {
    stem = step1c(step1b(stem, r1));
    stem = replaceStep2(stem, r1);
    stem = replaceStep3(stem, r1, r2);
    stem = deleteStep4(stem, r2);
    stem = deleteStep5(stem, r1, r2);
  }
  return stem.replaceAll("Y", "y");
}
