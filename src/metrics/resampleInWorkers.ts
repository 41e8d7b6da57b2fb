/** Resamples on several threads. */
import { Worker } from "node:worker_threads";
import { type ResampleTask, resampleSums } from "./resample.ts";

/** Below so many draws a thread takes longer to start than to work. */
const worthAThread = 20_000_000;

/** A worker thread on the compiled module or, in a clone, on the source itself by way of tsx. */
function startWorker(task: ResampleTask): Worker {
  if (!import.meta.url.endsWith(".ts")) {
    return new Worker(new URL("./resampleWorker.js", import.meta.url), { workerData: task });
  }
  const file = JSON.stringify(new URL("./resampleWorker.ts", import.meta.url).href);
  const tsx = JSON.stringify(import.meta.resolve("tsx/esm/api"));
  const code = `const { tsImport } = await import(${tsx}); await tsImport(${file}, ${file});`;
  return new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`), { workerData: task });
}

function runWorker(task: ResampleTask): Promise<Float64Array> {
  return new Promise((resolve, reject) => {
    const worker = startWorker(task);
    worker.once("message", resolve);
    worker.once("error", reject);
    worker.once("exit", (code) => reject(new Error(`a bootstrap worker ended with code ${code} and without its sums`)));
  });
}

/** {@link resampleSums} of resamples 0 to `resamples`, (resamples, w), the same for any number of workers. */
export async function resampleInWorkers(
  task: Omit<ResampleTask, "from" | "to">,
  resamples: number,
  workers: number,
): Promise<Float64Array> {
  const useful = Math.ceil((task.count * resamples) / worthAThread);
  const threads = Math.max(1, Math.min(workers, resamples, useful));
  if (threads === 1) return resampleSums({ ...task, from: 0, to: resamples });
  const edge = (k: number): number => Math.floor((resamples * k) / threads);
  const parts = await Promise.all(
    Array.from({ length: threads }, (_, k) => runWorker({ ...task, from: edge(k), to: edge(k + 1) })),
  );
  const sums = new Float64Array(resamples * task.width);
  for (const [k, part] of parts.entries()) sums.set(part, edge(k) * task.width);
  return sums;
}
