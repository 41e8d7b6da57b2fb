/** Worker threads that run the same from `dist/` and from the source. */
import { Worker, type WorkerOptions } from "node:worker_threads";

/**
 * Starts a module as a worker thread: the compiled one or, in a clone, the source itself by way of tsx.
 *
 * @param module address of the module, `new URL("./name.ts", import.meta.url)`; the compiler leaves the ending as it is
 */
export function startWorker(module: URL, options: WorkerOptions): Worker {
  if (!import.meta.url.endsWith(".ts")) return new Worker(new URL(module.href.replace(/\.ts$/, ".js")), options);
  const file = JSON.stringify(module.href);
  const tsx = JSON.stringify(import.meta.resolve("tsx/esm/api"));
  const code = `const { tsImport } = await import(${tsx}); await tsImport(${file}, ${file});`;
  return new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`), options);
}
