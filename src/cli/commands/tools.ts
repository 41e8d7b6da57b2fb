/** vectors, bench, doctor, setup */
import { existsSync, readFileSync } from "node:fs";
import { availableParallelism, cpus, totalmem } from "node:os";
import { join } from "node:path";
import { RiverrunError } from "../../base/errors.ts";
import { benchFlowStep, type FlowStepOptions } from "../../bench/flowStep.ts";
import { gemmPeak } from "../../bench/gemm.ts";
import { readTexts } from "../../corpora/index.ts";
import { trainGlove } from "../../text/glove/train.ts";
import { tokenizerByName } from "../../text/tokenizer-names.ts";
import { readVectors, writeVectors } from "../../text/vectors.ts";
import { Vocabulary } from "../../text/vocabulary.ts";
import {
  cudaDevices,
  engineBuild,
  Generator,
  getThreads,
  grad,
  memory,
  ones,
  randn,
  scope,
} from "../../torch/index.ts";
import { packageRoot } from "../../torch/native.ts";
import { emit, say } from "../output.ts";

export async function vectorsTrain(options: {
  readonly data: string[];
  readonly out: string;
  readonly tokenizer: string;
  readonly dimensions: number;
  readonly window: number;
  readonly iterations: number;
  readonly minCount: number;
  readonly seed: number;
}): Promise<void> {
  const tokenizer = tokenizerByName(options.tokenizer);
  const tokens = (await readTexts(options.data)).map((text) => tokenizer.tokenize(text));
  const vocabulary = Vocabulary.build(tokens, { minCount: options.minCount });
  const values = await trainGlove(
    tokens.map((words) => [...vocabulary.encode(words), Vocabulary.eos]),
    vocabulary.size,
    {
      ...options,
      xMax: 10,
      learningRate: 0.05,
      onProgress: ({ iteration, iterations, loss }) => {
        say(`iteration ${iteration} of ${iterations}: loss ${loss.toFixed(5)}`);
      },
    },
  );
  const first = 4; // the special tokens are no words of the text
  const words = vocabulary.tokens.slice(first);
  writeVectors(options.out, {
    words,
    dimensions: options.dimensions,
    values: values.subarray(first * options.dimensions),
  });
  say(`${words.length} vectors of ${options.dimensions} dimensions in ${options.out}`);
}

export async function vectorsInspect(file: string): Promise<void> {
  const { words, dimensions, values } = await readVectors(file);
  const squares = values.reduce((sum, value) => sum + value * value, 0);
  await emit({ words: words.length, dimensions, rootMeanSquare: Math.sqrt(squares / Math.max(1, values.length)) });
}

/** Microseconds of one small operator call, freed. */
function operatorMicroseconds(): number {
  const x = ones([4]);
  let best = Number.POSITIVE_INFINITY;
  for (let run = 0; run < 5; run++) {
    const start = performance.now();
    for (let part = 0; part < 100; part++) {
      scope(() => {
        for (let call = 0; call < 500; call++) x.add(x);
      });
    }
    best = Math.min(best, ((performance.now() - start) / 50_000) * 1000);
  }
  return best;
}

export async function bench(what: string, options: FlowStepOptions): Promise<void> {
  if (what === "flow-step") await emit(await benchFlowStep(options));
  else
    await emit({
      operatorMicroseconds: operatorMicroseconds(),
      gemmPeakGflops: gemmPeak("float32"),
      threads: getThreads(),
    });
}

export async function doctor(options: { readonly json?: boolean }): Promise<void> {
  const generator = new Generator(1);
  const difference = scope(() => {
    const x = randn([3, 3], generator, { dtype: "float64" }).setRequiresGrad();
    const [gradient] = grad([x.matmul(x).sum()], [x]);
    const expected = x.sum(1).unsqueeze(0).add(x.sum(0).unsqueeze(1));
    return gradient.sub(expected).abs().amax().item();
  });
  if (!(difference < 1e-12))
    throw new RiverrunError(`self-test: a gradient is wrong by ${difference}; run "npm run setup" again`);
  const path = join(packageRoot, "build", "libtorch.json");
  const libtorch: unknown = existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : null;
  const cuda = cudaDevices();
  const facts = {
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    cpu: cpus()[0]?.model ?? "unknown",
    cores: availableParallelism(),
    threads: getThreads(),
    memoryGb: Math.round(totalmem() / 2 ** 30),
    torch: engineBuild().torch,
    libtorch,
    allocator: memory().allocator.name,
    cuda: cuda.devices > 0 ? `${cuda.devices} devices` : `none (${cuda.reason.split("\n")[0]})`,
    selfTest: "good",
  };
  if (options.json) await emit(facts);
  else
    for (const [name, value] of Object.entries(facts))
      process.stdout.write(`${name}: ${typeof value === "string" ? value : JSON.stringify(value)}\n`);
}
