import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type JsonElement, JsonElementScanner } from "../../src/corpora/jsonElements.ts";
import { locateJsonFault } from "../../src/corpora/jsonFault.ts";

function scan(
  text: string | Uint8Array,
  descend: (path: readonly (string | number)[]) => boolean,
  pieces = 1,
): JsonElement[] {
  const bytes = Buffer.from(text);
  const scanner = new JsonElementScanner(descend);
  const found: JsonElement[] = [];
  for (let at = 0; at < bytes.length; at += pieces) found.push(...scanner.push(bytes.subarray(at, at + pieces)));
  found.push(...scanner.end());
  return found;
}

const values = fc.jsonValue({ maxDepth: 4 });

/** What walking `depth` levels should find. */
function elementsOf(
  value: unknown,
  depth: number,
  path: readonly (string | number)[] = [],
): { path: unknown; value: unknown }[] {
  if (typeof value !== "object" || value === null || depth === 0) return [{ path, value }];
  if (Array.isArray(value)) return value.flatMap((item, index) => elementsOf(item, depth - 1, [...path, index]));
  return Object.entries(value).flatMap(([key, item]) => elementsOf(item, depth - 1, [...path, key]));
}

describe("the scanner of JSON elements", () => {
  test("finds what JSON.parse finds, however deep it walks, however the bytes are cut", () => {
    fc.assert(
      fc.property(
        values,
        fc.integer({ min: 0, max: 3 }),
        fc.integer({ min: 1, max: 40 }),
        fc.boolean(),
        (value, depth, pieces, spaced) => {
          const text = JSON.stringify(value, null, spaced ? 2 : 0);
          // -0 is written as 0.
          const expected = elementsOf(JSON.parse(text) as unknown, depth);
          const found = scan(text, (path) => path.length < depth, pieces);
          expect(
            found.map((element) => ({ path: element.path, value: "value" in element ? element.value : element.error })),
          ).toEqual(expected);
        },
      ),
      { numRuns: 400, seed: 1 },
    );
  });

  test("says line, column and path of an element and of a fault in it", () => {
    const text = '{\n  "data": [\n    {"a": 1},\n    {"a": 1, "b": [1, x]},\n    {"a": 3}\n  ]\n}';
    const found = scan(text, (path) => path.length < 2, 7);
    expect(found[0]).toMatchObject({ path: ["data", 0], line: 3, column: 5, value: { a: 1 } });
    expect(found[1]).toMatchObject({ path: ["data", 1, "b", 1], line: 4, column: 23, fatal: false });
    expect(found[1]).toHaveProperty("error", 'expected a value, found "x]}"');
    expect(found[2]).toMatchObject({ path: ["data", 2], line: 5, value: { a: 3 } });
    expect(found).toHaveLength(3);
  });

  test.each([
    ["", "the file is empty"],
    ["[1, 2", "the file ends too early"],
    ['{"a": {"b": 1}', "the file ends too early"],
    ['["never ended', "the file ends too early"],
    ["[1 2]", 'expected "," or "]", found "2"'],
    ['{"a" 1}', 'expected ":", found "1"'],
    ["{a: 1}", 'expected a key or "}", found "a"'],
    ['{"a": 1,}', 'expected a key, found "}"'],
    ["[1,]", 'expected a value, found "]"'],
    ["[] []", 'expected the end of the file, found "["'],
    ["[1]\u0000", "expected the end of the file, found byte 0x00"],
  ])("ends at a fault of the structure: %j", (text, reason) => {
    expect(scan(text, () => true).at(-1)).toMatchObject({ error: reason, fatal: true });
  });

  test("goes on after an element that is not UTF-8 and after a key that stands twice", () => {
    const bytes = Buffer.concat([Buffer.from('{"a": "'), Buffer.from([0xff, 0xfe]), Buffer.from('", "b": 2, "b": 3}')]);
    const found = scan(bytes, (path) => path.length === 0, 3);
    expect(found.map((element) => ("value" in element ? element.value : element.error))).toEqual([
      "the element is not UTF-8",
      2,
      "the key occurs a second time",
      3,
    ]);
  });

  test("passes over a byte-order mark", () => {
    expect(scan("\ufeff[5]", () => true)).toMatchObject([{ value: 5 }]);
  });

  test("does not descend without end", () => {
    const found = scan(`${"[".repeat(5000)}${"]".repeat(5000)}`, () => true, 1000);
    expect(found).toHaveLength(1);
  });
});

describe("the place of a fault in a JSON text", () => {
  test("is told exactly for the texts that JSON.parse refuses", () => {
    const mutated = fc.tuple(values, fc.nat(), fc.constantFrom("", "x", '"', "\\", "}", "]", ",", "1", "\n", "{", ":"));
    let refused = 0;
    fc.assert(
      fc.property(mutated, fc.boolean(), ([value, place, insert], cut) => {
        const text = JSON.stringify(value);
        const at = place % (text.length + 1);
        const broken = text.slice(0, at) + insert + (cut ? "" : text.slice(at));
        const fault = locateJsonFault(broken);
        let good = true;
        try {
          JSON.parse(broken);
        } catch {
          good = false;
          refused++;
        }
        expect(fault.reason === "the text is valid JSON").toBe(good);
        expect(fault.offset).toBeLessThanOrEqual(broken.length);
        if (!good) {
          // Everything before the place can be completed to JSON, so cutting there gives an end that comes too early.
          const before = locateJsonFault(broken.slice(0, fault.offset));
          expect(before.offset).toBe(fault.offset);
        }
      }),
      { numRuns: 1500, seed: 2 },
    );
    expect(refused).toBeGreaterThan(500);
  });

  test("holds for long strings and deep lists", () => {
    expect(locateJsonFault(`["${"a".repeat(3_000_000)}\u0001"]`)).toMatchObject({ offset: 3_000_002, path: [0] });
    expect(locateJsonFault("[".repeat(200_000)).offset).toBe(200_000);
  });
});
