/** Child processes that run a module of ours the same from `dist/` and from the source. */
import { type ChildProcess, type ForkOptions, fork } from "node:child_process";
import { calledAsVariable, programName } from "./invocation.ts";

/**
 * Starts a module as a process with a channel of messages: the compiled one or, in a clone, the source by way of tsx. Its
 * hints name this program as this process was called.
 *
 * @param module address of the module, `new URL("./name.ts", import.meta.url)`; the compiler leaves the ending as it is
 */
export function forkModule(module: URL, options: Omit<ForkOptions, "execArgv">): ChildProcess {
  const env = { ...(options.env ?? process.env), [calledAsVariable]: programName() };
  if (import.meta.url.endsWith(".ts")) {
    return fork(module, { ...options, env, execArgv: ["--import", import.meta.resolve("tsx/esm")] });
  }
  return fork(new URL(module.href.replace(/\.ts$/, ".js")), { ...options, env, execArgv: [] });
}
