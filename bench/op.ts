/**
 * What one small operator costs and how fast products run: `npx tsx bench/op.ts` prints one JSON object. The cost of a
 * small call is the best of many short rounds, so that other load on the machine shows little.
 */
import { pathToFileURL } from "node:url";
import { type DType, Generator, getThreads, ones, randn, scope } from "../src/torch/index.ts";
import { native } from "../src/torch/native.ts";
import { operatorNames } from "../src/torch/operators.ts";
import { programOptions } from "./options.ts";

/** Times in nanoseconds a call, speeds in 10^9 floating-point operations a second. */
export interface OperatorBenchmark {
  /** native.free(native.call(add, x, x)) for x of shape (4, 4). */
  readonly nativeCallNs: number;
  /** x.add(y) through Tensor, freed by its scope of 100 such calls. */
  readonly tensorCallNs: number;
  /** x.add(y) with the result disposed of at once. */
  readonly disposedCallNs: number;
  /** A call of the addon that does nothing, for comparison: the number of threads. */
  readonly emptyCallNs: number;
  readonly gemmGflops: Readonly<Record<"float32" | "bfloat16" | "float64", number>>;
  readonly threads: number;
}

/** Nanoseconds a repetition in the best round, after a tenth as many to warm up. */
function bestOf(rounds: number, repetitions: number, body: () => void): number {
  let best = Number.POSITIVE_INFINITY;
  for (let round = -Math.ceil(rounds / 10); round < rounds; round++) {
    const start = process.hrtime.bigint();
    for (let i = 0; i < repetitions; i++) body();
    if (round >= 0) best = Math.min(best, Number(process.hrtime.bigint() - start) / repetitions);
  }
  return best;
}

/** Speed of a 1024 x 1024 x 1024 product, best of five after one to warm up. */
function gemmGflops(dtype: DType): number {
  return scope(() => {
    const n = 1024;
    const generator = new Generator(1);
    const a = randn([n, n], generator).to(dtype);
    generator.dispose();
    const once = (): void =>
      scope(() => {
        a.matmul(a);
      });
    return (2 * n ** 3) / bestOf(5, 1, once);
  });
}

/** Measures all of it, in a few seconds. */
export function benchOperator(): OperatorBenchmark {
  const rounds = 300;
  const add = operatorNames.indexOf("aten::add.Tensor");
  return scope(() => {
    const x = ones([4, 4]);
    const { handle } = x;
    const emptyCallNs = bestOf(rounds, 1000, () => {
      native.threads();
    });
    const nativeCallNs = bestOf(rounds, 1000, () => {
      native.free(native.call(add, handle, handle) as number);
    });
    const calls = 100;
    const body = (): void => {
      for (let i = 0; i < calls; i++) x.add(x);
    };
    const tensorCallNs = bestOf(rounds, 10, () => scope(body)) / calls;
    const disposedCallNs = bestOf(rounds, 1000, () => {
      x.add(x).dispose();
    });
    return {
      nativeCallNs: Math.round(nativeCallNs),
      tensorCallNs: Math.round(tensorCallNs),
      disposedCallNs: Math.round(disposedCallNs),
      emptyCallNs: Math.round(emptyCallNs),
      gemmGflops: {
        float32: Math.round(gemmGflops("float32")),
        bfloat16: Math.round(gemmGflops("bfloat16")),
        float64: Math.round(gemmGflops("float64")),
      },
      threads: getThreads(),
    };
  });
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  programOptions("", { options: {} });
  process.stdout.write(`${JSON.stringify(benchOperator())}\n`);
}
