/** One training step and one inverse of the non-autoregressive flow, beside the machine's peak and beside PyTorch. */

import { UsageError } from "../base/errors.ts";
import { median } from "../base/median.ts";
import {
  type Bijection,
  type FlowConfig,
  FlowContext,
  multiScaleFlow,
  presetConfig,
  standardNormalLogDensity,
} from "../flow/index.ts";
import { Adam, InitContext, type NetworkPrecision, NetworkSettings } from "../nn/index.ts";
import { type DType, Generator, getThreads, grad, noGrad, randn, scope, type Tensor } from "../torch/index.ts";
import { gemmPeak } from "./gemm.ts";
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
  type PeerPlace,
  type PeerSkipped,
  within,
} from "./peer.ts";
import { alternate, timedHere } from "./timing.ts";

/** What to measure. Defaults: T=64, K=8, L=3, layout wide, 300 channels, batch 32 (Att-S, 66 M parameters). */
export interface FlowStepOptions {
  readonly layout?: FlowConfig["layout"];
  readonly couplings?: "time" | "channel";
  readonly steps?: number;
  readonly levels?: number;
  readonly batch?: number;
  readonly positions?: number;
  readonly channels?: number;
  readonly heads?: number;
  readonly precision?: string;
  /** Training steps and inverses that are timed. */
  readonly repeats?: number;
  /** Also the PyTorch version in bench/peer, in the same run; true: where it is expected to be. */
  readonly peer?: PeerChoice;
}

/** How far the peer's figures are from ours, relatively. */
export interface FlowAgreement extends Agreement {
  readonly inverseDifference: number;
}

/** What the PyTorch version took, and how many times as fast ours is. */
export interface PeerFigures extends FlowAgreement {
  readonly peerTorch: string;
  readonly peerStepMs: number;
  readonly peerFastestStepMs: number;
  readonly peerInverseMs: number;
  readonly peerFastestInverseMs: number;
  readonly peerPeakRssMb: number;
  readonly speedup: number;
  readonly inverseSpeedup: number;
}

/** What was measured. Times are medians; shares of the peak come from the fastest run, as the peak does. */
export interface FlowStepResult extends Partial<PeerFigures> {
  readonly preset: string;
  readonly parameters: number;
  readonly precision: string;
  readonly threads: number;
  readonly stepMs: number;
  readonly fastestStepMs: number;
  readonly inverseMs: number;
  readonly fastestInverseMs: number;
  readonly gflopPerStep: number;
  /** gflopPerStep over the fastest step. */
  readonly gflops: number;
  readonly gemmPeakGflops: number;
  readonly fractionOfPeak: number;
  readonly inverseFractionOfPeak: number;
  /** Of this process after its training steps. */
  readonly peakRssMb: number;
  /** Why there are no figures of the peer. */
  readonly peerSkipped?: string;
}

type Measured = Required<Omit<FlowStepOptions, "peer">>;

/**
 * Operations of the networks' matrix products in one encoding: each coupling network of width C has 10 C^2 weights in
 * products (attention 4, feed-forward 4, head 2), 2 operations a weight and position.
 */
function networkOperations(options: Measured): number {
  let total = 0;
  let channels = options.channels;
  let positions = options.positions;
  for (let level = 1; level <= options.levels; level++) {
    const overTime = options.couplings === "time";
    const width = overTime ? channels : channels / 2;
    const seen = overTime ? positions / 2 : positions;
    total += options.steps * 20 * width * width * seen * options.batch;
    positions /= 2;
    if (level === 1 && options.layout === "wide") channels *= 2;
  }
  return total;
}

/** The flow, its points and its objective. */
class Subject {
  readonly flow: Bijection;
  readonly x: Tensor;
  readonly config: FlowConfig;
  readonly #context: FlowContext;
  readonly #scale: number;

  constructor(options: Measured, dtype: DType, precision: NetworkPrecision) {
    const { batch, positions, channels, couplings } = options;
    this.config = {
      ...presetConfig(couplings === "time" ? "paper-nar" : "paper-nar-channel").flow,
      layout: options.layout,
      steps: options.steps,
      levels: options.levels,
      heads: options.heads,
    };
    const generator = new Generator(1);
    const networks = new NetworkSettings();
    networks.precision = precision;
    const init = new InitContext({ generator, dtype, device: "cpu", networks });
    this.flow = multiScaleFlow(init, positions, channels, this.config);
    this.x = scope(() => randn([batch, positions, channels], generator, { dtype }).mul(0.4));
    this.#context = new FlowContext(new Array<number>(batch).fill(positions), positions, { dtype });
    this.#scale = -1 / (batch * positions * channels * Math.LN2);
    // Behind heads and priors of zeros no gradient would reach the networks, and nothing could be compared.
    noGrad(() =>
      scope(() => {
        for (const [name, parameter] of this.flow.namedParameters()) {
          if (/(head|prior)\.|gain$/.test(name)) parameter.copy_(randn(parameter.shape, generator).mul(0.01));
        }
        this.flow.encode(this.x, this.#context.with({ initialising: true }));
      }),
    );
    generator.dispose();
  }

  /** -log p(x) in bits a dimension. */
  loss(): Tensor {
    const { y, logDet } = this.flow.encode(this.x, this.#context);
    return standardNormalLogDensity(y, this.#context).add(logDet).sum().mul(this.#scale);
  }

  inverse(): Tensor {
    return noGrad(() => this.flow.decode(this.x, this.#context).x);
  }

  dispose(): void {
    this.flow.dispose();
    this.x.dispose();
  }
}

/** Hands the flow to the peer and demands that both compute the same loss, gradients and inverse. */
async function agree(peer: Peer, subject: Subject, options: Measured, most: Bounds): Promise<FlowAgreement> {
  const { layout, steps, levels, batch, positions, channels, heads, precision } = options;
  const settings = { layout, steps, levels, batch, positions, channels, heads, precision };
  await peer.open({
    name: "nar",
    settings: { ...settings, alpha: subject.config.alpha },
    weights: subject.flow.stateDict(),
    inputs: new Map([["x", subject.x]]),
  });
  const { loss, gradients } = scope(() => {
    const objective = subject.loss();
    const named = subject.flow.namedParameters();
    const found = grad([objective], [...named.values()]);
    return {
      loss: objective.item(),
      gradients: new Map([...named.keys()].map((name, index) => [name, found[index].keep()])),
    };
  });
  const inverse = scope(() => subject.inverse());
  try {
    const agreement = await demandSameGradients(peer, loss, gradients, most);
    return { ...agreement, inverseDifference: await demandSameOutput(peer, "inverse", inverse, most.output) };
  } finally {
    for (const gradient of gradients.values()) gradient.dispose();
    inverse.dispose();
  }
}

/**
 * Compares loss, gradients and inverse with the peer's on the same weights and points, and times nothing.
 *
 * @throws RiverrunError where they are further apart than `most`
 */
export async function compareFlowStep(
  given: Omit<FlowStepOptions, "peer" | "precision" | "repeats">,
  peer: Peer,
  dtype: "float32" | "float64",
  most: number,
): Promise<FlowAgreement> {
  const options = measured(given);
  const subject = new Subject(options, dtype, "float32");
  try {
    return await agree(peer, subject, options, within(most));
  } finally {
    subject.dispose();
  }
}

function measured({ peer: _, ...given }: FlowStepOptions): Measured {
  return {
    layout: "wide",
    couplings: "time",
    steps: 8,
    levels: 3,
    batch: 32,
    positions: 64,
    channels: 300,
    heads: 6,
    precision: "float32",
    repeats: 12,
    ...given,
  };
}

/** @throws UsageError naming the option and what fits */
function check({ couplings, positions, levels, channels, heads }: Measured): void {
  if (positions % 2 ** levels !== 0) {
    throw new UsageError(`${positions} positions and ${levels} levels: T must be a multiple of 2^L = ${2 ** levels}`);
  }
  const width = couplings === "time" ? channels : channels / 2;
  if (width % heads !== 0) {
    throw new UsageError(`${channels} channels: the networks' ${width} must be a multiple of their ${heads} heads`);
  }
}

/**
 * Times Adam steps (encode, gradient, update) and inverses on random input, then the peak in the same process; with
 * `peer`, PyTorch's steps and inverses in turn with ours, on the same weights, after demanding that loss, gradients and
 * inverse are the same.
 *
 * @throws UsageError for a precision or sizes that cannot be
 * @throws RiverrunError where the peer computes something else
 */
export async function benchFlowStep(given: FlowStepOptions = {}): Promise<FlowStepResult> {
  const options = measured(given);
  const precision = benchPrecision("flow-step", options.precision);
  check(options);
  return await besidePeer(peerPlace(given.peer, options), (peer) => measure(options, precision, peer));
}

/** The figures, with those of the peer where there is one. */
async function measure(
  options: Measured,
  precision: NetworkPrecision,
  peer: Peer | undefined,
): Promise<FlowStepResult> {
  const subject = new Subject(options, "float32", precision);
  try {
    const agreement = peer && (await agree(peer, subject, options, mostDifferenceIn(precision)));
    const optimiser = new Adam(subject.flow.namedParameters());
    const parameters = subject.flow.parameters();
    const step = timedHere(() => {
      optimiser.step(grad([subject.loss()], parameters), 1e-5);
    });
    const steps = await alternate(step, peer?.timed("step"), options.repeats);
    const peakRssMb = process.resourceUsage().maxRSS / 1024;
    const peerPeakRssMb = await peer?.peakRssMb();
    const inverse = timedHere(() => {
      subject.inverse();
    });
    const inverses = await alternate(inverse, peer?.timed("inverse"), options.repeats);
    optimiser.dispose();
    const gemmPeakGflops = gemmPeak("float32");
    const forward = networkOperations(options) / 1e9;
    const fastestStepMs = Math.min(...steps.ours);
    const fastestInverseMs = Math.min(...inverses.ours);
    const gflops = (3 * forward) / (fastestStepMs / 1e3);
    const [stepMs, inverseMs] = [median(steps.ours), median(inverses.ours)];
    const result: FlowStepResult = {
      preset: options.couplings === "time" ? "paper-nar" : "paper-nar-channel",
      parameters: subject.flow.parameterCount(),
      precision: options.precision,
      threads: getThreads(),
      stepMs,
      fastestStepMs,
      inverseMs,
      fastestInverseMs,
      gflopPerStep: 3 * forward,
      gflops,
      gemmPeakGflops,
      fractionOfPeak: gflops / gemmPeakGflops,
      inverseFractionOfPeak: forward / (fastestInverseMs / 1e3) / gemmPeakGflops,
      peakRssMb,
    };
    if (!peer) return result;
    const [peerStepMs, peerInverseMs] = [median(steps.theirs), median(inverses.theirs)];
    return {
      ...result,
      peerStepMs,
      peerFastestStepMs: Math.min(...steps.theirs),
      peerInverseMs,
      peerFastestInverseMs: Math.min(...inverses.theirs),
      speedup: peerStepMs / stepMs,
      inverseSpeedup: peerInverseMs / inverseMs,
      peerPeakRssMb,
      peerTorch: peer.torch,
      ...agreement,
    };
  } finally {
    subject.dispose();
  }
}

function peerPlace(asked: PeerChoice, { couplings }: Measured): PeerPlace | PeerSkipped | undefined {
  const skipped = "the PyTorch version has couplings over time alone";
  return asked && couplings === "channel" ? { skipped } : chosenPeer(asked);
}
