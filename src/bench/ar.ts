/** Encoding and decoding of the paper's autoregressive flow: the wavefront against plain loops, beam search a text. */
import { RiverrunError } from "../base/errors.ts";
import { ArFlow, encodeByLoops, encodeByWavefront, FlowContext, presetConfig, TextFlow } from "../flow/index.ts";
import { beamDecode } from "../generate/index.ts";
import { Vocabulary } from "../text/vocabulary.ts";
import { Generator, getThreads, noGrad, randn, scope } from "../torch/index.ts";
import { gemmPeak } from "./gemm.ts";
import { randomTable, wordNames } from "./words.ts";

/** Steps of the paper's RNN-AR. */
const paperSteps = 24;

/**
 * What to measure. Defaults: RNN-AR with 4 of the paper's 24 steps, T=64, 300 channels; 32 texts encoded, 16 decoded.
 * Times grow with the steps, and the wavefront gains more the more there are; all 24 take minutes.
 */
export interface ArBenchOptions {
  readonly network?: "lstm" | "attention";
  readonly steps?: number;
  readonly positions?: number;
  readonly channels?: number;
  /** Texts that are encoded together, and that are decoded together. */
  readonly encodeBatch?: number;
  readonly decodeBatch?: number;
  /** Words that a decoded point is compared with. */
  readonly words?: number;
  /** Runs of each kind; the best counts. */
  readonly repeats?: number;
}

type Measured = Required<ArBenchOptions>;

/** What was measured. */
export interface ArBenchResult {
  readonly network: string;
  /** K. */
  readonly steps: number;
  /** What a run at the paper's size has beyond this one, and how to have it. */
  readonly leftOut: readonly string[];
  readonly parameters: number;
  readonly decodeSecondsPerText: number;
  readonly beam5SecondsPerText: number;
  /** Seconds of the plain loops over those of the wavefront, without gradients. */
  readonly wavefrontSpeedup: number;
  readonly loopsSeconds: number;
  readonly wavefrontSeconds: number;
  readonly gemmPeakGflops: number;
  readonly threads: number;
  readonly peakRssMb: number;
}

function modelOf(options: Measured): TextFlow {
  const preset = presetConfig("paper-ar");
  const config = {
    ...preset,
    data: { ...preset.data, dimensions: options.channels, positions: options.positions, minCount: 1 },
    flow: { ...preset.flow, network: options.network, steps: options.steps },
  };
  const vocabulary = Vocabulary.build([wordNames(options.words)]);
  const table = randomTable(vocabulary.size, options.channels);
  return TextFlow.build({ config, vocabulary, table });
}

/** Times on random input and latents, an untrained model. */
export async function benchAr(given: ArBenchOptions = {}): Promise<ArBenchResult> {
  const options: Measured = {
    network: "lstm",
    steps: 4,
    positions: 64,
    channels: 300,
    encodeBatch: 32,
    decodeBatch: 16,
    words: 10_000,
    repeats: 2,
    ...given,
  };
  const model = modelOf(options);
  const { flow } = model;
  if (!(flow instanceof ArFlow)) throw new RiverrunError("the preset paper-ar is not autoregressive");
  const generator = new Generator(2);
  const draw = (rows: number, std: number): ReturnType<typeof randn> =>
    scope(() => randn([rows, options.positions, options.channels], generator).mul(std));
  const x = draw(options.encodeBatch, model.config.data.scale);
  const z = draw(options.decodeBatch, 1);
  const context = new FlowContext(new Array<number>(options.encodeBatch).fill(options.positions), options.positions);
  const bodies = {
    loops: () => void encodeByLoops(flow.steps, x, context),
    wavefront: () => void encodeByWavefront(flow.steps, x, context),
    greedy: () => void beamDecode(model, z, { beam: 1 }),
    beam5: () => void beamDecode(model, z, { beam: 5 }),
  };
  // The kinds take turns, so that what else the machine does falls on all of them.
  const best: Record<keyof typeof bodies, number> = {
    loops: Number.POSITIVE_INFINITY,
    wavefront: Number.POSITIVE_INFINITY,
    greedy: Number.POSITIVE_INFINITY,
    beam5: Number.POSITIVE_INFINITY,
  };
  for (let run = 0; run < options.repeats; run++) {
    for (const kind of Object.keys(bodies) as (keyof typeof bodies)[]) {
      const start = performance.now();
      noGrad(() => scope(bodies[kind]));
      best[kind] = Math.min(best[kind], (performance.now() - start) / 1000);
      await new Promise(setImmediate);
    }
  }
  const parameters = flow.parameterCount();
  for (const tensor of [x, z]) tensor.dispose();
  generator.dispose();
  model.dispose();
  return {
    network: options.network,
    steps: options.steps,
    leftOut:
      options.steps < paperSteps
        ? [`${paperSteps - options.steps} of the paper's ${paperSteps} steps: --steps ${paperSteps}, minutes`]
        : [],
    parameters,
    decodeSecondsPerText: best.greedy / options.decodeBatch,
    beam5SecondsPerText: best.beam5 / options.decodeBatch,
    wavefrontSpeedup: best.loops / best.wavefront,
    loopsSeconds: best.loops,
    wavefrontSeconds: best.wavefront,
    gemmPeakGflops: gemmPeak("float32"),
    threads: getThreads(),
    peakRssMb: process.resourceUsage().maxRSS / 1024,
  };
}
