import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { UsageError } from "../../src/base/errors.ts";
import { hashSeed, namedSeed, RandomStream } from "../../src/base/random.ts";

describe("hashSeed", () => {
  it("is the first 63 bits of SHA-256 over type, length and content", () => {
    const bytes = Buffer.alloc(5 + 4);
    bytes.writeUInt8(0x73, 0);
    bytes.writeUInt32LE(2, 1);
    bytes.write("ab", 5, "utf16le");
    const digest = createHash("sha256").update(bytes).digest();
    expect(hashSeed("ab")).toBe(digest.readBigUInt64BE(0) >> 1n);
  });

  it("does not change between versions", () => {
    expect([hashSeed(), hashSeed(1), hashSeed(1, [4, 5, 2]), namedSeed(1, "shuffle")]).toMatchInlineSnapshot(`
      [
        8203414616412130826n,
        7700087621653691352n,
        4520129370091958644n,
        898506794868577215n,
      ]
    `);
  });

  it("tells parts apart", () => {
    const seen = [
      hashSeed("ab", "c"),
      hashSeed("a", "bc"),
      hashSeed("abc"),
      hashSeed(1, 2),
      hashSeed([1, 2]),
      hashSeed([1], [2]),
      hashSeed("1", "2"),
      hashSeed(1n, 2n),
      hashSeed("\ud800"),
      hashSeed("\ud801"),
    ];
    expect(new Set(seen).size).toBe(seen.length);
    expect(hashSeed(-0)).toBe(hashSeed(0));
  });

  it("fits a signed 64-bit seed", () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.integer(), fc.string(), fc.array(fc.integer()))), (parts) => {
        const hash = hashSeed(...parts);
        expect(hash >= 0n && hash < 1n << 63n).toBe(true);
        expect(hashSeed(...parts)).toBe(hash);
      }),
    );
  });

  it("refuses NaN", () => {
    expect(() => hashSeed(Number.NaN)).toThrow(UsageError);
  });
});

describe("RandomStream", () => {
  it("follows the recurrence of xoshiro128**", () => {
    // Reference in arbitrary precision, from the published definition.
    const mask = 0xffff_ffffn;
    const rotate = (x: bigint, k: bigint): bigint => ((x << k) | (x >> (32n - k))) & mask;
    let s = [1n, 2n, 3n, 4n];
    const stream = new RandomStream(0);
    stream.restore({ algorithm: "xoshiro128**", words: [1, 2, 3, 4], spareNormal: null });
    for (let i = 0; i < 200; i++) {
      const expected = (rotate((s[1] * 5n) & mask, 7n) * 9n) & mask;
      const t = (s[1] << 9n) & mask;
      let [a, b, c, d] = s as [bigint, bigint, bigint, bigint];
      c ^= a;
      d ^= b;
      b ^= c;
      a ^= d;
      c ^= t;
      d = rotate(d, 11n);
      s = [a, b, c, d];
      expect(BigInt(stream.nextUint32())).toBe(expected);
    }
  });

  it("gives the same numbers for the same seed and others for another", () => {
    const draw = (seed: number | bigint): number[] => {
      const stream = new RandomStream(seed);
      return Array.from({ length: 20 }, () => stream.uniform());
    };
    expect(draw(7)).toEqual(draw(7n));
    const firsts = Array.from({ length: 2000 }, (_, seed) => draw(seed)[0]);
    expect(new Set(firsts).size).toBe(2000);
    expect(draw(1n << 40n)).not.toEqual(draw(0));
  });

  it("starts neighbouring seeds independently", () => {
    // First draws over consecutive seeds: mean 1/2, variance 1/12, no serial correlation.
    const n = 20_000;
    const values = Array.from({ length: n }, (_, seed) => new RandomStream(seed).uniform());
    const mean = values.reduce((a, b) => a + b, 0) / n;
    let variance = 0;
    let covariance = 0;
    for (let i = 0; i < n; i++) {
      variance += (values[i] - mean) ** 2 / n;
      if (i > 0) covariance += ((values[i] - mean) * (values[i - 1] - mean)) / n;
    }
    expect(Math.abs(mean - 0.5)).toBeLessThan(5 * Math.sqrt(1 / 12 / n));
    expect(Math.abs(variance - 1 / 12)).toBeLessThan(0.003);
    expect(Math.abs(covariance)).toBeLessThan(5 / 12 / Math.sqrt(n));
  });

  it("draws normals with the moments of N(0, 1)", () => {
    const stream = new RandomStream(11);
    const n = 200_000;
    let [m1, m2, m3, m4] = [0, 0, 0, 0];
    for (let i = 0; i < n; i++) {
      const x = stream.normal();
      m1 += x / n;
      m2 += (x * x) / n;
      m3 += x ** 3 / n;
      m4 += x ** 4 / n;
    }
    expect(Math.abs(m1)).toBeLessThan(5 / Math.sqrt(n));
    expect(Math.abs(m2 - 1)).toBeLessThan(5 * Math.sqrt(2 / n));
    expect(Math.abs(m3)).toBeLessThan(5 * Math.sqrt(15 / n));
    expect(Math.abs(m4 - 3)).toBeLessThan(5 * Math.sqrt(96 / n));
  });

  it("draws integers evenly, below the bound, also above 2^32", () => {
    const stream = new RandomStream(5);
    const counts = new Array<number>(7).fill(0);
    for (let i = 0; i < 70_000; i++) counts[stream.integer(7)] += 1;
    const chi2 = counts.reduce((sum, count) => sum + (count - 10_000) ** 2 / 10_000, 0);
    expect(chi2).toBeLessThan(22.5); // 99.9 % quantile of chi-squared with 6 degrees of freedom
    fc.assert(
      fc.property(fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), (n) => {
        const draw = stream.integer(n);
        expect(Number.isInteger(draw) && draw >= 0 && draw < n).toBe(true);
      }),
    );
    for (const bad of [0, -1, 1.5, Number.NaN, Infinity]) expect(() => stream.integer(bad)).toThrow(UsageError);
  });

  it("shuffles into every order equally often", () => {
    const stream = new RandomStream(3);
    const counts = new Map<string, number>();
    for (let i = 0; i < 24_000; i++) {
      const order = stream.shuffle([0, 1, 2, 3]).join("");
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(24);
    const chi2 = [...counts.values()].reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0);
    expect(chi2).toBeLessThan(49.7); // 99.9 % quantile with 23 degrees of freedom
    expect(stream.shuffle(new Int32Array([1]))).toEqual(new Int32Array([1]));
  });

  it("continues from a saved state, through JSON, also between two normals", () => {
    const stream = new RandomStream(9);
    stream.normal();
    const state = JSON.parse(JSON.stringify(stream.state())) as ReturnType<RandomStream["state"]>;
    const next = [stream.normal(), stream.normal(), stream.uniform(), stream.integer(10)];
    const other = new RandomStream(0);
    other.restore(state);
    expect([other.normal(), other.normal(), other.uniform(), other.integer(10)]).toEqual(next);
  });

  it("refuses damaged states and seeds", () => {
    const stream = new RandomStream(1);
    const good = stream.state();
    const damaged: unknown[] = [
      { ...good, algorithm: "other" },
      { ...good, words: [1, 2, 3] },
      { ...good, words: [0, 0, 0, 0] },
      { ...good, words: [1, 2, 3, -4] },
      { ...good, words: "1234" },
      { ...good, spareNormal: "x" },
    ];
    for (const state of damaged) expect(() => stream.restore(state as typeof good)).toThrow(UsageError);
    expect(() => new RandomStream(0.5)).toThrow(UsageError);
  });
});
