/**
 * Calls random operators with random arguments, some fitting and some not: {calls, errors, values, foreign}, where
 * foreign counts what was thrown that is no Error. Then half as many of the addon's other functions. Arguments: number
 * of calls, seed; a third prints every call first.
 */
import { writeSync } from "node:fs";
import * as fc from "fast-check";
import { Generator, memory, setThreads, type Tensor, tensor, zeros } from "../../../src/torch/index.ts";
import { type NativeArgument, native } from "../../../src/torch/native.ts";

const [calls, seed] = process.argv.slice(2, 4).map(Number);
const loud = process.argv[4] !== undefined;
setThreads(1);

const f = (values: number[], shape: number[], dtype?: "float64" | "int64" | "bool" | "bfloat16"): Tensor =>
  tensor(values, shape, { dtype });
/** Made afresh before every call, so that a call that changes one in place changes no later call. */
const makeTensors = (): Tensor[] => [
  f([], [0]),
  f([1.5], []),
  f([1, -2, 3], [3]),
  f([1, 2, 3, 4], [2, 2]),
  f([0, 1, 2, 3, 4, 5], [2, 3], "float64"),
  f([0, 1, 1], [3], "int64"),
  f([5, -9, 1e15], [3], "int64"),
  f([1, 0, 1], [3], "bool"),
  f([1, 2], [1, 2, 1], "bfloat16"),
  f([Number.NaN, Number.POSITIVE_INFINITY], [2]),
  zeros([2, 3, 4]),
  zeros([0, 4]),
  zeros([1]).expand(3, 3),
  zeros([2, 2]).setRequiresGrad(),
];
const generator = new Generator(1);
const disposed = zeros([1]);
disposed.dispose();

type Pick = (tensors: readonly Tensor[]) => NativeArgument;
const constant =
  (value: unknown): Pick =>
  () =>
    value as NativeArgument;
// No sizes between a thousand and 2^40: they would be honest work for gigabytes of memory, not errors.
const number = fc.oneof(
  fc.integer({ min: -4, max: 8 }),
  fc.constantFrom(
    0.5,
    -0.25,
    1e-300,
    99,
    1000,
    2 ** 40,
    2 ** 53,
    -(2 ** 53),
    2 ** 63,
    Number.NaN,
    Number.POSITIVE_INFINITY,
  ),
);
const handle = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.nat({ max: 13 }).map(
      (i): Pick =>
        (tensors) =>
          tensors[i].handle,
    ),
  },
  { weight: 1, arbitrary: fc.constantFrom(0, -1, 2 ** 24 + 500, disposed.handle, generator.handle).map(constant) },
);
const junk = fc
  .oneof(
    fc.constantFrom<unknown>(
      undefined,
      null,
      true,
      false,
      "",
      "mean",
      "cuda:7",
      "\ud800",
      {},
      [],
      10n,
      Symbol.iterator,
      () => 1,
    ),
    fc.constantFrom<unknown>(
      new Float64Array(3),
      new Array<number>(3),
      [[1]],
      [null, undefined],
      [Number.NaN],
      [{}],
      ["x"],
    ),
  )
  .map(constant);
const numbers = fc.array(number, { maxLength: 4 });
const lists = (one: fc.Arbitrary<Pick>): fc.Arbitrary<Pick> =>
  fc.array(one, { maxLength: 4 }).map((picks) => (tensors) => picks.map((pick) => pick(tensors)) as NativeArgument);
const absent = constant(undefined);

const fitting: Readonly<Record<string, fc.Arbitrary<Pick>>> = {
  Tensor: handle,
  "Tensor[]": lists(handle),
  "Tensor?[]": lists(fc.oneof(handle, fc.constant(constant(null)))),
  int: number.map(constant),
  "int[]": fc.oneof(numbers.map(constant), number.map(constant)),
  float: number.map(constant),
  "float[]": numbers.map(constant),
  bool: fc.boolean().map(constant),
  "bool[]": fc.array(fc.boolean(), { maxLength: 4 }).map(constant),
  Scalar: fc.oneof(number, fc.boolean()).map(constant),
  "Scalar[]": numbers.map(constant),
  str: fc.constantFrom("", "mean", "none", "tanh", "rounding").map(constant),
  Device: fc.constantFrom("cpu", "cuda", "cuda:-1", "CPU", "").map(constant),
  Generator: fc.constant(constant(generator.handle)),
};

const schemas = native.schemas();
const call = fc.nat({ max: schemas.length - 1 }).chain((index) => {
  const given = schemas[index].arguments.map(({ kind, optional, hasDefault }) =>
    fc.oneof(
      { weight: 24, arbitrary: fitting[kind] },
      { weight: optional || hasDefault ? 16 : 1, arbitrary: fc.constant(absent) },
      { weight: 1, arbitrary: junk },
    ),
  );
  const extra = fc.oneof(
    { weight: 30, arbitrary: fc.constant([]) },
    { weight: 1, arbitrary: fc.array(junk, { maxLength: 40 }) },
  );
  return fc.tuple(fc.constant(index), fc.tuple(...given), extra, fc.boolean());
});

const counts = { calls: 0, errors: 0, values: 0, foreign: 0 };
const free = (value: unknown): void => {
  if (Array.isArray(value)) value.forEach(free);
  else if (typeof value === "number") native.free(value);
};
for (const [index, picks, extra, inPlace] of fc.sample(call, { numRuns: calls, seed })) {
  const tensors = makeTensors();
  const values = [...picks, ...extra].map((pick) => pick(tensors));
  if (loud)
    writeSync(
      2,
      `${counts.calls} ${schemas[index].schema} <- ${String(JSON.stringify(picks.map((p) => (typeof p(tensors) === "bigint" ? "bigint" : p(tensors)))))}\n`,
    );
  counts.calls++;
  try {
    const made = inPlace ? native.callInPlace(index, ...values) : native.call(index, ...values);
    counts.values++;
    if (schemas[index].returns.every((kind) => kind.startsWith("Tensor"))) free(made);
  } catch (error) {
    counts.errors++;
    if (!(error instanceof Error)) counts.foreign++;
  }
  for (const t of tensors) t.dispose();
}

// The other functions of the addon, by the same rules. Left out: those that set up threads or load libraries.
const leftOut = new Set(["call", "callInPlace", "setThreads", "loadCuda", "build", "schemas"]);
const functions = Object.entries(native as unknown as Record<string, (...values: unknown[]) => unknown>).filter(
  ([name]) => !leftOut.has(name),
);
const any = fc.oneof(
  handle,
  lists(handle),
  numbers.map(constant),
  number.map(constant),
  fc.boolean().map(constant),
  junk,
  fc.constantFrom<unknown>(new Uint8Array(8), new Float64Array(2), "cpu", 5n, generator.handle, 6).map(constant),
);
const other = fc.tuple(fc.nat({ max: functions.length - 1 }), fc.array(any, { maxLength: 6 }));
for (const [index, picks] of fc.sample(other, { numRuns: Math.ceil(calls / 2), seed })) {
  const tensors = makeTensors();
  const [name, body] = functions[index];
  const values = picks.map((pick) => pick(tensors));
  if (loud) writeSync(2, `${name} ${picks.length}\n`);
  try {
    body(...values);
  } catch (error) {
    if (!(error instanceof Error)) counts.foreign++;
  }
  for (const t of tensors) t.dispose();
}
process.stdout.write(`${JSON.stringify({ ...counts, live: memory().liveTensors })}\n`);
