/**
 * Just enough of an assembler for WebAssembly to write one module of arithmetic (WebAssembly core specification 2.0,
 * section 5, binary format). Code is built as expressions: an operator takes the code of its operands.
 */

/** Encoded instructions. */
export type Code = readonly number[];

/** Value types by their encoding. */
export const valueType = { i32: 0x7f, f32: 0x7d, f64: 0x7c, v128: 0x7b } as const;
export type ValueType = keyof typeof valueType;

function unsigned(value: number): Code {
  const bytes: number[] = [];
  let rest = value;
  do {
    const low = rest % 128;
    rest = Math.floor(rest / 128);
    bytes.push(rest > 0 ? low | 128 : low);
  } while (rest > 0);
  return bytes;
}

function signed(value: number): Code {
  const bytes: number[] = [];
  for (let rest = value; ; ) {
    const low = rest & 127;
    rest >>= 7;
    if ((rest === 0 && (low & 64) === 0) || (rest === -1 && (low & 64) !== 0)) return [...bytes, low];
    bytes.push(low | 128);
  }
}

const operator =
  (...encoding: number[]) =>
  (...operands: readonly Code[]): Code => [...operands.flat(), ...encoding];

const simd = (opcode: number): ((...operands: readonly Code[]) => Code) => operator(0xfd, ...unsigned(opcode));

const bytesOf = (array: Float32Array | Float64Array): Code => [...new Uint8Array(array.buffer)];

/** A load or store of `2^alignment` bytes at address + offset. */
const access =
  (encoding: Code, alignment: number) =>
  (offset: number, ...operands: readonly Code[]): Code => [
    ...operands.flat(),
    ...encoding,
    alignment,
    ...unsigned(offset),
  ];

export const i32 = {
  const: (value: number): Code => [0x41, ...signed(value)],
  add: operator(0x6a),
  mul: operator(0x6c),
  shl: operator(0x74),
  ne: operator(0x47),
  load: access([0x28], 2),
};

export const v128 = { load: access([0xfd, 0x00], 4), store: access([0xfd, 0x0b], 4) };

/** Scalars and vectors of one precision. */
export interface Arithmetic {
  readonly type: "f32" | "f64";
  /** Entries of a vector of 16 bytes. */
  readonly lanes: 2 | 4;
  /** Bytes of an entry. */
  readonly bytes: 4 | 8;
  readonly const: (value: number) => Code;
  /** A float32 in memory, as a number of this precision. */
  readonly loadSingle: (offset: number, address: Code) => Code;
  /** A number of this precision, as float64. */
  readonly toDouble: (value: Code) => Code;
  readonly load: (offset: number, address: Code) => Code;
  readonly store: (offset: number, address: Code, value: Code) => Code;
  readonly sqrt: (...operands: readonly Code[]) => Code;
  readonly add: (...operands: readonly Code[]) => Code;
  readonly sub: (...operands: readonly Code[]) => Code;
  readonly mul: (...operands: readonly Code[]) => Code;
  readonly div: (...operands: readonly Code[]) => Code;
  readonly vector: {
    readonly splat: (value: Code) => Code;
    readonly lane: (vector: Code, index: number) => Code;
    readonly sqrt: (...operands: readonly Code[]) => Code;
    readonly add: (...operands: readonly Code[]) => Code;
    readonly sub: (...operands: readonly Code[]) => Code;
    readonly mul: (...operands: readonly Code[]) => Code;
    readonly div: (...operands: readonly Code[]) => Code;
    /** b < a ? b : a, which keeps a NaN in a. */
    readonly pmin: (...operands: readonly Code[]) => Code;
    /** a < b ? b : a, which keeps a NaN in a. */
    readonly pmax: (...operands: readonly Code[]) => Code;
  };
}

export const f32: Arithmetic = {
  type: "f32",
  lanes: 4,
  bytes: 4,
  const: (value) => [0x43, ...bytesOf(Float32Array.of(value))],
  loadSingle: access([0x2a], 2),
  toDouble: operator(0xbb),
  load: access([0x2a], 2),
  store: access([0x38], 2),
  sqrt: operator(0x91),
  add: operator(0x92),
  sub: operator(0x93),
  mul: operator(0x94),
  div: operator(0x95),
  vector: {
    splat: simd(0x13),
    lane: (vector, index) => [...vector, 0xfd, 0x1f, index],
    sqrt: simd(0xe3),
    add: simd(0xe4),
    sub: simd(0xe5),
    mul: simd(0xe6),
    div: simd(0xe7),
    pmin: simd(0xea),
    pmax: simd(0xeb),
  },
};

export const f64: Arithmetic = {
  type: "f64",
  lanes: 2,
  bytes: 8,
  const: (value) => [0x44, ...bytesOf(Float64Array.of(value))],
  loadSingle: (offset, address) => [...access([0x2a], 2)(offset, address), 0xbb],
  toDouble: (value) => value,
  load: access([0x2b], 3),
  store: access([0x39], 3),
  sqrt: operator(0x9f),
  add: operator(0xa0),
  sub: operator(0xa1),
  mul: operator(0xa2),
  div: operator(0xa3),
  vector: {
    splat: simd(0x14),
    lane: (vector, index) => [...vector, 0xfd, 0x21, index],
    sqrt: simd(0xef),
    add: simd(0xf0),
    sub: simd(0xf1),
    mul: simd(0xf2),
    div: simd(0xf3),
    pmin: simd(0xf6),
    pmax: simd(0xf7),
  },
};

/** A local variable: `x.get`, `x.set(code)`. */
export interface Local {
  readonly type: ValueType;
  readonly get: Code;
  readonly set: (value: Code) => Code;
}

/** Names the locals of a function, parameters first. */
export class Locals {
  readonly types: ValueType[] = [];

  add(type: ValueType): Local {
    const index = unsigned(this.types.length);
    this.types.push(type);
    return { type, get: [0x20, ...index], set: (value) => [...value, 0x21, ...index] };
  }
}

/** Repeats the body as long as the condition, looked at after it, holds. */
export function doWhile(body: readonly Code[], condition: Code): Code {
  return [0x03, 0x40, ...body.flat(), ...condition, 0x0d, 0x00, 0x0b];
}

const section = (id: number, content: Code): Code => [id, ...unsigned(content.length), ...content];
const vector = (items: readonly Code[]): Code => [...unsigned(items.length), ...items.flat()];
const text = (value: string): Code => vector([...new TextEncoder().encode(value)].map((byte) => [byte]));

/**
 * A module with one exported function that works on an imported shared memory, `env.memory` of at most 4 GiB.
 *
 * @param parameters how many of the locals, from the first, are parameters
 */
export function moduleOf(options: {
  readonly name: string;
  readonly locals: Locals;
  readonly parameters: number;
  readonly result: ValueType;
  readonly body: readonly Code[];
}): Uint8Array<ArrayBuffer> {
  const { name, locals, parameters, result, body } = options;
  const types = locals.types.map((type) => valueType[type]);
  const declared = vector(types.slice(parameters).map((type) => [1, type]));
  const code = [...declared, ...body.flat(), 0x0b];
  const shared = 3;
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, vector([[0x60, ...vector(types.slice(0, parameters).map((type) => [type])), 1, valueType[result]]])),
    ...section(2, vector([[...text("env"), ...text("memory"), 0x02, shared, 0, ...unsigned(65536)]])),
    ...section(3, vector([[0]])),
    ...section(7, vector([[...text(name), 0x00, 0]])),
    ...section(10, vector([[...unsigned(code.length), ...code]])),
  ]);
}

/** A memory that threads share. */
export interface SharedMemory {
  readonly buffer: SharedArrayBuffer;
}

/** The part of the WebAssembly interface that is used; TypeScript declares it only together with a browser's. */
interface WebAssemblyInterface {
  readonly Memory: new (limits: {
    readonly initial: number;
    readonly maximum: number;
    readonly shared: true;
  }) => SharedMemory;
  readonly Module: new (bytes: Uint8Array<ArrayBuffer>) => object;
  readonly Instance: new (
    module: object,
    imports: { readonly env: { readonly memory: SharedMemory } },
  ) => { readonly exports: Readonly<Record<string, unknown>> };
}

const engine = (globalThis as unknown as { readonly WebAssembly: WebAssemblyInterface }).WebAssembly;

/** Bytes of a page of memory. */
const pageBytes = 65536;

/** The most that a memory can hold. */
export const largestMemory = 65536 * pageBytes;

/** A zeroed memory of at least `bytes` bytes. @throws RangeError where the machine has no such room */
export function sharedMemory(bytes: number): SharedMemory {
  const pages = Math.max(1, Math.ceil(bytes / pageBytes));
  return new engine.Memory({ initial: pages, maximum: pages, shared: true });
}

/** The function that a module of {@link moduleOf} exports, working on `memory`. */
export function instantiate(module: Uint8Array<ArrayBuffer>, name: string, memory: SharedMemory): unknown {
  return new engine.Instance(new engine.Module(module), { env: { memory } }).exports[name];
}
