import { Worker } from "node:worker_threads";
import { expect, it } from "vitest";
import { Generator, memory, noGrad, randn, scope, tensor } from "../../src/torch/index.ts";
import { native } from "../../src/torch/native.ts";
import { resultOf, runChild } from "./support.ts";

interface Answer {
  readonly sum: number;
  readonly foreignIsStale: boolean;
  readonly records: boolean;
  readonly live: number;
}

/** A worker that computes with its own engine; tsx is registered inside it, because vitest's loader is not there. */
function startWorker(data: { seed: number; rounds: number; foreign: number }): {
  answer: Promise<Answer>;
  worker: Worker;
} {
  const file = new URL("./children/worker.ts", import.meta.url).href;
  const tsx = import.meta.resolve("tsx/esm/api");
  const code = `const { tsImport } = await import(${JSON.stringify(tsx)}); await tsImport(${JSON.stringify(file)}, ${JSON.stringify(file)});`;
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`), { workerData: data });
  const answer = new Promise<Answer>((resolve, reject) => {
    worker.once("message", resolve);
    worker.once("error", reject);
    worker.once("exit", () => reject(new Error("the worker ended without an answer")));
  });
  return { answer, worker };
}

/** The same computation as in children/worker.ts. */
function compute(seed: number, rounds: number): number {
  const generator = new Generator(seed);
  let sum = 0;
  for (let round = 0; round < rounds; round++) {
    sum += scope(() => {
      const x = randn([32, 32], generator, { dtype: "float64" });
      return x.matmul(x).tanh().sum().item();
    });
  }
  generator.dispose();
  return sum;
}

it("computes in two workers and the main thread at once, each with its own handles, generators and grad mode", async () => {
  const mine = Array.from({ length: 40 }, () => tensor([1, 2, 3]));
  const rounds = 60;
  const [a, b] = noGrad(() => [1, 2].map((seed) => startWorker({ seed, rounds, foreign: mine[39].handle })));
  const sums = [];
  for (let i = 0; i < 20; i++) {
    sums.push(compute(3, rounds));
    await new Promise((resolve) => setImmediate(resolve));
  }
  const [fromA, fromB] = await Promise.all([a.answer, b.answer]);
  expect(new Set(sums).size).toBe(1);
  expect(fromA.sum).toBe(compute(1, rounds));
  expect(fromB.sum).toBe(compute(2, rounds));
  for (const answer of [fromA, fromB]) {
    expect(answer.foreignIsStale).toBe(true);
    expect(answer.records).toBe(true);
    expect(answer.live).toBe(0);
  }
  for (const t of mine) {
    expect(t.toNumbers()).toEqual([1, 2, 3]);
    t.dispose();
  }
  await Promise.all([a.worker.terminate(), b.worker.terminate()]);
});

it("survives workers that are ended in the middle of their work, and frees what they held", async () => {
  const before = memory();
  for (let round = 0; round < 3; round++) {
    const { answer, worker } = startWorker({ seed: round, rounds: 1_000_000, foreign: 0 });
    answer.catch(() => undefined);
    await new Promise((resolve) => worker.once("online", resolve));
    while (memory().allocator.usedBytes === before.allocator.usedBytes) await new Promise((r) => setTimeout(r, 5));
    await worker.terminate();
    expect(compute(5, 3)).toBe(compute(5, 3));
  }
  expect(memory().liveTensors).toBe(before.liveTensors);
  expect(memory().allocator.usedBytes).toBe(before.allocator.usedBytes);
  expect(native.threads()).toBeGreaterThan(0);
});

it("loads in the main thread and in workers, again and again", () => {
  expect(resultOf(runChild("reload"))).toEqual({ sums: [6, 6, 6, 6, 6] });
});
