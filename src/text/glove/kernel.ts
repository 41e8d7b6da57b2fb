/** The inner loop of GloVe's training: one AdaGrad step a record, four (float32) or two (float64) entries at a time. */
import {
  type Arithmetic,
  type Code,
  doWhile,
  f32,
  f64,
  i32,
  instantiate,
  Locals,
  moduleOf,
  type SharedMemory,
  v128,
} from "./wasm.ts";

export type Precision = "float32" | "float64";

/** Bytes of a record: word and context (uint32), ln X and f(X) (float32). */
export const recordBytes = 16;

/** Largest change that one component takes from one record, before the learning rate. */
const mostGradient = 100;

/**
 * Where the parameters of a word, or of a context, lie in its row of `stride` bytes: groups of 32 bytes, 16 of the vector
 * and the 16 of its AdaGrad accumulators, so that one record streams through two rows; then the bias and its
 * accumulator. The dimensions are filled up with zeros to a whole number of pairs of groups.
 */
export class RowLayout {
  readonly dimensions: number;
  readonly precision: Precision;
  /** Entries of a group. */
  readonly lanes: number;
  /** Entries of a row, as places of a typed array of the precision. */
  readonly entries: number;
  /** Place of the bias; its accumulator is the next. */
  readonly bias: number;

  constructor(dimensions: number, precision: Precision) {
    this.dimensions = dimensions;
    this.precision = precision;
    this.lanes = precision === "float32" ? 4 : 2;
    const groups = 2 * Math.ceil(dimensions / (2 * this.lanes));
    this.bias = 2 * groups * this.lanes;
    const line = 64 / this.bytes;
    this.entries = Math.ceil((this.bias + 2) / line) * line;
  }

  /** Bytes of an entry. */
  get bytes(): number {
    return this.precision === "float32" ? 4 : 8;
  }

  /** Bytes of a row. */
  get stride(): number {
    return this.entries * this.bytes;
  }

  /** Place of component d; its accumulator is `lanes` further. */
  place(d: number): number {
    return d + Math.floor(d / this.lanes) * this.lanes;
  }

  /** A view of `rows` rows from a byte of a buffer on. */
  view(buffer: SharedArrayBuffer, byte: number, rows: number): Float32Array | Float64Array {
    const length = rows * this.entries;
    return this.precision === "float32"
      ? new Float32Array(buffer, byte, length)
      : new Float64Array(buffer, byte, length);
  }
}

/** Where a run of records and the rows it changes lie, in bytes of the memory. */
export interface KernelCall {
  readonly records: number;
  readonly count: number;
  /** First byte of the rows of words and of contexts. */
  readonly words: number;
  readonly contexts: number;
}

/**
 * The step of every record (i, j, ln X, f) in turn. With the difference e = w_i . c_j + b_i + d_j - ln X, each component
 * takes g = clip(f e c_j, +-100) eta, w_i -= g / sqrt(a), a += g^2 with its accumulator a, and likewise c_j from the old
 * w_i; the biases take f e without clipping and without eta.
 *
 * Parameters: records, end of the records, words, contexts, stride, bytes of the groups of a row, eta. Result: sum of f
 * e^2 / 2.
 */
function kernelModule(number: Arithmetic): Uint8Array<ArrayBuffer> {
  const { vector } = number;
  const locals = new Locals();
  const record = locals.add("i32");
  const recordsEnd = locals.add("i32");
  const words = locals.add("i32");
  const contexts = locals.add("i32");
  const stride = locals.add("i32");
  const groupBytes = locals.add("i32");
  const rate = locals.add(number.type);
  const parameters = locals.types.length;
  const word = locals.add("i32");
  const context = locals.add("i32");
  const rowEnd = locals.add("i32");
  const even = locals.add("v128");
  const odd = locals.add("v128");
  const w = locals.add("v128");
  const c = locals.add("v128");
  const slope = locals.add("v128");
  const gradient = locals.add("v128");
  const accumulator = locals.add("v128");
  const difference = locals.add(number.type);
  const weighted = locals.add(number.type);
  const bias = locals.add(number.type);
  const loss = locals.add("f64");

  const rowOf = (base: Code, offset: number): Code => i32.add(base, i32.mul(i32.load(offset, record.get), stride.get));
  const start = (): readonly Code[] => [
    word.set(rowOf(words.get, 0)),
    context.set(rowOf(contexts.get, 4)),
    rowEnd.set(i32.add(word.get, groupBytes.get)),
  ];
  const forward = (bytes: number): readonly Code[] => [
    word.set(i32.add(word.get, i32.const(bytes))),
    context.set(i32.add(context.get, i32.const(bytes))),
  ];
  const addProduct = (sum: typeof even, offset: number): Code =>
    sum.set(vector.add(sum.get, vector.mul(v128.load(offset, word.get), v128.load(offset, context.get))));
  const zero = vector.splat(number.const(0));
  const lanes = Array.from({ length: number.lanes }, (_, index) => vector.lane(even.get, index));

  const limit = (value: Code): Code =>
    vector.pmin(
      vector.pmax(value, vector.splat(number.const(-mostGradient))),
      vector.splat(number.const(mostGradient)),
    );
  /** Moves one group of a row along slope * other, and its accumulators. */
  const moveGroup = (row: Code, value: Code, other: Code): readonly Code[] => [
    accumulator.set(v128.load(16, row)),
    gradient.set(vector.mul(limit(vector.mul(slope.get, other)), vector.splat(rate.get))),
    v128.store(0, row, vector.sub(value, vector.div(gradient.get, vector.sqrt(accumulator.get)))),
    v128.store(16, row, vector.add(accumulator.get, vector.mul(gradient.get, gradient.get))),
  ];
  const moveBias = (row: Code): readonly Code[] => [
    bias.set(number.load(number.bytes, row)),
    number.store(0, row, number.sub(number.load(0, row), number.div(weighted.get, number.sqrt(bias.get)))),
    number.store(number.bytes, row, number.add(bias.get, number.mul(weighted.get, weighted.get))),
  ];

  const body = [
    ...start(),
    even.set(zero),
    odd.set(zero),
    doWhile([addProduct(even, 0), addProduct(odd, 32), ...forward(64)], i32.ne(word.get, rowEnd.get)),
    even.set(vector.add(even.get, odd.get)),
    // Both rows stand at their biases now.
    difference.set(
      number.sub(
        number.add(
          lanes.reduce((sum, lane) => number.add(sum, lane)),
          number.add(number.load(0, word.get), number.load(0, context.get)),
        ),
        number.loadSingle(8, record.get),
      ),
    ),
    weighted.set(number.mul(difference.get, number.loadSingle(12, record.get))),
    loss.set(
      f64.add(
        loss.get,
        f64.mul(f64.const(0.5), f64.mul(number.toDouble(weighted.get), number.toDouble(difference.get))),
      ),
    ),
    ...moveBias(word.get),
    ...moveBias(context.get),
    slope.set(vector.splat(weighted.get)),
    ...start(),
    doWhile(
      [
        w.set(v128.load(0, word.get)),
        c.set(v128.load(0, context.get)),
        ...moveGroup(word.get, w.get, c.get),
        ...moveGroup(context.get, c.get, w.get),
        ...forward(32),
      ],
      i32.ne(word.get, rowEnd.get),
    ),
    record.set(i32.add(record.get, i32.const(recordBytes))),
  ];
  return moduleOf({
    name: "train",
    locals,
    parameters,
    result: "f64",
    body: [doWhile(body, i32.ne(record.get, recordsEnd.get)), loss.get],
  });
}

/** Trains on a run of records; returns the sum of f e^2 / 2. */
export type Kernel = (call: KernelCall) => number;

/** The kernel for rows of a layout in a shared memory. */
export function gloveKernel(memory: SharedMemory, layout: RowLayout, learningRate: number): Kernel {
  const module = kernelModule(layout.precision === "float32" ? f32 : f64);
  const train = instantiate(module, "train", memory) as (...parameters: readonly number[]) => number;
  const groupBytes = layout.bias * layout.bytes;
  return ({ records, count, words, contexts }) =>
    count === 0
      ? 0
      : train(records, records + count * recordBytes, words, contexts, layout.stride, groupBytes, learningRate);
}
