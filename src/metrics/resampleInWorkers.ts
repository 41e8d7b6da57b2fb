/** Resamples on several threads. */
import { startWorker } from "../base/startWorker.ts";
import { type ResampleTask, resampleSums } from "./resample.ts";

/** Below so many draws a thread takes longer to start than to work. */
const worthAThread = 20_000_000;

function runWorker(task: ResampleTask): Promise<Float64Array> {
  return new Promise((resolve, reject) => {
    const worker = startWorker(new URL("./resampleWorker.ts", import.meta.url), { workerData: task });
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
