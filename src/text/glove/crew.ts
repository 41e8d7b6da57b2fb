/** Threads that train on blocks side by side. */
import { Worker } from "node:worker_threads";
import { messageOf, RiverrunError } from "../../base/errors.ts";
import { BlockTrainer, type BlockWork } from "./blockTrainer.ts";

/** What a thread starts with. */
export interface WorkerData {
  readonly work: BlockWork;
  /** Loss of each block, shared. */
  readonly losses: Float64Array;
  /** One shared number: how many of the current blocks are taken. */
  readonly counter: Int32Array;
}

/** Blocks to share out among the threads. */
export interface WorkerOrder {
  readonly iteration: number;
  readonly blocks: readonly number[];
}

/** The blocks that this thread gets: whoever is free takes the next. */
export function* takeBlocks(blocks: readonly number[], counter: Int32Array): Generator<number> {
  for (;;) {
    const next = Atomics.add(counter, 0, 1);
    if (next >= blocks.length) return;
    yield blocks[next];
  }
}

/** Trains on blocks that share no rows, so that who takes which does not change a bit of the result. */
export interface Crew {
  /** Loss of each block in its last pass. */
  readonly losses: Float64Array;
  readonly run: (order: WorkerOrder) => Promise<void>;
  readonly close: () => Promise<void>;
}

function soloCrew(work: BlockWork, losses: Float64Array): Crew {
  const trainer = new BlockTrainer(work);
  return {
    losses,
    run: async ({ iteration, blocks }) => {
      for (const block of blocks) {
        losses[block] = trainer.train(iteration, block);
        await new Promise(setImmediate);
      }
    },
    close: async () => trainer.close(),
  };
}

/** Starts worker.ts: as it was compiled, or from source with tsx, which a new thread does not have by itself. */
function startWorker(workerData: WorkerData): Worker {
  if (!import.meta.url.endsWith(".ts")) {
    return new Worker(new URL("./worker.js", import.meta.url), { workerData, execArgv: [] });
  }
  const [tsx, file] = [import.meta.resolve("tsx/esm/api"), new URL("./worker.ts", import.meta.url).href].map((url) =>
    JSON.stringify(url),
  );
  const code = `const { tsImport } = await import(${tsx}); await tsImport(${file}, ${file});`;
  return new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`), { workerData, execArgv: [] });
}

/**
 * A crew of `threads` threads, or of this one alone.
 *
 * @param works what each thread works on: alike but for the scratch
 */
export function startCrew(works: readonly BlockWork[], blocks: number): Crew {
  const losses = new Float64Array(new SharedArrayBuffer(blocks * Float64Array.BYTES_PER_ELEMENT));
  if (works.length === 1) return soloCrew(works[0], losses);
  const counter = new Int32Array(new SharedArrayBuffer(4));
  const workers = works.map((work) => startWorker({ work, losses, counter }));
  let failure: RiverrunError | undefined;
  let closing = false;
  let busy = 0;
  let turn: { readonly resolve: () => void; readonly reject: (error: Error) => void } | undefined;
  const fail = (error: RiverrunError): void => {
    if (closing) return;
    failure ??= error;
    turn?.reject(failure);
  };
  for (const worker of workers) {
    worker.on("message", () => {
      if (--busy === 0) turn?.resolve();
    });
    worker.on("error", (error) => {
      fail(new RiverrunError(`GloVe: a thread failed: ${messageOf(error)}`, { cause: error }));
    });
    worker.on("exit", (code) => {
      fail(new RiverrunError(`GloVe: a thread ended before its work was done (code ${code})`));
    });
  }
  return {
    losses,
    run: async (order) => {
      if (failure) throw failure;
      Atomics.store(counter, 0, 0);
      busy = workers.length;
      const done = new Promise<void>((resolve, reject) => {
        turn = { resolve, reject };
      });
      for (const worker of workers) worker.postMessage(order);
      await done;
    },
    close: async () => {
      closing = true;
      await Promise.all(workers.map((worker) => worker.terminate()));
    },
  };
}
