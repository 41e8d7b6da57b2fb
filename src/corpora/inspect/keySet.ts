/** Which texts occurred, in bounded memory. */

/** A 53-bit hash of a text; two different ones among four million share it with a probability of about 0.001. */
export function hashText(text: string): number {
  let high = 0x9e3779b9;
  let low = 0x85ebca6b;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    high = Math.imul(high ^ unit, 0x9e3779b1);
    low = Math.imul(low ^ unit, 0x5f356495);
    high ^= low >>> 15;
  }
  high = Math.imul(high ^ (high >>> 16), 0x85ebca6b) ^ Math.imul(low ^ (low >>> 13), 0xc2b2ae35);
  low = Math.imul(low ^ (low >>> 16), 0x85ebca6b) ^ Math.imul(high ^ (high >>> 13), 0xc2b2ae35);
  return (high & 0x1fffff) * 0x1_0000_0000 + (low >>> 0);
}

/** Spaces between words do not make two texts different. */
export function plainSpaces(text: string): string {
  return text.trim().replace(/\s+/g, " ");
}

/** A set of texts by their hashes: 16 bytes a text and at most 64 MiB; once it is full, new texts are not taken in. */
export class KeySet {
  readonly #most: number;
  #slots = new Float64Array(1024).fill(-1);
  #size = 0;
  #full = false;

  constructor(most = 1 << 22) {
    this.#most = most;
  }

  #slotOf(hash: number, slots: Float64Array): number {
    let at = hash % slots.length;
    while (slots[at] !== -1 && slots[at] !== hash) at = at + 1 === slots.length ? 0 : at + 1;
    return at;
  }

  has(hash: number): boolean {
    return this.#slots[this.#slotOf(hash, this.#slots)] === hash;
  }

  /** Whether the text is new. */
  add(hash: number): boolean {
    const at = this.#slotOf(hash, this.#slots);
    if (this.#slots[at] === hash) return false;
    if (this.#size === this.#most) {
      this.#full = true;
      return true;
    }
    this.#slots[at] = hash;
    if (++this.#size * 2 > this.#slots.length) {
      const larger = new Float64Array(this.#slots.length * 2).fill(-1);
      for (const value of this.#slots) if (value !== -1) larger[this.#slotOf(value, larger)] = value;
      this.#slots = larger;
    }
    return true;
  }

  /** Different texts that were taken in. */
  get size(): number {
    return this.#size;
  }

  /** Whether there were more texts than fit, so that counts are lower bounds. */
  get full(): boolean {
    return this.#full;
  }

  /** How many texts both sets hold. */
  overlap(other: KeySet): number {
    const [small, large] = this.#size < other.#size ? [this, other] : [other, this];
    let count = 0;
    for (const value of small.#slots) if (value !== -1 && large.has(value)) count++;
    return count;
  }
}
