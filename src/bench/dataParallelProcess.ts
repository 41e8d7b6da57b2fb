/** A process of `dataParallel.ts`: trains on random texts, as many steps as it is asked for, alone or among others. */

import { messageOf, RiverrunError } from "../base/errors.ts";
import { CausalFlow, type Config, presetConfig, TextFlow } from "../flow/index.ts";
import { Vocabulary } from "../text/vocabulary.ts";
import { allowsSharedMemory } from "../torch/distributedEnvironment.ts";
import { engineBuild, ProcessGroup, setThreads } from "../torch/index.ts";
import { type LoopHooks, type LoopParts, optimiserOf, trainLoop } from "../train/loop.ts";
import { Processes } from "../train/processes.ts";
import { initialise } from "../train/start.ts";
import { TrainingSet } from "../train/trainingTexts.ts";
import { causalSettings } from "./causal.ts";
import type { Opened, OpenRequest, ParallelRequest, PeerSettings } from "./dataParallel.ts";
import { randomTable, wordNames } from "./words.ts";

/** Nothing but steps: whatever comes every so often never comes. */
const never = 1e9;
/** Batches in an epoch. */
const batches = 4;

/** The preset without what the peer lacks or draws differently: averages, dropout, warm-up. */
function configOf({ preset, batch, steps }: OpenRequest): Config {
  const config = presetConfig(preset);
  const every = { maxSteps: never, validateEvery: never, checkpointEvery: never, logEvery: never };
  return {
    ...config,
    data: { ...config.data, tokenizer: "riverrun-words", minCount: 1 },
    flow: { ...config.flow, dropout: 0, ...(steps === undefined ? {} : { steps }) },
    train: { ...config.train, ...every, schedule: "constant", warmupSteps: 0, ema: 0, accumulate: 1, batchSize: batch },
  };
}

/** The model that bench/peer has of this flow, or that it has none. */
function peerSettings({ config, flow }: TextFlow, words: number): PeerSettings | undefined {
  const { data, train } = config;
  const shared = { batch: train.batchSize, learningRate: train.learningRate, positions: data.positions };
  const { layout, steps, levels, heads, alpha, family, couplings, network } = config.flow;
  if (flow instanceof CausalFlow) {
    if (!flow.wordHead || steps > 0) return undefined;
    return { name: "causal", settings: { ...causalSettings(config, words), ...shared, precision: "float32" } };
  }
  if (family !== "paper" || couplings !== "time" || network !== "attention") return undefined;
  const sizes = { layout, steps, levels, heads, alpha, channels: data.dimensions };
  return { name: "nar", settings: { ...sizes, ...shared, clipNorm: train.clipNorm, precision: "float32" } };
}

/** A training between two requests. */
class Training {
  readonly #parts: LoopParts;
  readonly #losses: number[] = [];
  #step = 0;

  constructor(parts: LoopParts) {
    this.#parts = parts;
  }

  get losses(): readonly number[] {
    return this.#losses;
  }

  /** Milliseconds of each of so many more steps of the training loop. */
  async train(steps: number): Promise<number[]> {
    const milliseconds: number[] = [];
    let asked = 0;
    let began = performance.now();
    const hooks: LoopHooks = {
      onStep: ({ loss }) => {
        const now = performance.now();
        milliseconds.push(now - began);
        began = now;
        this.#losses.push(loss);
      },
      onValidation: () => undefined,
      saveBest: () => undefined,
      saveCheckpoint: () => undefined,
      stopAgreed: () => undefined,
      checkpointRequested: () => false,
      // The loop asks once a step; all processes stop after the same one.
      stopRequested: () => (++asked >= steps ? "the end of the block" : undefined),
    };
    const state = await trainLoop(
      this.#parts,
      {
        ...{ format: 1, step: this.#step, finished: null, best: null, withoutImprovement: 0, fingerprint: "" },
        ...{ seconds: 0, threads: 1, processes: 1, precision: "float32", versions: {} },
      },
      hooks,
    );
    this.#step = state.step;
    return milliseconds;
  }
}

async function open(request: OpenRequest): Promise<{ readonly training: Training; readonly opened: Opened }> {
  const { threads, words: count, group } = request;
  setThreads(threads);
  const config = configOf(request);
  const { positions, dimensions } = config.data;
  const words = wordNames(count);
  const vocabulary = Vocabulary.build([words]);
  const table = randomTable(vocabulary.size, dimensions);
  const model = TextFlow.build({ config, vocabulary, table, positionCounts: [positions] });
  // Texts that fill all positions, as the peer's points do.
  const texts = Array.from({ length: batches * request.batch }, (_, row) =>
    Array.from({ length: positions }, (_unused, t) => words[(row * 97 + t * 31) % count]).join(" "),
  );
  const set = new TrainingSet(model, texts);
  if (!model.initialised) initialise(model, set);
  const sharedMemory = allowsSharedMemory(process.env);
  const place = { localRank: 0, address: "127.0.0.1", prefix: "bench", networkInterface: "", sharedMemory };
  const processes =
    group && new Processes(await ProcessGroup.join({ ...place, ...group, hostsStore: group.rank === 0 }, "cpu", 120));
  const optimiser = optimiserOf(model);
  const parts = { model, optimiser, average: undefined, set, heldOut: [], processes };
  const trained = [...model.trainableParameters().values()].reduce((sum, { numel }) => sum + numel, 0);
  return {
    training: new Training(parts),
    opened: {
      parameters: trained,
      positions,
      libtorch: engineBuild().torch,
      peer: peerSettings(model, vocabulary.size) ?? null,
    },
  };
}

let training: Training | undefined;

async function answer(request: ParallelRequest): Promise<unknown> {
  if (request.do === "open") {
    const made = await open(request);
    training = made.training;
    return made.opened;
  }
  if (!training) throw new RiverrunError("internal: asked for work before a training was opened");
  return request.do === "train" ? { milliseconds: await training.train(request.steps) } : { losses: training.losses };
}

process.on("message", (request: ParallelRequest) => {
  answer(request)
    .catch((error: unknown) => ({ error: messageOf(error) }))
    .then((message) => process.send?.(message))
    .catch(() => process.exit(1));
});
// Whoever asked is gone; a group would wait for the others.
process.on("disconnect", () => process.exit(0));
