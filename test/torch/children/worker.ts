/** One worker's computation; answers with the sum and with what it saw of the other threads. */
import { parentPort, workerData } from "node:worker_threads";
import { Generator, memory, ones, randn, scope } from "../../../src/torch/index.ts";
import { native } from "../../../src/torch/native.ts";

const { seed, rounds, foreign } = workerData as { seed: number; rounds: number; foreign: number };
const generator = new Generator(seed);
let sum = 0;
for (let round = 0; round < rounds; round++) {
  sum += scope(() => {
    const x = randn([32, 32], generator, { dtype: "float64" });
    return x.matmul(x).tanh().sum().item();
  });
}
generator.dispose();
let foreignIsStale = !native.isLive(foreign);
try {
  native.shape(foreign);
  foreignIsStale = false;
} catch (error) {
  foreignIsStale &&= (error as { code?: string }).code === "ERR_USE_AFTER_FREE";
}
const records = scope(() => ones([1]).setRequiresGrad().mul(2).requiresGrad);
parentPort?.postMessage({ sum, foreignIsStale, records, live: memory().liveTensors });
