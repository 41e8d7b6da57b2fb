/** Child processes that run a module of ours the same from `dist/` and from the source. */
import { type ChildProcess, type ForkOptions, fork } from "node:child_process";

/**
 * Starts a module as a process with a channel of messages: the compiled one or, in a clone, the source by way of tsx.
 *
 * @param module address of the module, `new URL("./name.ts", import.meta.url)`; the compiler leaves the ending as it is
 */
export function forkModule(module: URL, options: Omit<ForkOptions, "execArgv">): ChildProcess {
  if (import.meta.url.endsWith(".ts")) {
    return fork(module, { ...options, execArgv: ["--import", import.meta.resolve("tsx/esm")] });
  }
  return fork(new URL(module.href.replace(/\.ts$/, ".js")), { ...options, execArgv: [] });
}
