/** Seeded damage: functions from a file's bytes to worse ones. Each names what it did. */
import type { RandomStream } from "../../src/base/random.ts";

/** Bytes and what was done to them. */
export interface Mutant {
  readonly what: string;
  readonly bytes: Buffer;
}

type Mutation = (bytes: Buffer, random: RandomStream) => Buffer;

const pick = <Item>(random: RandomStream, items: readonly Item[]): Item => items[random.integer(items.length)];
const place = (bytes: Buffer, random: RandomStream): number => random.integer(bytes.length + 1);

/** A stretch of the file, [from, to). */
function stretch(bytes: Buffer, random: RandomStream): [number, number] {
  const from = place(bytes, random);
  return [from, Math.min(bytes.length, from + 1 + random.integer(64))];
}

function insert(bytes: Buffer, at: number, what: string | Uint8Array): Buffer {
  return Buffer.concat([bytes.subarray(0, at), Buffer.from(what as string), bytes.subarray(at)]);
}

/** Numbers that programs trip over, as they may stand in a text. */
const hostileNumbers = [
  "-1",
  "0",
  "-0",
  "0.5",
  "65536",
  "2147483648",
  "9007199254740993",
  "1e39",
  "1e308",
  "-1e308",
  "1e999",
  "1e-320",
  "NaN",
  "Infinity",
  "-inf",
  "0x10",
  "007",
  "1_000",
  "9".repeat(400),
];

/** Pieces of text that are no text, or an unusual one. */
const hostileTexts = [
  Buffer.from([0xff, 0xfe, 0xfd]),
  Buffer.from([0xc3]),
  Buffer.from([0xed, 0xa0, 0x80]),
  Buffer.from([0xf4, 0x90, 0x80, 0x80]),
  Buffer.from([0]),
  Buffer.from("\ufeff"),
  Buffer.from("\u2028\u0085\u200b\u202e"),
  Buffer.from("\u001b[31m"),
  Buffer.from(`e${"\u0301".repeat(2000)}`),
  Buffer.from("<pad> <unk> <eos> <sos> "),
  Buffer.from("__proto__ constructor toString "),
  Buffer.from("\r\n\r\r\n\n"),
  Buffer.from("a ".repeat(5000)),
  Buffer.from("x".repeat(200_000)),
  Buffer.from("\n".repeat(20_000)),
  Buffer.from("\u{1f600}\u{1f468}\u200d\u{1f469}"),
];

/** Damage that any file can take. */
const anyFile: Readonly<Record<string, Mutation>> = {
  empty: () => Buffer.alloc(0),
  truncated: (bytes, random) => bytes.subarray(0, place(bytes, random)),
  "bits flipped": (bytes, random) => {
    const copy = Buffer.from(bytes);
    for (let flips = 1 + random.integer(8); flips > 0 && copy.length > 0; flips--) {
      copy[random.integer(copy.length)] ^= 1 << random.integer(8);
    }
    return copy;
  },
  "bytes overwritten": (bytes, random) => {
    const copy = Buffer.from(bytes);
    return copy.fill(pick(random, [0, 0xff, 0x20, 0x22, 0x7b]), ...stretch(bytes, random));
  },
  "bytes lost": (bytes, random) => {
    const [from, to] = stretch(bytes, random);
    return Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)]);
  },
  "bytes repeated": (bytes, random) => {
    const [from, to] = stretch(bytes, random);
    return insert(bytes, to, bytes.subarray(from, to));
  },
  "bytes inserted": (bytes, random) =>
    insert(
      bytes,
      place(bytes, random),
      Uint8Array.from({ length: 1 + random.integer(40) }, () => random.integer(256)),
    ),
  "something appended": (bytes, random) => insert(bytes, bytes.length, pick(random, hostileTexts)),
  "byte-order mark": (bytes) => insert(bytes, 0, "\ufeff"),
};

function replaceNumber(bytes: Buffer, random: RandomStream): Buffer {
  const text = bytes.toString("latin1");
  const found = [...text.matchAll(/-?\d+(\.\d+)?(e[-+]?\d+)?/gi)];
  if (found.length === 0) return insert(bytes, 0, pick(random, hostileNumbers));
  const { index, 0: word } = pick(random, found);
  return Buffer.from(text.slice(0, index) + pick(random, hostileNumbers) + text.slice(index + word.length), "latin1");
}

const anyText: Readonly<Record<string, Mutation>> = {
  ...anyFile,
  "number replaced": replaceNumber,
  "hostile text": (bytes, random) => insert(bytes, place(bytes, random), pick(random, hostileTexts)),
  "gigantic line": (bytes, random) =>
    insert(bytes, place(bytes, random), Buffer.alloc(3 << 20, pick(random, ["a", "a ", "1", "{"]))),
  "line ends of Windows": (bytes) => Buffer.from(bytes.toString("latin1").replaceAll("\n", "\r\n"), "latin1"),
  "no line ends": (bytes) => Buffer.from(bytes.toString("latin1").replaceAll("\n", " "), "latin1"),
  "lines shuffled": (bytes, random) =>
    Buffer.from(random.shuffle(bytes.toString("latin1").split("\n")).join("\n"), "latin1"),
};

/** Every object and list inside a value. */
function containers(value: unknown, into: object[] = []): object[] {
  if (typeof value === "object" && value !== null) {
    into.push(value);
    for (const inner of Object.values(value)) containers(inner, into);
  }
  return into;
}

/** Values of every JSON type, and some that are large or oddly named. */
const hostileValues = (random: RandomStream): unknown =>
  pick<() => unknown>(random, [
    () => null,
    () => "",
    () => "x".repeat(100_000),
    () => "../../../etc/passwd",
    () => [],
    () => ({}),
    () => ({ __proto__: 1, constructor: {} }),
    () => true,
    () => [[], [[]]],
    () => Array.from({ length: 1000 }, (_, index) => index),
    () => -1,
    () => 0,
    () => 0.5,
    () => 3,
    () => 8192,
    () => 2 ** 31,
    () => Number.MAX_SAFE_INTEGER,
    () => 1e308,
    () => 5e-324,
    () => -1e308,
  ])();

/** Changes a JSON value somewhere; a value that cannot be changed is replaced. */
function changeJson(value: unknown, random: RandomStream): unknown {
  const all = containers(value).filter((inner) => Object.keys(inner).length > 0);
  if (all.length === 0) return hostileValues(random);
  const inner = pick(random, all) as Record<string, unknown>;
  const key = pick(random, Object.keys(inner));
  const other = pick(random, Object.keys(inner));
  pick<() => void>(random, [
    () => {
      inner[key] = hostileValues(random);
    },
    () => {
      inner[key] = hostileValues(random);
    },
    () => {
      if (Array.isArray(inner)) inner.splice(Number(key), 1);
      else delete inner[key];
    },
    () => {
      if (Array.isArray(inner)) inner.push(hostileValues(random));
      else inner[pick(random, ["extra", "__proto__x", "", key.toUpperCase()])] = hostileValues(random);
    },
    () => {
      [inner[key], inner[other]] = [inner[other], inner[key]];
    },
    () => {
      if (!Array.isArray(inner)) {
        inner[`${key}s`] = inner[key];
        delete inner[key];
      } else inner.push(inner[Number(key)]);
    },
  ])();
  return value;
}

const json: Readonly<Record<string, Mutation>> = {
  ...anyText,
  "value changed": (bytes, random) =>
    Buffer.from(JSON.stringify(changeJson(JSON.parse(bytes.toString()), random)) ?? ""),
  "two values changed": (bytes, random) =>
    Buffer.from(JSON.stringify(changeJson(changeJson(JSON.parse(bytes.toString()), random), random)) ?? ""),
  "another value": (_, random) => Buffer.from(JSON.stringify(hostileValues(random))),
  "key twice": (bytes) => Buffer.from(bytes.toString().replace(/("[a-zA-Z]+":[^,{}[\]]*),/, "$1,$1,")),
  "deeply nested": (bytes, random) =>
    insert(bytes, place(bytes, random), pick(random, ["[", '{"a":']).repeat(pick(random, [1000, 100_000]))),
};

/** One record of JSON lines changed. */
const jsonLines: Readonly<Record<string, Mutation>> = {
  ...anyText,
  "record changed": (bytes, random) => {
    const lines = bytes.toString().trim().split("\n");
    const at = random.integer(lines.length);
    lines[at] = JSON.stringify(changeJson(JSON.parse(lines[at]), random)) ?? "";
    return Buffer.from(lines.join("\n"));
  },
  "record nested": (bytes) => Buffer.from(`{"text":${"[".repeat(50_000)}\n${bytes.toString()}`),
};

const vectors: Readonly<Record<string, Mutation>> = {
  ...anyText,
  "word twice": (bytes) => Buffer.from(bytes.toString().replace(/^.*\n/, "$&$&")),
  "number lost": (bytes, random) => {
    const lines = bytes.toString().split("\n");
    const at = random.integer(lines.length);
    lines[at] = lines[at].split(" ").slice(0, -1).join(" ");
    return Buffer.from(lines.join("\n"));
  },
  "false header": (bytes, random) =>
    insert(bytes, 0, `${pick(random, hostileNumbers)} ${pick(random, hostileNumbers)}\n`),
  "words of vectors gone": (bytes) => Buffer.from(bytes.toString().replace(/^\S+ /gm, "")),
};

interface Header {
  readonly [name: string]: { dtype: string; shape: number[]; data_offsets: number[] };
}

/** A safetensors file with another header, its length stated truly. */
function withHeader(bytes: Buffer, change: (header: Header) => unknown): Buffer {
  const length = Number(bytes.readBigUInt64LE());
  const header = change(JSON.parse(bytes.subarray(8, 8 + length).toString()) as Header);
  const text = Buffer.from(typeof header === "string" ? header : JSON.stringify(header));
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([prefix, text, bytes.subarray(8 + length)]);
}

const tensorNames = (header: Header): string[] => Object.keys(header).filter((name) => name !== "__metadata__");

const safetensors: Readonly<Record<string, Mutation>> = {
  ...anyFile,
  "header changed": (bytes, random) => withHeader(bytes, (header) => changeJson(header, random)),
  "false header length": (bytes, random) => {
    const copy = Buffer.from(bytes);
    copy.writeBigUInt64LE(
      pick(random, [0n, 1n, 7n, BigInt(bytes.length), BigInt(bytes.length - 8), 2n ** 31n, 2n ** 63n, 2n ** 64n - 1n]),
    );
    return copy;
  },
  "header nested": (bytes) => withHeader(bytes, () => "[".repeat(100_000)),
  "another shape": (bytes, random) =>
    withHeader(bytes, (header) => {
      const { shape } = header[pick(random, tensorNames(header))];
      shape.unshift(pick(random, [1, 1, 0, 2, 2 ** 31, 2 ** 53 - 1]));
      return header;
    }),
  "shape turned": (bytes, random) =>
    withHeader(bytes, (header) => {
      header[pick(random, tensorNames(header))].shape.reverse();
      return header;
    }),
  "another dtype": (bytes, random) =>
    withHeader(bytes, (header) => {
      header[pick(random, tensorNames(header))].dtype = pick(random, [
        "F64",
        "F16",
        "I32",
        "BOOL",
        "F8_E4M3",
        "f32",
        "",
      ]);
      return header;
    }),
  "names exchanged": (bytes, random) =>
    withHeader(bytes, (header) => {
      const [one, other] = [pick(random, tensorNames(header)), pick(random, tensorNames(header))];
      return { ...header, [one]: header[other], [other]: header[one] };
    }),
  "tensor renamed": (bytes, random) =>
    withHeader(bytes, (header) => {
      const name = pick(random, tensorNames(header));
      return JSON.stringify(header).replace(
        JSON.stringify(name),
        JSON.stringify(pick(random, [`${name}x`, "", "__proto__"])),
      );
    }),
  "numbers replaced": (bytes, random) => {
    const copy = Buffer.from(bytes);
    const start = 8 + Number(bytes.readBigUInt64LE());
    const value = pick(random, [Number.NaN, Number.POSITIVE_INFINITY, -3e38, 1e30, 1e-40]);
    const elements = Math.floor((copy.length - start) / 4);
    for (let count = pick(random, [1, 1, 10, 1000]); count > 0; count--) {
      copy.writeFloatLE(value, start + 4 * random.integer(elements));
    }
    return copy;
  },
};

/** What a file holds, which decides what can be done to it. */
export type Kind = "json" | "jsonLines" | "text" | "vectors" | "safetensors";

const mutations: Readonly<Record<Kind, Readonly<Record<string, Mutation>>>> = {
  json,
  jsonLines,
  text: anyText,
  vectors,
  safetensors,
};

/** One of the mutations of a kind, drawn and done. */
export function mutate(bytes: Buffer, kind: Kind, random: RandomStream): Mutant {
  const what = pick(random, Object.keys(mutations[kind]));
  return { what, bytes: mutations[kind][what](bytes, random) };
}
