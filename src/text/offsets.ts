/** Tokens with their place in the text they were cut from, and texts that remember where their characters stood. */

/** A token and the half-open span of the original text, in UTF-16 units, that it was made from. */
export interface TextToken {
  readonly token: string;
  readonly start: number;
  readonly end: number;
}

/**
 * A text made from another by replacing, dropping or adding characters, with the way back: unit i came from the original
 * units [start(i), end(i)). As long as every step keeps the number of units there is no table at all.
 */
export class DerivedText {
  readonly text: string;
  readonly #starts: Uint32Array | undefined;
  readonly #ends: Uint32Array | undefined;

  private constructor(text: string, starts?: Uint32Array, ends?: Uint32Array) {
    this.text = text;
    this.#starts = starts;
    this.#ends = ends;
  }

  static of(text: string): DerivedText {
    return new DerivedText(text);
  }

  /** Whether offsets are those of the original text. */
  get isAligned(): boolean {
    return this.#starts === undefined;
  }

  /** Original offset at which unit `at` begins. */
  start(at: number): number {
    return this.#starts?.[at] ?? at;
  }

  /** Original offset after unit `at - 1`: where a span that ends before `at` ends. */
  end(at: number): number {
    if (!this.#ends || at === 0) return at;
    return this.#ends[at - 1];
  }

  /** Every match of a global pattern replaced; all units of a replacement stand for the whole match. */
  replace(pattern: RegExp, replacement: (match: string) => string): DerivedText {
    let changed = false;
    let aligned = true;
    const plain = this.text.replace(pattern, (match) => {
      const by = replacement(match);
      if (by !== match) changed = true;
      if (by.length !== match.length) aligned = false;
      return by;
    });
    if (!changed) return this;
    if (aligned) return new DerivedText(plain, this.#starts, this.#ends);
    const starts = new Uint32Array(plain.length);
    const ends = new Uint32Array(plain.length);
    let to = 0;
    let from = 0;
    const copyUntil = (stop: number): void => {
      for (; from < stop; from++, to++) {
        starts[to] = this.start(from);
        ends[to] = this.end(from + 1);
      }
    };
    for (const { 0: match, index } of this.text.matchAll(pattern)) {
      copyUntil(index);
      from = index + match.length;
      const { length } = replacement(match);
      starts.fill(this.start(index), to, to + length);
      ends.fill(this.end(from), to, to + length);
      to += length;
    }
    copyUntil(this.text.length);
    return new DerivedText(plain, starts, ends);
  }

  /** Lower case by Unicode's full mapping, which may lengthen a character (U+0130). */
  toLowerCase(): DerivedText {
    const lower = this.text.toLowerCase();
    if (lower.length === this.text.length) return new DerivedText(lower, this.#starts, this.#ends);
    const starts = new Uint32Array(lower.length);
    const ends = new Uint32Array(lower.length);
    let to = 0;
    let from = 0;
    for (const character of this.text) {
      const { length } = character.toLowerCase();
      starts.fill(this.start(from), to, to + length);
      from += character.length;
      ends.fill(this.end(from), to, to + length);
      to += length;
    }
    return new DerivedText(lower, starts, ends);
  }
}

/**
 * Spans for tokens that hold all characters of a text but its white space, in order: a tokenizer that only inserts
 * spaces and drops white space.
 *
 * @param isSpace whether the tokenizer drops the unit at a position
 */
export function alignTokens(
  source: DerivedText,
  tokens: readonly string[],
  isSpace: (text: string, at: number) => boolean,
): TextToken[] {
  let at = 0;
  return tokens.map((token) => {
    while (isSpace(source.text, at)) at++;
    const first = at;
    at += token.length;
    return { token, start: source.start(first), end: source.end(at) };
  });
}
