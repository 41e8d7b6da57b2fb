/** Loads the addon in the main thread, twice under different names of the module, and in workers one after another. */
import { createRequire } from "node:module";
import { Worker } from "node:worker_threads";
import { addonPath, type Native, native } from "../../../src/torch/native.ts";

const sum = (engine: Native): number => {
  const x = engine.fromBytes(new Uint8Array(new Float32Array([1, 2, 3]).buffer), [3], 6);
  const names = engine.schemas().map(({ name, overload }) => `${name}.${overload}`);
  const total = engine.call(names.indexOf("aten::sum."), x) as number;
  const result = new Float32Array(engine.toBytes(total).buffer)[0];
  engine.free([x, total]);
  return result;
};

const inWorker = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const code = `
      const { workerData, parentPort } = require("node:worker_threads");
      const engine = require(workerData);
      parentPort.postMessage((${sum.toString()})(engine));`;
    const worker = new Worker(code.replaceAll("__name(", "((f) => f)("), { eval: true, workerData: addonPath });
    worker.once("message", (value: number) => void worker.terminate().then(() => resolve(value)));
    worker.once("error", reject);
  });

const require = createRequire(import.meta.url);
delete require.cache[addonPath];
const again = require(addonPath) as Native;
const sums = [sum(native), sum(again), await inWorker(), await inWorker(), sum(native)];
process.stdout.write(`${JSON.stringify({ sums })}\n`);
