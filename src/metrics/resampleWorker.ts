/** A worker of {@link resampleInWorkers}: takes a task, answers with its sums. */
import { parentPort, workerData } from "node:worker_threads";
import { type ResampleTask, resampleSums } from "./resample.ts";

const sums = resampleSums(workerData as ResampleTask);
parentPort?.postMessage(sums, [sums.buffer as ArrayBuffer]);
