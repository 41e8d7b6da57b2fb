import { messageOf, UsageError } from "../base/errors.ts";
import { compareCodePoints } from "./code-point-order.ts";

/** The four special tokens in the order of their ids. */
export const SPECIAL_TOKENS = ["<pad>", "<unk>", "<eos>", "<sos>"] as const;

/** A value for each special token, by the token's name without its brackets. */
export interface PerSpecial<T> {
  readonly pad: T;
  readonly unk: T;
  readonly eos: T;
  readonly sos: T;
}

const SPECIAL_KEYS = ["pad", "unk", "eos", "sos"] as const;

export interface VocabularyOptions {
  /** Words seen fewer times become `<unk>`; 1 keeps all. */
  readonly minCount?: number;
  /** The most tokens to have, the four specials included; unlimited unless given. */
  readonly maxSize?: number;
  /** The token that the tokenizer itself says of what it does not know: `<unk>`, not a word of its own. */
  readonly unknown?: string;
  /**
   * Counts of the special tokens, where they should differ from the counted ones: `<unk>` counts the words that were left
   * out, `<eos>` one for every text (its end), `<sos>` one for every text, `<pad>` none, each plus its own occurrences
   * as a token of a text. A fixed-length model, for which `<pad>` is one more word, gives the number of pads here.
   */
  readonly specialCounts?: Partial<PerSpecial<number>>;
}

/** What a vocabulary is stored as. */
export interface VocabularyJson {
  readonly version: 1;
  /** All tokens in the order of their ids. */
  readonly tokens: readonly string[];
  /** How often each was seen in the training texts. */
  readonly counts: readonly number[];
}

const isCount = (value: unknown): value is number =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0;

/**
 * The words of a model and their ids. Ids 0 to 3 are `<pad>`, `<unk>`, `<eos>` and `<sos>`; the words follow by falling
 * count, equal counts in code-point order, so that the same texts always give the same ids.
 */
export class Vocabulary {
  static readonly pad = 0;
  static readonly unk = 1;
  static readonly eos = 2;
  static readonly sos = 3;

  /** All tokens in the order of their ids. */
  readonly tokens: readonly string[];
  /** How often each token was seen in the training texts, by id. */
  readonly counts: readonly number[];
  readonly #ids: ReadonlyMap<string, number>;

  private constructor(tokens: readonly string[], counts: readonly number[]) {
    this.tokens = tokens;
    this.counts = counts;
    this.#ids = new Map(tokens.map((token, id) => [token, id]));
  }

  /**
   * Counts the tokens of training texts and keeps the frequent ones.
   *
   * @param texts the tokens of each text, without a closing `<eos>`, which is counted once for every text.
   * @throws UsageError when `minCount` or `maxSize` or a special count is no such number.
   */
  static build(texts: Iterable<readonly string[]>, options: VocabularyOptions = {}): Vocabulary {
    const { minCount = 1, maxSize = Number.MAX_SAFE_INTEGER, unknown, specialCounts = {} } = options;
    if (!Number.isSafeInteger(minCount) || minCount < 1) {
      throw new UsageError(`The vocabulary's minCount is ${minCount}; expected a whole number of at least 1.`);
    }
    if (!Number.isSafeInteger(maxSize) || maxSize <= SPECIAL_TOKENS.length) {
      throw new UsageError(
        `The vocabulary's maxSize is ${maxSize}; expected a whole number above ${SPECIAL_TOKENS.length}, the special tokens included.`,
      );
    }
    const seen = new Map<string, number>();
    let textCount = 0;
    for (const text of texts) {
      textCount++;
      for (const token of text) seen.set(token, (seen.get(token) ?? 0) + 1);
    }
    const counts = SPECIAL_TOKENS.map((token) => {
      const count = seen.get(token) ?? 0;
      seen.delete(token);
      return count;
    });
    seen.delete("");
    const words = [...seen].filter(([token, count]) => token !== unknown && count >= minCount);
    words.sort(([a, m], [b, n]) => n - m || compareCodePoints(a, b));
    const kept = words.slice(0, maxSize - SPECIAL_TOKENS.length);
    let leftOut = 0;
    for (const count of seen.values()) leftOut += count;
    for (const [, count] of kept) leftOut -= count;
    const counted: PerSpecial<number> = { pad: 0, unk: leftOut, eos: textCount, sos: textCount };
    for (const [id, key] of SPECIAL_KEYS.entries()) {
      const given = specialCounts[key];
      if (given !== undefined && !isCount(given)) {
        throw new UsageError(`The count of <${key}> is ${given}; expected a whole number of at least 0.`);
      }
      counts[id] = given ?? (counts[id] ?? 0) + counted[key];
    }
    return new Vocabulary(
      [...SPECIAL_TOKENS, ...kept.map(([token]) => token)],
      [...counts, ...kept.map(([, count]) => count)],
    );
  }

  /** Number of tokens, the specials included. */
  get size(): number {
    return this.tokens.length;
  }

  /** Whether a token has an id of its own. */
  has(token: string): boolean {
    return this.#ids.has(token);
  }

  /** The id of a token; that of `<unk>` for a token that is not in the vocabulary. */
  id(token: string): number {
    return this.#ids.get(token) ?? Vocabulary.unk;
  }

  /**
   * The token of an id.
   * @throws UsageError when there is no such id.
   */
  token(id: number): string {
    const token = this.tokens[id];
    if (token === undefined) {
      throw new UsageError(`There is no token with id ${id}; expected a whole number from 0 to ${this.size - 1}.`);
    }
    return token;
  }

  /** The ids of tokens. */
  encode(tokens: readonly string[]): number[] {
    return tokens.map((token) => this.id(token));
  }

  /**
   * The tokens of ids, specials included.
   * @throws UsageError when an id is not of this vocabulary.
   */
  decode(ids: Iterable<number>): string[] {
    return Array.from(ids, (id) => this.token(id));
  }

  /**
   * Log unigram probabilities by id, with add-one smoothing over the training counts:
   * log p(w) = ln((n_w + 1) / sum over counted v of (n_v + 1)).
   *
   * The counts are those of {@link build}, so those of `<eos>` and `<unk>` are there. Per special token: `true` counts
   * it with its stored count, a number counts it with that count instead, `false` excludes it (-Infinity). Without
   * options `<unk>` and `<eos>` are counted, `<pad>` and `<sos>` excluded, since a text never holds them.
   *
   * @returns (size) natural logarithms, whose exponentials sum to 1.
   * @throws UsageError when a given count is negative or no whole number, or nothing is left to count.
   */
  logPrior(specials: Partial<PerSpecial<boolean | number>> = {}): Float64Array {
    const smoothed = Float64Array.from(this.counts, (count) => count + 1);
    const chosen: PerSpecial<boolean | number> = { pad: false, unk: true, eos: true, sos: false, ...specials };
    for (const [id, key] of SPECIAL_KEYS.entries()) {
      const choice = chosen[key];
      if (choice === false) smoothed[id] = 0;
      else if (typeof choice === "number") {
        if (!isCount(choice)) {
          throw new UsageError(`The count of <${key}> is ${choice}; expected a whole number of at least 0.`);
        }
        smoothed[id] = choice + 1;
      }
    }
    const total = smoothed.reduce((sum, value) => sum + value, 0);
    if (total === 0) throw new UsageError("The vocabulary has no words, so it has no prior; build it from texts.");
    return smoothed.map((value) => Math.log(value) - Math.log(total));
  }

  toJSON(): VocabularyJson {
    return { version: 1, tokens: this.tokens, counts: this.counts };
  }

  /**
   * Reads what {@link toJSON} wrote. Nothing is repaired: a vocabulary that differs from the trained one would give every
   * word another meaning.
   *
   * @param text the JSON text.
   * @param file its name, for messages.
   * @throws UsageError that names the file and what is wrong with it.
   */
  static parse(text: string, file: string): Vocabulary {
    const wrong = (what: string): UsageError => new UsageError(`${file}: ${what}`);
    let json: unknown;
    try {
      json = JSON.parse(text);
    } catch (error) {
      throw wrong(
        `not JSON (${messageOf(error)}); expected a vocabulary {"version": 1, "tokens": [...], "counts": [...]}.`,
      );
    }
    if (typeof json !== "object" || json === null || Array.isArray(json)) {
      throw wrong('expected an object {"version": 1, "tokens": [...], "counts": [...]}.');
    }
    const { version, tokens, counts, ...others } = json as Record<string, unknown>;
    const unknownKeys = Object.keys(others);
    if (unknownKeys.length > 0)
      throw wrong(`unknown key ${JSON.stringify(unknownKeys[0])}; expected version, tokens, counts.`);
    if (version !== 1) throw wrong(`version is ${JSON.stringify(version) ?? "missing"}; expected 1.`);
    if (!Array.isArray(tokens)) throw wrong('"tokens" is not a list; expected the tokens in the order of their ids.');
    if (!Array.isArray(counts)) throw wrong('"counts" is not a list; expected one count for each token.');
    if (tokens.length !== counts.length) {
      throw wrong(`there are ${tokens.length} tokens but ${counts.length} counts; expected one count for each token.`);
    }
    const firstAt = new Map<string, number>();
    const words: string[] = [];
    for (const [id, token] of (tokens as unknown[]).entries()) {
      if (typeof token !== "string" || token === "") {
        throw wrong(`token ${id} is ${JSON.stringify(token)}; expected a string that is not empty.`);
      }
      const special = SPECIAL_TOKENS[id];
      if (special !== undefined && token !== special) {
        throw wrong(`token ${id} is ${JSON.stringify(token)}; expected "${special}".`);
      }
      const first = firstAt.get(token);
      if (first !== undefined) {
        throw wrong(`${JSON.stringify(token)} is token ${first} and again token ${id}; expected every token once.`);
      }
      firstAt.set(token, id);
      words.push(token);
    }
    if (words.length < SPECIAL_TOKENS.length) {
      throw wrong(`there are ${words.length} tokens; expected at least the specials ${SPECIAL_TOKENS.join(", ")}.`);
    }
    const numbers: number[] = [];
    for (const [id, count] of (counts as unknown[]).entries()) {
      if (!isCount(count)) {
        throw wrong(
          `the count of ${JSON.stringify(words[id])} is ${JSON.stringify(count)}; expected a whole number of at least 0.`,
        );
      }
      numbers.push(count);
    }
    return new Vocabulary(words, numbers);
  }
}
