/** The engine's process: reads the model, says so, then answers one group after the other. */
import { messageOf, RiverrunError } from "../base/errors.ts";
import { loadModel, type TextFlow } from "../flow/index.ts";
import { engineBuild, getThreads, memory, resolveDevice, setThreads } from "../torch/index.ts";
import { runGroup } from "./operations.ts";
import type { EngineMemory, EngineMessage, EngineOrder, EngineSettings, ModelFacts } from "./protocol.ts";

function say(message: EngineMessage): void {
  // An error is that the server has gone, which the end of the channel says too.
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
}

function open({ model, device, threads, precision }: EngineSettings): TextFlow | undefined {
  try {
    if (threads !== undefined) setThreads(threads);
    return loadModel(model, { device: resolveDevice(device), precision });
  } catch (error) {
    say({ kind: "refused", message: messageOf(error), exitCode: error instanceof RiverrunError ? error.exitCode : 1 });
    return undefined;
  }
}

function factsOf(model: TextFlow): ModelFacts {
  const { preset, data } = model.config;
  return {
    preset,
    parameters: model.parameterCount(),
    words: model.vocabulary.size,
    positions: data.positions,
    dimensions: data.dimensions,
    unit: model.unit,
    fixedLength: data.fixedLength,
    device: model.device,
    precision: model.networkPrecision === "bf16" ? "bf16" : model.dtype,
    threads: getThreads(),
    libtorch: engineBuild().torch,
  };
}

function held(): EngineMemory {
  const { liveTensors, heldBytes } = memory();
  return { liveTensors, heldBytes, rssBytes: process.memoryUsage.rss() };
}

let model: TextFlow | undefined;

process.on("message", (order: EngineOrder) => {
  if ("settings" in order) {
    model = open(order.settings);
    if (model) say({ kind: "ready", facts: factsOf(model), memory: held() });
    // Not while Node.js hands on what came before anybody listened: it would not find the channel.
    else setImmediate(() => process.disconnect());
  } else if (model) {
    say({ kind: "results", task: order.task, results: runGroup(model, order.group), memory: held() });
  }
});
// The server is told to stop, also where a terminal or a service manager signals the whole group; this ends with it.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => undefined);
process.on("disconnect", () => process.exit());
