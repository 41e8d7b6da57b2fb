import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { DataMissingError, UsageError } from "../../src/base/errors.ts";
import { parseDecimal, shortestSingle } from "../../src/text/decimals.ts";
import { nearestWords } from "../../src/text/neighbours.ts";
import { readVectors, tableFor, writeVectors } from "../../src/text/vectors.ts";
import { Vocabulary } from "../../src/text/vocabulary.ts";

const folder = mkdtempSync(join(tmpdir(), "riverrun-test-vectors-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const file = join(folder, "vectors.txt");
const write = (content: string | Uint8Array): string => {
  writeFileSync(file, content);
  return file;
};
const parse = (text: string): number => parseDecimal(Buffer.from(`x${text}y`), 1, 1 + text.length);

test("a decimal is read as Number reads it", () => {
  const digits = fc.stringMatching(/^\d{0,25}$/);
  const exponent = fc.oneof(fc.constant(""), fc.stringMatching(/^[eE][+-]?\d{1,3}$/));
  const parts = fc.tuple(fc.constantFrom("", "-", "+"), digits, fc.constantFrom("", "."), digits, exponent);
  fc.assert(
    fc.property(parts, ([sign, whole, point, fraction, power]) => {
      const text = `${sign}${whole}${point}${point && fraction}${power}`;
      const expected = /\d/.test(whole + (point && fraction)) ? Number(text) : Number.NaN;
      expect(parse(text)).toBe(expected);
    }),
    { seed: 1, numRuns: 3000 },
  );
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (x) =>
      Object.is(parse(String(x)), Number(String(x))),
    ),
    { seed: 1, numRuns: 1000 },
  );
  for (const text of ["0.1", "-0", "1e22", "1e23", "9007199254740993", "0.000000000000000000000012345678901234567"])
    expect(Object.is(parse(text), Number(text)), text).toBe(true);
  for (const text of ["", "-", ".", "e5", "1e", "1e+", "0x10", "1_0", "Infinity", "nan", "1.2.3", " 1", "--1", "1,5"])
    expect(parse(text), text).toBeNaN();
});

test("a float32 is written in the fewest digits that give it back", () => {
  const digitsOf = (text: string): number =>
    text
      .replace(/e.*/, "")
      .replace(/[-.]/g, "")
      .replace(/^0+|0+$/g, "").length;
  const check = (value: number): void => {
    const text = shortestSingle(value);
    expect(Math.fround(Number(text))).toBe(value === 0 ? 0 : value);
    let fewest = 1;
    while (Math.fround(Number(value.toPrecision(fewest))) !== value) fewest++;
    expect(digitsOf(text), `${value} as ${text}`).toBeLessThanOrEqual(fewest);
  };
  fc.assert(fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), check), { seed: 1, numRuns: 2000 });
  fc.assert(fc.property(fc.float({ noNaN: true, min: -1, max: 1 }), check), { seed: 1, numRuns: 2000 });
  for (const value of [0, 1, 0.5, 1e-9, 1e9, 123456, 2 ** -149, 3.4028234663852886e38]) check(Math.fround(value));
  expect(shortestSingle(Math.fround(0.1))).toBe("0.1");
});

test("what is written is read back to the last bit, words with spaces and of all scripts too", async () => {
  const words = ["the", ". .", "naïve", "河", "😀", "at name@domain.com", "1"];
  const values = Float32Array.from({ length: 7 * 5 }, (_, n) => Math.fround(Math.sin(n) * 10 ** ((n % 12) - 8)));
  writeVectors(file, { words, dimensions: 5, values });
  // A word with a space makes the first line ambiguous only if it is the first.
  expect(await readVectors(file)).toEqual({ words, dimensions: 5, values });
  const two = await readVectors(file, { only: new Set(["河", ". ."]) });
  expect(two.words).toEqual([". .", "河"]);
  expect(two.values).toEqual(Float32Array.of(...values.subarray(5, 10), ...values.subarray(15, 20)));
});

test("files larger than the buffer, with lines across its edges, are read whole", async () => {
  const count = 30_000;
  const row = (n: number): number[] =>
    Array.from({ length: 20 }, (_, d) => Math.fround(((n * 31 + d * 17) % 997) / 991));
  const lines = Array.from({ length: count }, (_, n) => `w${n} ${row(n).map(String).join(" ")}`);
  const text = lines.join("\n");
  expect(text.length).toBeGreaterThan(2 * 2 ** 22);
  const all = await readVectors(write(text));
  expect(all.words).toHaveLength(count);
  for (const n of [0, 1, 7777, 12_345, 13_107, 13_108, count - 1])
    expect([...all.values.subarray(n * 20, n * 20 + 20)]).toEqual(row(n));
  expect(all.values.reduce((sum, value) => sum + value, 0)).toBeCloseTo(
    lines.reduce((sum, _, n) => sum + row(n).reduce((a, b) => a + b), 0),
    3,
  );
});

test("headers, byte-order marks, CR LF, trailing spaces, empty lines and repeated words", async () => {
  const plain = { words: ["a", "b"], dimensions: 2, values: Float32Array.of(1, 2, 3, 4) };
  expect(await readVectors(write("a 1 2\nb 3 4\n"))).toEqual(plain);
  expect(await readVectors(write("2 2\na 1 2 \nb 3 4 \n"))).toEqual(plain);
  expect(await readVectors(write("\ufeffa 1 2\r\n\r\nb 3e0 +4.0\r\na 9 9"))).toEqual(plain);
  expect(await readVectors(write("7 1\n8 2\n"), { dimensions: 1 })).toMatchObject({ words: ["7", "8"], dimensions: 1 });
  expect(await readVectors(write("x y 1 2\nb 3 4\n"), { dimensions: 2 })).toMatchObject({ words: ["x y", "b"] });
});

const bytes = (...parts: readonly (string | readonly number[])[]): Uint8Array =>
  Buffer.concat(parts.map((part) => Buffer.from(part as string)));

test.each<[string, string | Uint8Array, RegExp]>([
  ["too few numbers", "a 1 2 3\nb 1 2\n", /vectors\.txt:2: expected a word and 3 numbers, got 2 numbers/],
  ["a word alone", "a\n", /:1: expected a word and numbers/],
  ["no word", "a 1 2\n 1 2\n", /:2: the word before the numbers is missing/],
  ["not a number", "a 1 2\nb 1 two\n", /:2: "two" is not a finite number/],
  ["NaN", "a 1 2\nb nan 2\n", /:2: "nan" is not a finite number/],
  ["infinity", "a 1 2\nb 1e999 2\n", /:2: "1e999" is not a finite number/],
  ["too large for float32", "a 1 2\nb 1e39 2\n", /:2: "1e39" is not a finite number \(float32\)/],
  ["two spaces", "a 1 2\nb 1  2\n", /:2: "" is not a finite number/],
  ["bytes that are no UTF-8", bytes("a 1 2\nb", [0xff, 0xfe], " 1 2\n"), /:2: the line is not UTF-8/],
  ["a gigantic line", `a 1 2\n${"x".repeat(2 ** 20 + 1)}\n`, /:2: the line is longer than 1048576 bytes/],
  ["a gigantic last line", `a 1 2\n${"x".repeat(6 * 2 ** 20)}`, /:2: the line is longer than 1048576 bytes/],
  ["nothing", "", /the file is empty/],
  ["only line ends", "\n\n\n", /the file is empty/],
  ["a header that the lines do not bear out", "2 3\na 1 2\n", /:2: expected a word and 3 numbers, got 2/],
])("hostile files are refused with file and line: %s", async (_, content, message) => {
  const reading = readVectors(write(content));
  await expect(reading).rejects.toThrow(message);
  await expect(reading).rejects.toBeInstanceOf(UsageError);
});

test("mutated files give vectors or a UsageError, nothing else", async () => {
  const good = Buffer.from("2 3\nhello 0.1 -0.25 3e-2\nwörld 1 2 3\n");
  const mutation = fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(mutation, async (changes) => {
      const bad = Buffer.from(good);
      for (const [at, byte] of changes) bad[at] = byte;
      try {
        const { words, dimensions, values } = await readVectors(write(bad));
        expect(values).toHaveLength(words.length * dimensions);
        expect(values.every(Number.isFinite)).toBe(true);
      } catch (error) {
        if (!(error instanceof UsageError)) throw error;
        expect(error.message).toContain(file);
      }
    }),
    { seed: 1, numRuns: 500 },
  );
});

test("a missing file, a folder, and words that the format cannot hold", async () => {
  await expect(readVectors(join(folder, "absent"))).rejects.toBeInstanceOf(DataMissingError);
  await expect(readVectors(folder)).rejects.toThrow(/is not a file/);
  const before = readFileSync(write("a 1\n"));
  for (const word of ["", "a\nb", " a", "a "]) {
    expect(() => writeVectors(file, { words: [word], dimensions: 1, values: Float32Array.of(1) })).toThrow(UsageError);
  }
  expect(() => writeVectors(file, { words: ["b"], dimensions: 1, values: Float32Array.of(Number.NaN) })).toThrow(
    /the vector of "b" holds NaN/,
  );
  expect(readFileSync(file)).toEqual(before);
});

test("a vocabulary's table has the file's rows, and draws of their deviation for the others", () => {
  const vocabulary = Vocabulary.build([["red", "red", "blue", "green"]]);
  const vectors = { words: ["blue", "red"], dimensions: 2, values: Float32Array.of(1, 2, 3, 4) };
  const { table, missing } = tableFor(vocabulary, vectors, 1);
  expect(missing).toBe(5);
  expect([...table.subarray(2 * vocabulary.id("red"), 2 * vocabulary.id("red") + 2)]).toEqual([3, 4]);
  expect([...table.subarray(2 * vocabulary.id("blue"), 2 * vocabulary.id("blue") + 2)]).toEqual([1, 2]);
  expect(tableFor(vocabulary, vectors, 1).table).toEqual(table);
  expect(tableFor(vocabulary, vectors, 2).table).not.toEqual(table);
});

test("neighbours by cosine, nearest first", () => {
  const vectors = { words: ["a", "b", "c", "o"], dimensions: 2, values: Float32Array.of(1, 0, 3, 3, -1, 0, 0, 0) };
  const found = nearestWords(vectors, "a", 5);
  expect(found.map(({ word }) => word)).toEqual(["b", "o", "c"]);
  expect(found[0].cosine).toBeCloseTo(Math.SQRT1_2, 12);
  expect(found[2].cosine).toBe(-1);
  expect(() => nearestWords(vectors, "A", 1)).toThrow(/no vector of "A"/);
});
