import { createHash } from "node:crypto";
import { UsageError } from "./errors.ts";

/** What a seed may be made of: numbers and texts of any kind, and lists of numbers (token ids). */
export type SeedPart = number | bigint | string | readonly number[];

/** The whole state of a {@link RandomStream}, as plain JSON. */
export interface RandomState {
  readonly algorithm: "xoshiro128**";
  /** The four 32-bit words of the generator. */
  readonly words: readonly [number, number, number, number];
  /** The second value of the last normal pair if it was not handed out yet. */
  readonly spareNormal: number | null;
}

const TWO_32 = 0x1_0000_0000;
const TWO_53 = 0x20_0000_0000_0000;

/**
 * A stable 63-bit hash of its parts, for keying random streams by (seed, step, example) or (seed, token ids).
 *
 * It is the first 63 bits of SHA-256 over an injective encoding of the parts (type, length, content), so that
 * `("ab", "c")` differs from `("a", "bc")` and `(1, 2)` from `([1, 2])`. Numbers are hashed as IEEE doubles; -0
 * counts as 0. The value depends on nothing but the parts: it is the same in every process and on every machine.
 *
 * @returns an integer in [0, 2^63), which fits a signed 64-bit seed.
 * @throws UsageError when a number is NaN.
 */
export function hashSeed(...parts: readonly SeedPart[]): bigint {
  let size = 0;
  for (const part of parts) {
    if (typeof part === "string") size += 5 + 2 * part.length;
    else if (typeof part === "number") size += 9;
    else if (typeof part === "bigint") size += 5 + part.toString(16).length;
    else size += 5 + 8 * part.length;
  }
  const bytes = Buffer.allocUnsafe(size);
  let at = 0;
  const number = (value: number): void => {
    if (Number.isNaN(value)) throw new UsageError("A part of a random seed is NaN; expected a number.");
    at = bytes.writeDoubleLE(value === 0 ? 0 : value, at);
  };
  for (const part of parts) {
    if (typeof part === "string") {
      at = bytes.writeUInt8(0x73, at);
      at = bytes.writeUInt32LE(part.length, at);
      // UTF-16 and not UTF-8, because UTF-8 would make all lone surrogates equal.
      at += bytes.write(part, at, "utf16le");
    } else if (typeof part === "number") {
      at = bytes.writeUInt8(0x6e, at);
      number(part);
    } else if (typeof part === "bigint") {
      const digits = part.toString(16);
      at = bytes.writeUInt8(0x62, at);
      at = bytes.writeUInt32LE(digits.length, at);
      at += bytes.write(digits, at, "latin1");
    } else {
      at = bytes.writeUInt8(0x61, at);
      at = bytes.writeUInt32LE(part.length, at);
      for (const value of part) number(value);
    }
  }
  return createHash("sha256").update(bytes).digest().readBigUInt64BE(0) >> 1n;
}

/** The seed of one purpose ("shuffle", "dropout", ...) of a run, independent of the seeds of its other purposes. */
export function namedSeed(seed: number | bigint, name: string): bigint {
  return hashSeed("stream", BigInt(seed), name);
}

/** Finaliser of 32-bit MurmurHash3: every input bit reaches every output bit. */
function mix32(value: number): number {
  let h = value | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/**
 * Seeded random numbers without the tensor engine: xoshiro128** (Blackman and Vigna, "Scrambled linear pseudorandom
 * number generators", 2021), period 2^128 - 1. The sequence is a function of the seed alone; its state can be saved
 * and restored at any point.
 */
export class RandomStream {
  #a = 0;
  #b = 0;
  #c = 0;
  #d = 0;
  #spareNormal: number | null = null;

  /**
   * @param seed any integer; its lowest 64 bits count. Use {@link hashSeed} or {@link namedSeed} for streams that must be
   * independent of each other.
   * @throws UsageError when the seed is a number but no safe integer.
   */
  constructor(seed: number | bigint) {
    if (typeof seed === "number" && !Number.isSafeInteger(seed)) {
      throw new UsageError(`The seed ${seed} is not a whole number below 2^53; expected an integer.`);
    }
    const bits = BigInt.asUintN(64, BigInt(seed));
    const low = Number(bits & 0xffff_ffffn) | 0;
    const high = Number(bits >> 32n) | 0;
    this.#a = mix32(low + 0x9e3779b9);
    this.#b = mix32(high + 0x3c6ef372);
    this.#c = mix32((low ^ Math.imul(high, 0x2c1b3c6d)) + 0xdaa66d2b);
    this.#d = mix32((high ^ Math.imul(low, 0x297a2d39)) + 0x78dde6e4);
    if ((this.#a | this.#b | this.#c | this.#d) === 0) this.#a = 1;
    // Seeds that differ in few bits start from similar words: let them mix before the first number is handed out.
    for (let i = 0; i < 16; i++) this.nextUint32();
  }

  /** The next integer in [0, 2^32), uniform. */
  nextUint32(): number {
    const scrambled = Math.imul(this.#b, 5);
    const result = Math.imul((scrambled << 7) | (scrambled >>> 25), 9) >>> 0;
    const shifted = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= shifted;
    this.#d = (this.#d << 11) | (this.#d >>> 21);
    return result;
  }

  /** The next number in [0, 1), uniform over the multiples of 2^-53. */
  uniform(): number {
    const high = this.nextUint32() >>> 5;
    const low = this.nextUint32() >>> 6;
    return (high * 0x400_0000 + low) / TWO_53;
  }

  /** The next draw of N(0, 1), by Marsaglia's polar method. */
  normal(): number {
    if (this.#spareNormal !== null) {
      const spare = this.#spareNormal;
      this.#spareNormal = null;
      return spare;
    }
    for (;;) {
      const u = 2 * this.uniform() - 1;
      const v = 2 * this.uniform() - 1;
      const square = u * u + v * v;
      if (square > 0 && square < 1) {
        const factor = Math.sqrt((-2 * Math.log(square)) / square);
        this.#spareNormal = v * factor;
        return u * factor;
      }
    }
  }

  /**
   * The next integer in [0, n), uniform without bias (draws beyond the last whole multiple of n are rejected).
   * @throws UsageError unless n is an integer with 1 <= n <= 2^53.
   */
  integer(n: number): number {
    if (!Number.isInteger(n) || n < 1 || n > TWO_53) {
      throw new UsageError(`Cannot draw an integer below ${n}; expected a bound between 1 and 2^53.`);
    }
    if (n <= TWO_32) {
      const limit = TWO_32 - (TWO_32 % n);
      let draw = this.nextUint32();
      while (draw >= limit) draw = this.nextUint32();
      return draw % n;
    }
    const limit = TWO_53 - (TWO_53 % n);
    let draw = this.uniform() * TWO_53;
    while (draw >= limit) draw = this.uniform() * TWO_53;
    return draw % n;
  }

  /** Puts the entries of an array into a uniformly random order, in place (Fisher-Yates), and returns it. */
  shuffle<A extends { length: number; [index: number]: unknown }>(array: A): A {
    for (let last = array.length - 1; last > 0; last--) {
      const other = this.integer(last + 1);
      const kept = array[last];
      array[last] = array[other];
      array[other] = kept;
    }
    return array;
  }

  /** A copy of the state; {@link restore} continues from it with the same numbers. */
  state(): RandomState {
    return {
      algorithm: "xoshiro128**",
      words: [this.#a >>> 0, this.#b >>> 0, this.#c >>> 0, this.#d >>> 0],
      spareNormal: this.#spareNormal,
    };
  }

  /**
   * Continues from a saved state.
   * @throws UsageError when the state is not one that {@link state} can have returned.
   */
  restore(state: RandomState): void {
    const { algorithm, words, spareNormal } = state;
    const isWord = (word: unknown): boolean =>
      typeof word === "number" && Number.isInteger(word) && word >= 0 && word < TWO_32;
    if (
      algorithm !== "xoshiro128**" ||
      !Array.isArray(words) ||
      words.length !== 4 ||
      !words.every(isWord) ||
      words.every((word) => word === 0) ||
      !(spareNormal === null || Number.isFinite(spareNormal))
    ) {
      throw new UsageError(
        'The saved random state is damaged; expected {algorithm: "xoshiro128**", words: 4 integers below 2^32 not all 0, spareNormal: number or null}.',
      );
    }
    this.#a = words[0] | 0;
    this.#b = words[1] | 0;
    this.#c = words[2] | 0;
    this.#d = words[3] | 0;
    this.#spareNormal = spareNormal;
  }
}
