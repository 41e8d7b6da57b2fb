/** Words by their UTF-8 bytes. */

/** Gives words ids 0, 1, ... and finds them in a stream of bytes without making strings. */
export class ByteVocabulary {
  #slots = new Int32Array(1 << 12).fill(-1);
  #starts = new Int32Array(1 << 12);
  #pool = Buffer.alloc(1 << 16);
  #size = 0;

  /** Number of words. */
  get size(): number {
    return this.#size;
  }

  /** The id of a word, -1 where it has none. */
  idOf(word: string): number {
    const bytes = Buffer.from(word);
    return this.find(bytes, 0, bytes.length);
  }

  /** The id of a word, new where it had none. */
  add(word: string): number {
    const bytes = Buffer.from(word);
    return this.addBytes(bytes, 0, bytes.length);
  }

  /** The id of the word in bytes[from, to), -1 where it has none. */
  find(bytes: Uint8Array, from: number, to: number): number {
    return this.#slots[this.#slot(bytes, from, to)];
  }

  /** The id of the word in bytes[from, to), new where it had none. */
  addBytes(bytes: Uint8Array, from: number, to: number): number {
    const slot = this.#slot(bytes, from, to);
    if (this.#slots[slot] >= 0) return this.#slots[slot];
    const id = this.#size++;
    const start = this.#starts[id];
    const end = start + to - from;
    if (end > this.#pool.length) this.#pool = Buffer.concat([this.#pool], Math.max(2 * this.#pool.length, end));
    this.#pool.set(bytes.subarray(from, to), start);
    if (this.#size === this.#starts.length) {
      const longer = new Int32Array(2 * this.#size);
      longer.set(this.#starts);
      this.#starts = longer;
    }
    this.#starts[this.#size] = end;
    this.#slots[slot] = id;
    if (2 * this.#size > this.#slots.length) this.#rehash();
    return id;
  }

  #slot(bytes: Uint8Array, from: number, to: number): number {
    // FNV-1a, and a last mixing since the table takes the low bits.
    let hash = 0x811c9dc5;
    for (let i = from; i < to; i++) hash = Math.imul(hash ^ bytes[i], 0x01000193);
    const mask = this.#slots.length - 1;
    let slot = (hash ^ (hash >>> 15)) & mask;
    for (;;) {
      const id = this.#slots[slot];
      if (id < 0 || this.#equals(id, bytes, from, to)) return slot;
      slot = (slot + 1) & mask;
    }
  }

  #equals(id: number, bytes: Uint8Array, from: number, to: number): boolean {
    const start = this.#starts[id];
    if (this.#starts[id + 1] - start !== to - from) return false;
    for (let i = from; i < to; i++) {
      if (this.#pool[start + i - from] !== bytes[i]) return false;
    }
    return true;
  }

  #rehash(): void {
    this.#slots = new Int32Array(2 * this.#slots.length).fill(-1);
    for (let id = 0; id < this.#size; id++) {
      this.#slots[this.#slot(this.#pool, this.#starts[id], this.#starts[id + 1])] = id;
    }
  }
}
