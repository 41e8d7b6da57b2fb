import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { UsageError } from "../../src/base/errors.ts";
import { type DType, memory, scope, type Tensor, tensor, zeros } from "../../src/torch/index.ts";
import { loadSafetensors, saveSafetensors } from "../../src/torch/safetensors.ts";
import { errorOf } from "./support.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "riverrun-safetensors-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const dtypes: readonly DType[] = ["float64", "float32", "bfloat16", "float16", "int64", "int32", "uint8", "bool"];

/** A file by hand: header length, header, data. */
function container(header: unknown, data = new Uint8Array(0)): Uint8Array {
  const json = Buffer.from(typeof header === "string" ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, data]);
}
const entry = (dtype: string, shape: unknown, offsets: unknown): object => ({ dtype, shape, data_offsets: offsets });

function loadBytes(bytes: Uint8Array): ReturnType<typeof loadSafetensors> {
  const path = join(folder, "given.safetensors");
  writeFileSync(path, bytes);
  return loadSafetensors(path);
}

it("carries every dtype, scalars, empty tensors, views, names and metadata there and back", () => {
  const path = join(folder, "all.safetensors");
  scope(() => {
    const saved = new Map<string, Tensor>(
      dtypes.map((dtype) => [`by.dtype/${dtype}`, tensor([0, 1, 1, 0, 1, 1], [2, 3], { dtype })]),
    );
    saved.set("scalar", tensor([-1.5], []));
    saved.set("empty", zeros([0, 4]));
    saved.set("view", tensor([1, 2, 3, 4, 5, 6], [2, 3]).transpose());
    saved.set("2^63-1", tensor([2n ** 63n - 1n], undefined, { dtype: "int64" }));
    saved.set('Ü " \\ \n __proto__', zeros([1]));
    saved.set("__proto__", tensor([7]));
    saved.set("12", tensor([12]));
    const metadata = { format: "riverrun", note: "Ünicode\n" };
    saveSafetensors(path, saved, metadata);
    const { tensors, metadata: read } = loadSafetensors(path);
    expect(Object.fromEntries(read)).toEqual(metadata);
    expect([...tensors.keys()].toSorted()).toEqual([...saved.keys()].toSorted());
    for (const [name, original] of saved) {
      const loaded = tensors.get(name);
      expect(loaded?.dtype, name).toBe(original.dtype);
      expect(loaded?.shape, name).toEqual(original.shape);
      expect(loaded?.equal(original), name).toBe(true);
    }
  });
  expect(readdirSync(folder)).toEqual(["all.safetensors"]);
});

it("lays the file out as the format says: aligned data, no holes, the same bytes for the same tensors", () => {
  const [a, b] = [join(folder, "a.safetensors"), join(folder, "b.safetensors")];
  scope(() => {
    const rows: [string, Tensor][] = [
      ["z", tensor([1, 2], undefined, { dtype: "float64" })],
      ["a", tensor([1], undefined, { dtype: "uint8" })],
      ["m", tensor([1, 2, 3])],
    ];
    saveSafetensors(a, new Map(rows));
    saveSafetensors(b, new Map(rows.toReversed()));
  });
  const bytes = readFileSync(a);
  expect(bytes.equals(readFileSync(b))).toBe(true);
  const length = Number(bytes.readBigUInt64LE());
  expect(length % 8).toBe(0);
  const { __metadata__: _, ...header } = JSON.parse(bytes.toString("utf8", 8, 8 + length)) as Record<
    string,
    { data_offsets: number[] }
  >;
  expect(Object.entries(header).map(([name, { data_offsets }]) => [name, ...data_offsets])).toEqual([
    ["z", 0, 16],
    ["m", 16, 28],
    ["a", 28, 29],
  ]);
  expect(bytes.length).toBe(8 + length + 29);
});

it("converts floating-point tensors on request and leaves the others", () => {
  const path = join(folder, "convert.safetensors");
  scope(() => {
    saveSafetensors(path, new Map(dtypes.map((dtype) => [dtype, tensor([1], undefined, { dtype })])));
    const { tensors } = loadSafetensors(path, { device: "cpu", dtype: "float64" });
    for (const dtype of dtypes) {
      const floating = ["float64", "float32", "bfloat16", "float16"].includes(dtype);
      expect(tensors.get(dtype)?.dtype).toBe(floating ? "float64" : dtype);
      expect(tensors.get(dtype)?.toNumbers()).toEqual([1]);
    }
  });
});

it("leaves the old file where the new one cannot be written", () => {
  const path = join(folder, "kept.safetensors");
  scope(() => {
    saveSafetensors(path, new Map([["t", tensor([1])]]));
    const before = readFileSync(path);
    const disposed = tensor([2]);
    const broken = new Map([
      ["a", tensor([3])],
      ["b", disposed],
    ]);
    disposed.dispose();
    expect(errorOf(() => saveSafetensors(path, broken)).message).toMatch(/use after free/);
    expect(readFileSync(path).equals(before)).toBe(true);
    const nowhere = join(folder, "missing", "x.safetensors");
    expect(errorOf(() => saveSafetensors(nowhere, new Map())).message).toContain(nowhere);
    expect(existsSync(nowhere)).toBe(false);
  });
});

it("says what is wrong with a damaged file", () => {
  const f32 = (shape: unknown, offsets: unknown): object => entry("F32", shape, offsets);
  const four = new Uint8Array(4);
  const cases: [Uint8Array, RegExp][] = [
    [new Uint8Array(0), /got only 0 bytes/],
    [new Uint8Array(7), /got only 7 bytes/],
    [new Uint8Array(8), /claims a header of 0 bytes/],
    [Buffer.alloc(100, 0xff), /claims a header of 18446744073709551615 bytes in 100/],
    [container("nonsense"), /not JSON/],
    [container("[]"), /not a JSON object/],
    [Buffer.concat([container("{}").subarray(0, 8), Buffer.from([0x22, 0xff])]), /not JSON in UTF-8/],
    [container({ __metadata__: { a: 1 } }), /__metadata__\.a is not a string/],
    [container({ t: f32([1], [0, 4]) }), /"t".*ends at byte/],
    [container({ t: f32([2], [0, 4]) }, four), /needs 8 bytes, its offsets say 4/],
    [container({ t: f32([-1], [0, 4]) }, four), /non-negative integers/],
    [container({ t: f32([1.5], [0, 6]) }, four), /non-negative integers/],
    [container({ t: f32([2 ** 31, 2 ** 31, 2 ** 31], [0, 4]) }, four), /needs/],
    [container({ t: f32([1], [4, 8]) }, new Uint8Array(8)), /no holes/],
    [container({ a: f32([1], [0, 4]), b: f32([1], [0, 4]) }, four), /no holes, no overlaps/],
    [container({ t: f32([1], [0, 4]) }, new Uint8Array(5)), /1 bytes after the last tensor/],
    [container({ t: entry("F8_E4M3", [4], [0, 4]) }, four), /expected a dtype among/],
    [container({ t: entry("I16", [2], [0, 4]) }, four), /I16 is not used/],
    [container({ t: entry("BOOL", [2], [0, 2]) }, Uint8Array.of(1, 2)), /neither 0 nor 1/],
    [container('{"t":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"t":{}}'), /names "t" twice/],
    [container({ t: null }), /expected an object/],
    [container({ t: f32([1], [0]) }, four), /data_offsets of two/],
  ];
  const before = memory().liveTensors;
  for (const [bytes, message] of cases) {
    const error = errorOf(() => loadBytes(bytes));
    expect(error).toBeInstanceOf(UsageError);
    expect(error.message).toMatch(message);
    expect(error.message).toContain("given.safetensors");
  }
  expect(memory().liveTensors).toBe(before);
  expect(errorOf(() => loadSafetensors(join(folder, "no.safetensors")))).toMatchObject({ exitCode: 3 });
});

it("never does worse than a UsageError on mutated files, and frees what it had read", () => {
  const path = join(folder, "good.safetensors");
  scope(() => {
    saveSafetensors(
      path,
      new Map([
        ["weight", tensor([1, 2, 3, 4], [2, 2])],
        ["mask", tensor([1, 0], [2], { dtype: "bool" })],
      ]),
      { k: "v" },
    );
  });
  const good = readFileSync(path);
  const mutation = fc.record({
    at: fc.nat({ max: good.length - 1 }),
    byte: fc.oneof(fc.nat({ max: 255 }), fc.constantFrom(...Buffer.from('0123456789,:[]{}"-e.'))),
    cut: fc.option(fc.nat({ max: good.length }), { freq: 8 }),
  });
  const before = memory().liveTensors;
  let refused = 0;
  fc.assert(
    fc.property(fc.array(mutation, { minLength: 1, maxLength: 4 }), (mutations) => {
      let bytes = Uint8Array.from(good);
      for (const { at, byte, cut } of mutations) {
        bytes[at % Math.max(1, bytes.length)] = byte;
        if (cut !== null) bytes = bytes.slice(0, cut);
      }
      try {
        for (const t of loadBytes(bytes).tensors.values()) t.dispose();
      } catch (error) {
        if (!(error instanceof UsageError)) throw error;
        refused++;
      }
    }),
    { numRuns: 600, seed: 3 },
  );
  expect(refused).toBeGreaterThan(200);
  expect(memory().liveTensors).toBe(before);
});

it("refuses what is no file, NaN and +Infinity, and takes -Infinity, which is a logarithm of 0", () => {
  const path = join(folder, "numbers.safetensors");
  const save = (...values: number[]): void =>
    scope(() => saveSafetensors(path, new Map([["own", tensor(values, [values.length])]])));
  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
    save(1, bad, -1);
    expect(() => loadSafetensors(path)).toThrow(/numbers\.safetensors: tensor "own" holds NaN or \+Infinity/);
    scope(() => {
      expect(loadSafetensors(path, { anyNumbers: true }).tensors.get("own")?.toNumbers()[1]).toBe(bad);
    });
  }
  save(0, Number.NEGATIVE_INFINITY);
  scope(() => {
    expect(loadSafetensors(path).tensors.get("own")?.toNumbers()).toEqual([0, Number.NEGATIVE_INFINITY]);
  });
  expect(errorOf(() => loadSafetensors(folder))).toMatchObject({
    exitCode: 2,
    message: `${folder} is not a file: expected tensors in safetensors format`,
  });
});

it("finds a damage that leaves every number finite, by the checksum that it wrote", () => {
  const path = join(folder, "checked.safetensors");
  scope(() =>
    saveSafetensors(
      path,
      new Map([
        ["a", tensor([1, 2, 3])],
        ["b", tensor([4])],
      ]),
      { note: "n" },
    ),
  );
  const whole = readFileSync(path);
  const damaged = (change: (bytes: Buffer) => void): Buffer => {
    const bytes = Buffer.from(whole);
    change(bytes);
    return bytes;
  };
  const last = whole.length - 2;
  expect(() => loadBytes(damaged((bytes) => bytes.writeUInt8(bytes[last] ^ 1, last)))).toThrow(
    /given\.safetensors: its bytes are not those that were written \(CRC-32 \d+, expected \d+\)/,
  );
  const name = whole.indexOf('"b":');
  expect(() => loadBytes(damaged((bytes) => bytes.write('"c":', name)))).toThrow(UsageError);
  const { tensors, metadata } = loadBytes(whole);
  expect([...metadata]).toEqual([["note", "n"]]);
  for (const loaded of tensors.values()) loaded.dispose();
});
