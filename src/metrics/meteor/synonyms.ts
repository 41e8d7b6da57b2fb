/** WordNet's sets of synonyms, in the files of METEOR 1.5. */
import { UsageError } from "../../base/errors.ts";

/** WordNet's rules of inflection (its morphology, release 3.0): ending, what stands for it; nouns, verbs, adjectives. */
const inflections: readonly (readonly [string, string])[] = [
  ["s", ""],
  ["ses", "s"],
  ["xes", "x"],
  ["zes", "z"],
  ["ches", "ch"],
  ["shes", "sh"],
  ["men", "man"],
  ["ies", "y"],
  ["s", ""],
  ["ies", "y"],
  ["es", "e"],
  ["es", ""],
  ["ed", "e"],
  ["ed", ""],
  ["ing", "e"],
  ["ing", ""],
  ["er", ""],
  ["est", ""],
  ["er", "e"],
  ["est", "e"],
];

/** Pairs of lines of a file: a word, then what belongs to it. */
function* pairsOf(text: string, file: string): Generator<readonly [string, readonly string[], number]> {
  const lines = text.split(/\r?\n/);
  if (lines[lines.length - 1] === "") lines.pop();
  if (lines.length % 2 !== 0) {
    throw new UsageError(
      `${file}, line ${lines.length}: the last word has no line after it; expected pairs of lines, a word and its sets`,
    );
  }
  for (let i = 0; i < lines.length; i += 2) {
    yield [lines[i], lines[i + 1].split(/\s+/).filter((part) => part !== ""), i + 2];
  }
}

/** Which words share a set of synonyms. */
export class SynonymDictionary {
  readonly #sets = new Map<string, readonly number[]>();
  readonly #bases = new Map<string, string[]>();
  readonly #known = new Map<string, readonly number[]>();

  /**
   * @param synsets pairs of lines: a word; the numbers of its sets.
   * @param exceptions pairs of lines: a base form; its irregular forms.
   * @throws UsageError naming the file and the line of a broken pair.
   */
  constructor(synsets: string, exceptions: string, files = { synsets: "synsets", exceptions: "exceptions" }) {
    for (const [word, numbers, line] of pairsOf(synsets, files.synsets)) {
      const sets = numbers.map(Number);
      const wrong = sets.findIndex((set) => !Number.isInteger(set));
      if (wrong >= 0) {
        throw new UsageError(`${files.synsets}, line ${line}: "${numbers[wrong]}" is no number of a set of synonyms`);
      }
      this.#sets.set(word, sets);
    }
    for (const [base, forms] of pairsOf(exceptions, files.exceptions)) {
      for (const form of forms) {
        const bases = this.#bases.get(form);
        if (bases === undefined) this.#bases.set(form, [base]);
        else bases.push(base);
      }
    }
  }

  /** The sets of a word and of its base forms, ascending. */
  setsOf(word: string): readonly number[] {
    let sets = this.#known.get(word);
    if (sets === undefined) {
      const all = new Set(this.#sets.get(word));
      for (const base of this.#bases.get(word) ?? [this.#regularBase(word)]) {
        for (const set of this.#sets.get(base) ?? []) all.add(set);
      }
      sets = [...all].sort((a, b) => a - b);
      this.#known.set(word, sets);
    }
    return sets;
  }

  /** The first base form by {@link inflections} that the dictionary has. */
  #regularBase(word: string): string {
    if (word.endsWith("ss") || word.length <= 2) return word;
    for (const [ending, replacement] of inflections) {
      if (!word.endsWith(ending)) continue;
      const base = word.slice(0, -ending.length) + replacement;
      if (this.#sets.has(base)) return base;
    }
    return "";
  }
}

/** Whether two ascending lists have a number in common. */
export function share(a: readonly number[], b: readonly number[]): boolean {
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    if (a[i] === b[j]) return true;
    if (a[i] < b[j]) i++;
    else j++;
  }
  return false;
}
