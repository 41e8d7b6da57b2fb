/** The engine's thread: reads the model, says so, then answers one group after the other. */
import { parentPort, workerData } from "node:worker_threads";
import { messageOf, RiverrunError } from "../base/errors.ts";
import { loadModel, type TextFlow } from "../flow/index.ts";
import { engineBuild, getThreads, memory, resolveDevice, setThreads } from "../torch/index.ts";
import { runGroup } from "./operations.ts";
import type { EngineMessage, EngineSettings, EngineTask, ModelFacts } from "./protocol.ts";

function say(message: EngineMessage): void {
  parentPort?.postMessage(message);
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

const model = open(workerData as EngineSettings);
if (model) {
  parentPort?.on("message", ({ task, group }: EngineTask) => {
    const results = runGroup(model, group);
    const { liveTensors, heldBytes } = memory();
    say({ kind: "results", task, results, liveTensors, heldBytes });
  });
  say({ kind: "ready", facts: factsOf(model) });
}
