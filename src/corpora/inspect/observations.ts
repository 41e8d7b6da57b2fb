/** Counts, lengths, splits, duplicates and bad records of a file, gathered record by record. */
import { BadRecordTally } from "../badRecords.ts";
import { hashText, KeySet, plainSpaces } from "./keySet.ts";

/** Lengths of texts in words, split at white space. */
export interface LengthSummary {
  readonly texts: number;
  readonly shortest: number;
  readonly median: number;
  readonly mean: number;
  readonly percentile95: number;
  readonly longest: number;
}

class Lengths {
  /** How often each length occurred; lengths above the limit are counted as the limit, but `longest` is exact. */
  readonly #counts = new Map<number, number>();
  #texts = 0;
  #sum = 0;
  #longest = 0;
  #shortest = Number.POSITIVE_INFINITY;

  add(length: number): void {
    const key = Math.min(length, 1 << 20);
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
    this.#texts++;
    this.#sum += length;
    this.#longest = Math.max(this.#longest, length);
    this.#shortest = Math.min(this.#shortest, length);
  }

  summary(): LengthSummary {
    const sorted = [...this.#counts].sort(([left], [right]) => left - right);
    const quantile = (share: number): number => {
      let before = 0;
      for (const [length, count] of sorted) {
        before += count;
        if (before >= share * this.#texts) return length;
      }
      return this.#longest;
    };
    return {
      texts: this.#texts,
      shortest: this.#shortest,
      median: quantile(0.5),
      mean: Math.round((100 * this.#sum) / this.#texts) / 100,
      percentile95: quantile(0.95),
      longest: this.#longest,
    };
  }
}

/** Words of a text, split at white space. */
function countWords(text: string): number {
  return text.match(/\S+/g)?.length ?? 0;
}

/** What a reader saw of one file. */
export class Observations {
  readonly counts = new Map<string, number>();
  readonly splits = new Map<string, number>();
  readonly duplicates = new Map<string, number>();
  readonly bad = new BadRecordTally();
  readonly #lengths = new Map<string, Lengths>();
  /** Kind of text, then split ("" where the file has none). */
  readonly keys = new Map<string, Map<string, KeySet>>();

  count(name: string, by = 1): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + by);
  }

  split(name: string): void {
    this.splits.set(name, (this.splits.get(name) ?? 0) + 1);
  }

  /** Takes in a text for its length. */
  length(kind: string, text: string): void {
    this.#lengths.set(kind, this.#lengths.get(kind) ?? new Lengths());
    this.#lengths.get(kind)?.add(countWords(text));
  }

  /** Takes in a text that should occur once; runs of white space count as one space. */
  key(kind: string, text: string, split = ""): void {
    let bySplit = this.keys.get(kind);
    if (!bySplit) {
      bySplit = new Map();
      this.keys.set(kind, bySplit);
      this.duplicates.set(kind, 0);
    }
    let set = bySplit.get(split);
    if (!set) {
      set = new KeySet();
      bySplit.set(split, set);
    }
    if (!set.add(hashText(plainSpaces(text)))) this.duplicates.set(kind, (this.duplicates.get(kind) ?? 0) + 1);
  }

  /** Length and key at once. */
  text(kind: string, text: string, split = ""): void {
    this.length(kind, text);
    this.key(kind, text, split);
  }

  lengths(): Record<string, LengthSummary> {
    return Object.fromEntries([...this.#lengths].map(([kind, lengths]) => [kind, lengths.summary()]));
  }
}
