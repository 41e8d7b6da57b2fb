/** Offsets in Unicode code points, as SQuAD's files count, and in UTF-16 units, as JavaScript's strings do. */

const surrogates = /[\ud800-\udfff]/;

/** Converts offsets of one text in both directions. Where the text has no character outside the BMP, both agree. */
export class CodePointOffsets {
  /** UTF-16 offset of each code point and of the end; undefined where it would be the identity. */
  readonly #units: Uint32Array | undefined;
  /** Number of code points. */
  readonly length: number;

  constructor(text: string) {
    if (!surrogates.test(text)) {
      this.length = text.length;
      return;
    }
    const units: number[] = [];
    for (let at = 0; at < text.length; at += (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1) units.push(at);
    this.length = units.length;
    units.push(text.length);
    this.#units = Uint32Array.from(units);
  }

  /** UTF-16 offset of a code point; undefined outside 0..length. */
  toUnits(codePoints: number): number | undefined {
    if (!Number.isInteger(codePoints) || codePoints < 0 || codePoints > this.length) return undefined;
    return this.#units ? this.#units[codePoints] : codePoints;
  }

  /** Number of code points before a UTF-16 offset; an offset inside a pair counts as that of the pair. */
  fromUnits(units: number): number {
    if (!this.#units) return units;
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#units[middle] <= units) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

/** Number of code points of a text. */
export function codePointLength(text: string): number {
  return new CodePointOffsets(text).length;
}
