/** The four modules of METEOR 1.5, which find the words that may stand for each other. */
import { MatchTable, type ModuleName } from "./alignment.ts";
import type { ParaphraseTable } from "./paraphrases.ts";
import { stemEnglish } from "./stem.ts";
import { type SynonymDictionary, share } from "./synonyms.ts";

/** What the modules look up. */
export interface MatcherTables {
  readonly synonyms?: SynonymDictionary;
  readonly paraphrases?: ParaphraseTable;
}

/** Finds all matches of pairs of texts; keeps what it looked up, since words come again. */
export class Matchers {
  readonly #modules: ReadonlySet<ModuleName>;
  readonly #tables: MatcherTables;
  readonly #stems = new Map<string, string>();
  readonly #ids = new Map<string, number>();

  constructor(modules: ReadonlySet<ModuleName>, tables: MatcherTables) {
    this.#modules = modules;
    this.#tables = tables;
  }

  /** All matches, module by module; only exact ones where the texts are equal. */
  find(hypothesis: readonly string[], reference: readonly string[]): MatchTable {
    const table = new MatchTable(hypothesis.length, reference.length);
    const equal = hypothesis.length === reference.length && hypothesis.every((word, i) => word === reference[i]);
    const { synonyms, paraphrases } = this.#tables;
    if (this.#modules.has("exact")) matchPairs(table, "exact", hypothesis, reference, (a, b) => a === b);
    if (equal) return table;
    if (this.#modules.has("stem")) {
      const [ours, theirs] = [hypothesis, reference].map((words) => words.map((word) => this.#stem(word)));
      matchPairs(table, "stem", ours, theirs, (a, b, i, j) => a === b && hypothesis[i] !== reference[j]);
    }
    if (synonyms !== undefined && this.#modules.has("synonym")) {
      const [ours, theirs] = [hypothesis, reference].map((words) => words.map((word) => synonyms.setsOf(word)));
      matchPairs(table, "synonym", ours, theirs, (a, b, i, j) => share(a, b) && hypothesis[i] !== reference[j]);
    }
    if (paraphrases !== undefined && this.#modules.has("paraphrase")) {
      this.#matchParaphrases(table, hypothesis, reference, paraphrases);
    }
    return table;
  }

  #stem(word: string): string {
    let stem = this.#stems.get(word);
    if (stem === undefined) {
      stem = stemEnglish(word);
      this.#stems.set(word, stem);
    }
    return stem;
  }

  #idsOf(words: readonly string[], table: ParaphraseTable): Int32Array {
    return Int32Array.from(words, (word) => {
      let id = this.#ids.get(word);
      if (id === undefined) {
        id = table.idOf(word);
        this.#ids.set(word, id);
      }
      return id;
    });
  }

  #matchParaphrases(
    table: MatchTable,
    hypothesis: readonly string[],
    reference: readonly string[],
    paraphrases: ParaphraseTable,
  ): void {
    const ours = this.#idsOf(hypothesis, paraphrases);
    const theirs = this.#idsOf(reference, paraphrases);
    for (let j = 0; j < theirs.length; j++) {
      paraphrases.forEachParaphrase(theirs, j, (length, from, to) => {
        for (let i = ours.indexOf(paraphrases.pool[from]); i >= 0; i = ours.indexOf(paraphrases.pool[from], i + 1)) {
          if (standsAt(ours, i, paraphrases.pool, from, to)) table.add("paraphrase", j, length, i, to - from);
        }
      });
    }
    for (let i = 0; i < ours.length; i++) {
      paraphrases.forEachParaphrase(ours, i, (length, from, to) => {
        for (
          let j = theirs.indexOf(paraphrases.pool[from]);
          j >= 0;
          j = theirs.indexOf(paraphrases.pool[from], j + 1)
        ) {
          if (standsAt(theirs, j, paraphrases.pool, from, to)) table.add("paraphrase", j, to - from, i, length);
        }
      });
    }
  }
}

/** Matches of single words: by word of the reference, then by word of the hypothesis. */
function matchPairs<T>(
  table: MatchTable,
  module: ModuleName,
  hypothesis: readonly T[],
  reference: readonly T[],
  matches: (a: T, b: T, i: number, j: number) => boolean,
): void {
  for (let j = 0; j < reference.length; j++) {
    for (let i = 0; i < hypothesis.length; i++) {
      if (matches(hypothesis[i], reference[j], i, j)) table.add(module, j, 1, i, 1);
    }
  }
}

/** Whether pool[from, to) stands in `ids` from `at` on. */
function standsAt(ids: Int32Array, at: number, pool: Int32Array, from: number, to: number): boolean {
  for (let k = 0; from + k < to; k++) if (at + k >= ids.length || ids[at + k] !== pool[from + k]) return false;
  return true;
}
