/** A hash table that adds up weights of pairs of words within a bound of memory. */
import { type Pairs, partPairs } from "./pairs.ts";

/** Share of the places that may be taken. */
const mostFilled = 0.7;
/** Bytes a place: key and value, and beside them the sorted keys and a sorted copy of keys and values. */
const placeBytes = 16 + 24 * mostFilled;
/** Bytes a place while the table grows by half or more, when the old one is there too. */
const growingBytes = 16 * (1 + 1 / 1.5);
const firstCapacity = 1 << 12;

/**
 * Weights by unordered pair, open addressing with linear probing; keys and values side by side, so that a pair costs one
 * cache line. Grows by itself until the bound.
 */
export class PairCounter {
  readonly #words: number;
  readonly #largest: number;
  #capacity: number;
  /** Key and value of each place; an empty place has key -1. */
  #places: Float64Array;
  #count = 0;

  /**
   * @param words size of the vocabulary
   * @param memory bound in bytes
   * @param least pairs that must have room however small the bound
   */
  constructor(words: number, memory: number, least: number) {
    this.#words = words;
    const smallest = Math.ceil(least / mostFilled) + 2;
    this.#largest = Math.max(smallest, Math.floor(memory / Math.max(placeBytes, growingBytes)));
    this.#capacity = Math.min(Math.max(firstCapacity, smallest), this.#largest);
    this.#places = this.#empty(this.#capacity);
  }

  #empty(capacity: number): Float64Array {
    const places = new Float64Array(2 * capacity);
    for (let place = 0; place < capacity; place++) places[2 * place] = -1;
    return places;
  }

  /** Distinct pairs held. */
  get count(): number {
    return this.#count;
  }

  /**
   * Makes room for further pairs, at most the `least` of the constructor; false where the bound does not let it, and the
   * table must be drained first.
   */
  reserve(further: number): boolean {
    while (this.#count + further > this.#capacity * mostFilled) {
      const capacity = Math.min(this.#largest, 2 * this.#capacity);
      if (capacity < 1.5 * this.#capacity) return this.#count === 0;
      this.#grow(capacity);
    }
    return true;
  }

  #place(places: Float64Array, capacity: number, low: number, high: number, key: number): number {
    let hash = Math.imul(low, 0x9e3779b1) + Math.imul(high, 0x85ebca77);
    hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
    hash ^= hash >>> 13;
    let place = Math.floor(((hash >>> 0) / 0x1_0000_0000) * capacity);
    for (;;) {
      const held = places[2 * place];
      if (held === key || held === -1) return place;
      if (++place === capacity) place = 0;
    }
  }

  #grow(capacity: number): void {
    const places = this.#empty(capacity);
    for (let old = 0; old < this.#capacity; old++) {
      const key = this.#places[2 * old];
      if (key === -1) continue;
      const low = Math.floor(key / this.#words);
      const place = this.#place(places, capacity, low, key - low * this.#words, key);
      places[2 * place] = key;
      places[2 * place + 1] = this.#places[2 * old + 1];
    }
    this.#places = places;
    this.#capacity = capacity;
  }

  /** Adds a weight to the pair of two words; there must be room ({@link reserve}). */
  add(a: number, b: number, weight: number): void {
    const low = a < b ? a : b;
    const high = a < b ? b : a;
    const key = low * this.#words + high;
    const place = this.#place(this.#places, this.#capacity, low, high, key);
    if (this.#places[2 * place] === -1) {
      this.#places[2 * place] = key;
      this.#count++;
    }
    this.#places[2 * place + 1] += weight;
  }

  /** All pairs in the order of their keys; the table is empty afterwards. */
  *drain(): Generator<Pairs> {
    const sorted = new Float64Array(this.#count);
    let filled = 0;
    for (let place = 0; place < this.#capacity; place++) {
      if (this.#places[2 * place] !== -1) sorted[filled++] = this.#places[2 * place];
    }
    sorted.sort();
    const values = new Float64Array(partPairs);
    for (let at = 0; at < sorted.length; at += partPairs) {
      const keys = sorted.subarray(at, at + partPairs);
      for (let n = 0; n < keys.length; n++) {
        const low = Math.floor(keys[n] / this.#words);
        const place = this.#place(this.#places, this.#capacity, low, keys[n] - low * this.#words, keys[n]);
        values[n] = this.#places[2 * place + 1];
      }
      yield { keys, values, count: keys.length };
    }
    this.#places = this.#empty(this.#capacity);
    this.#count = 0;
  }
}
