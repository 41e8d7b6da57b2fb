/** The left-to-right flow over a codebook: a training step, words drawn, latents decoded, beside PyTorch. */
import { UsageError } from "../base/errors.ts";
import { median } from "../base/median.ts";
import { CausalFlow, type Config, FlowContext, presetConfig, sampleWords, TextFlow } from "../flow/index.ts";
import { AdamW, clipGradientNorm, type NetworkPrecision } from "../nn/index.ts";
import { Vocabulary } from "../text/vocabulary.ts";
import { type DType, Generator, getThreads, grad, noGrad, randint, randn, scope, type Tensor } from "../torch/index.ts";
import {
  type Agreement,
  type Bounds,
  benchPrecision,
  besidePeer,
  chosenPeer,
  demandSameGradients,
  demandSameOutput,
  mostDifferenceIn,
  type Peer,
  type PeerChoice,
  within,
} from "./peer.ts";
import { alternate, timedHere } from "./timing.ts";
import { randomTable, wordNames } from "./words.ts";

/** What to measure. Defaults: preset small-ar, 5,000 words, its batch of texts that fill all positions. */
export interface CausalOptions {
  readonly preset?: string;
  readonly words?: number;
  /** Texts of a training step. */
  readonly batch?: number;
  /** Texts drawn and decoded together. */
  readonly decodeBatch?: number;
  /** Positions of the latents that are decoded; every one takes a root a channel, and costs the same. */
  readonly decodePositions?: number;
  readonly precision?: string;
  readonly repeats?: number;
  /** Whether words are drawn and latents decoded at all. */
  readonly decoding?: boolean;
  /** Also the PyTorch version in bench/peer, in the same run; true: where it is expected to be. */
  readonly peer?: PeerChoice;
}

/** How far the peer's figures are from ours, relatively. */
export interface CausalAgreement extends Agreement {
  readonly decodeDifference: number;
}

/** What was measured; medians. */
export interface CausalResult extends Partial<CausalAgreement> {
  readonly preset: string;
  readonly words: number;
  readonly parameters: number;
  readonly precision: string;
  readonly threads: number;
  readonly stepMs: number;
  readonly fastestStepMs: number;
  readonly tokensPerSecond: number;
  /** A batch of whole texts, word by word. */
  readonly sampleMs?: number;
  /** A batch of `decodePositions` positions, latents to points. */
  readonly decodeMs?: number;
  readonly peakRssMb: number;
  readonly peerTorch?: string;
  readonly peerStepMs?: number;
  readonly peerSampleMs?: number;
  readonly peerDecodeMs?: number;
  readonly peerPeakRssMb?: number;
  readonly speedup?: number;
  readonly sampleSpeedup?: number;
  readonly decodeSpeedup?: number;
  readonly peerSkipped?: string;
}

type Measured = Required<Omit<CausalOptions, "peer">>;

/** What stands before it in a vocabulary is special. */
const firstWord = 4;
const weightDecay = 1e-4;
const learningRate = 1e-5;

/** The model, noisy points of random words, and latents. */
class Subject {
  readonly flow: CausalFlow;
  readonly model: TextFlow;
  readonly x: Tensor;
  readonly z: Tensor;
  readonly #context: FlowContext;
  readonly #latentContext: FlowContext;
  readonly #options: Measured;

  constructor(config: Config, options: Measured, dtype: DType, precision: NetworkPrecision) {
    const { positions, dimensions, sigma } = config.data;
    const { batch, decodeBatch, decodePositions } = options;
    const vocabulary = Vocabulary.build([wordNames(options.words)]);
    const table = randomTable(vocabulary.size, dimensions);
    this.model = TextFlow.build({ config, vocabulary, table, positionCounts: [positions], dtype });
    this.model.networkPrecision = precision;
    const { flow } = this.model;
    if (!(flow instanceof CausalFlow) || !flow.wordHead || config.flow.steps > 0) {
      throw new UsageError(
        `preset ${config.preset}: expected a flow whose head mixes over words, as small-ar and riverrun-ar`,
      );
    }
    this.flow = flow;
    this.#options = options;
    const { codebook } = flow.wordHead;
    const generator = new Generator(2);
    this.x = scope(() => {
      const count = batch * positions;
      const ids = randint(firstWord, vocabulary.size, [count], generator);
      const points = codebook.values.indexSelect(0, ids);
      return points.add(randn(points.shape, generator, { dtype }).mul(sigma)).reshape(batch, positions, dimensions);
    });
    this.z = scope(() => randn([decodeBatch, decodePositions, dimensions], generator, { dtype: "float64" }));
    generator.dispose();
    this.#context = new FlowContext(new Array<number>(batch).fill(positions), positions, { dtype });
    this.#latentContext = new FlowContext(new Array<number>(decodeBatch).fill(decodePositions), decodePositions, {
      dtype,
    });
  }

  /** -log p(x) in nats a position. */
  loss(): Tensor {
    const { batch } = this.#options;
    return this.flow
      .logDensity(this.x, this.#context)
      .sum()
      .div(-batch * this.#context.positions);
  }

  sample(): number[][] {
    const { decodeBatch } = this.#options;
    const seeds = Array.from({ length: decodeBatch }, (_, index) => BigInt(index));
    // No word has this number: every text is drawn to its last position.
    return sampleWords(this.flow, { seeds, temperature: 1, positions: this.#context.positions, end: -1 });
  }

  decode(): Tensor {
    return this.flow.decode(this.z, this.#latentContext).x;
  }

  dispose(): void {
    this.model.dispose();
    for (const tensor of [this.x, this.z]) tensor.dispose();
  }
}

/** What the peer has to know of such a flow. */
export function causalSettings({ flow, data }: Config, words: number): Readonly<Record<string, unknown>> {
  return {
    width: flow.hidden ?? data.dimensions,
    layers: flow.deepLayers ?? flow.layers,
    heads: flow.heads,
    channels: data.dimensions,
    positions: data.positions,
    sigma: data.sigma,
    words,
    impossible: [Vocabulary.pad, Vocabulary.sos],
  };
}

async function agree(
  peer: Peer,
  subject: Subject,
  config: Config,
  options: Measured,
  most: Bounds,
): Promise<CausalAgreement> {
  const values = subject.flow.wordHead?.codebook.values as Tensor;
  await peer.open({
    name: "causal",
    settings: {
      ...causalSettings(config, values.size(0)),
      batch: options.batch,
      decodeBatch: options.decodeBatch,
      decodePositions: options.decodePositions,
      learningRate,
      precision: options.precision,
    },
    weights: subject.flow.stateDict(),
    inputs: new Map([
      ["x", subject.x],
      ["z", subject.z],
      ["codebook", values],
    ]),
  });
  const named = subject.flow.namedParameters();
  const { loss, found } = scope(() => {
    const objective = subject.loss();
    return {
      loss: objective.item(),
      found: grad([objective], [...named.values()]).map((gradient) => gradient.keep()),
    };
  });
  const gradients = new Map([...named.keys()].map((name, index) => [name, found[index]]));
  const decoded = subject.decode();
  try {
    const agreement = await demandSameGradients(peer, loss, gradients, most);
    return { ...agreement, decodeDifference: await demandSameOutput(peer, "decode", decoded, most.output) };
  } finally {
    for (const tensor of [...found, decoded]) tensor.dispose();
  }
}

function measured({ peer: _, ...given }: CausalOptions, config: Config): Measured {
  return {
    preset: config.preset,
    words: 5000,
    batch: config.train.batchSize,
    decodeBatch: 16,
    decodePositions: 4,
    precision: "float32",
    repeats: 9,
    decoding: true,
    ...given,
  };
}

/** The preset without dropout, whose masks the peer would draw differently. */
function configOf(preset = "small-ar"): Config {
  const config = presetConfig(preset);
  return { ...config, data: { ...config.data, minCount: 1 }, flow: { ...config.flow, dropout: 0 } };
}

/**
 * Compares loss, gradients and decoded latents with the peer's, and times nothing.
 *
 * @throws RiverrunError where they are further apart than `most`
 */
export async function compareCausal(
  given: Omit<CausalOptions, "peer" | "precision">,
  peer: Peer,
  dtype: "float32" | "float64",
  most: number,
): Promise<CausalAgreement> {
  const config = configOf(given.preset);
  const options = measured(given, config);
  const subject = new Subject(config, options, dtype, "float32");
  try {
    return await agree(peer, subject, config, options, within(most));
  } finally {
    subject.dispose();
  }
}

/**
 * Times training steps (density, gradient, clipping, AdamW), the drawing of words and the decoding of latents; with
 * `peer`, PyTorch's in turn with ours, after demanding that loss, gradients and decoded points are the same.
 *
 * @throws UsageError for a preset that is no such flow
 * @throws RiverrunError where the peer computes something else
 */
export async function benchCausal(given: CausalOptions = {}): Promise<CausalResult> {
  const config = configOf(given.preset);
  const options = measured(given, config);
  const precision = benchPrecision("causal", options.precision);
  return await besidePeer(chosenPeer(given.peer), (peer) => measure(config, options, precision, peer));
}

/** The figures, with those of the peer where there is one. */
async function measure(
  config: Config,
  options: Measured,
  precision: NetworkPrecision,
  peer: Peer | undefined,
): Promise<CausalResult> {
  const subject = new Subject(config, options, "float32", precision);
  try {
    const agreement = peer && (await agree(peer, subject, config, options, mostDifferenceIn(precision)));
    const optimiser = new AdamW(subject.flow.namedParameters(), { betas: [0.9, 0.98], weightDecay });
    const parameters = subject.flow.parameters();
    const step = timedHere(() => {
      const gradients = grad([subject.loss()], parameters);
      clipGradientNorm(gradients, 1);
      optimiser.step(gradients, learningRate);
    });
    const steps = await alternate(step, peer?.timed("step"), options.repeats);
    const peakRssMb = process.resourceUsage().maxRSS / 1024;
    const peerPeakRssMb = await peer?.peakRssMb();
    optimiser.dispose();
    const sample = timedHere(() => void noGrad(() => subject.sample()));
    const decode = timedHere(() => void noGrad(() => subject.decode()));
    const none = { ours: [], theirs: [] };
    const samples = options.decoding ? await alternate(sample, peer?.timed("sample"), options.repeats) : none;
    const decodings = options.decoding
      ? await alternate(decode, peer?.timed("decode"), Math.ceil(options.repeats / 3))
      : none;
    const stepMs = median(steps.ours);
    const own = options.decoding ? { sampleMs: median(samples.ours), decodeMs: median(decodings.ours) } : undefined;
    const result: CausalResult = {
      preset: config.preset,
      words: subject.model.vocabulary.size,
      parameters: subject.flow.parameterCount(),
      precision,
      threads: getThreads(),
      stepMs,
      fastestStepMs: Math.min(...steps.ours),
      tokensPerSecond: (1000 * options.batch * config.data.positions) / stepMs,
      ...own,
      peakRssMb,
    };
    if (!peer) return result;
    const peerStepMs = median(steps.theirs);
    const theirs = own && { peerSampleMs: median(samples.theirs), peerDecodeMs: median(decodings.theirs) };
    return {
      ...result,
      peerTorch: peer.torch,
      peerStepMs,
      speedup: peerStepMs / stepMs,
      ...theirs,
      ...(own &&
        theirs && {
          sampleSpeedup: theirs.peerSampleMs / own.sampleMs,
          decodeSpeedup: theirs.peerDecodeMs / own.decodeMs,
        }),
      peerPeakRssMb,
      ...agreement,
    };
  } finally {
    subject.dispose();
  }
}
