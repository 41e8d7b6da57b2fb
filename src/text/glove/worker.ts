/** A thread that trains on blocks until none is left, over and over. */
import { parentPort, workerData } from "node:worker_threads";
import { BlockTrainer } from "./blockTrainer.ts";
import { takeBlocks, type WorkerData, type WorkerOrder } from "./crew.ts";

const { work, losses, counter } = workerData as WorkerData;
const trainer = new BlockTrainer(work);
parentPort?.on("message", ({ iteration, blocks }: WorkerOrder) => {
  for (const block of takeBlocks(blocks, counter)) losses[block] = trainer.train(iteration, block);
  parentPort?.postMessage("done");
});
