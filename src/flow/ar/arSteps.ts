/** The parameters of all K flow steps of the autoregressive flow, and what every way of running them needs. */
import { type InitContext, Module } from "../../nn/index.ts";
import { cat, type Tensor, zeros } from "../../torch/index.ts";
import type { FlowConfig } from "../config.ts";
import { type Affine, affineOf, inForce, products, StackedLinear, StackedMlp, stepsOf } from "./stacked.ts";
import { StackedAttention } from "./stackedAttention.ts";
import { StackedLstm } from "./stackedLstm.ts";
import { StackedPermutedLu, StackedTimeMap } from "./stackedLu.ts";
import type { StepNetwork } from "./stepNetwork.ts";

/**
 * The weights of steps first..end-1 as the cells use them, made anew from the parameters for every pass (nothing is kept
 * that an optimiser's step would leave stale).
 */
export interface CellWeights {
  /** s and b of ActNorm, (n, 1, C). */
  readonly scale: Tensor;
  readonly bias: Tensor;
  /** (W_2 W_1)^T of h_a and of h_b, (n, C, C). */
  readonly mapA: Tensor;
  readonly mapB: Tensor;
  /** The part of the reduction that reads x_t, and the one that reads c_t where the network sees it. */
  readonly reduceInput: Affine;
  readonly reduceContext: Tensor | undefined;
  /** (l + alpha, m) = MLP(r). */
  readonly mlpA: readonly Affine[];
  readonly mlpB: readonly Affine[];
  readonly network: readonly Tensor[];
}

/** The last layer of an MLP with the sigmoid's offset added to the half of its bias that l comes from. */
function withOffset(affines: readonly Affine[], alpha: number): Affine[] {
  const last = affines[affines.length - 1];
  const [l, m] = last.bias.chunk(2, 2);
  return [...affines.slice(0, -1), { weight: last.weight, bias: cat([l.add(alpha), m], 2) }];
}

/**
 * K steps of actnorm -> uni-directional map over time -> AC-cell on (B, T, C):
 *
 *   v = W (s (x + b)), W lower triangular over time;  z_0 = v_0, c_0 = 0;  for t >= 1
 *   r_{t-1} = NN(reduce([v_{t-1}; c_{t-1}]), state),  c_t = h_a(r_{t-1}, v_t),  z_t = h_b(r_{t-1}, c_t),
 *   h(r, v) = sigmoid(l + alpha) * (W_2 W_1 v + m), (l, m) = MLP(r).
 *
 * Paper, section 2.3 and equations 11 to 14, with the step's own input v in both directions. Without the context
 * (`acContext: "none"`) the network reads v_{t-1} alone.
 */
export class ArSteps extends Module {
  readonly count: number;
  readonly positions: number;
  readonly channels: number;
  readonly readsContext: boolean;
  readonly network: StepNetwork;
  readonly time: StackedTimeMap;
  readonly #alpha: number;
  readonly #scale: Tensor;
  readonly #bias: Tensor;
  readonly #maps: { readonly [Map in "a1" | "a2" | "b1" | "b2"]: StackedPermutedLu };
  readonly #reduce: StackedLinear;
  readonly #mlpA: StackedMlp;
  readonly #mlpB: StackedMlp;

  constructor(init: InitContext, positions: number, channels: number, config: FlowConfig) {
    super();
    const { steps, layers, heads } = config;
    this.count = steps;
    this.positions = positions;
    this.channels = channels;
    this.readsContext = config.acContext === "c";
    this.#alpha = config.alpha;
    this.#scale = this.parameter("scale", init.ones([steps, 1, channels]));
    this.#bias = this.parameter("bias", init.zeros([steps, 1, channels]));
    this.time = this.child("time", new StackedTimeMap(init, steps, positions));
    const map = (name: string): StackedPermutedLu => this.child(name, new StackedPermutedLu(init, steps, channels));
    this.#maps = { a1: map("mapA1"), a2: map("mapA2"), b1: map("mapB1"), b2: map("mapB2") };
    const read = this.readsContext ? 2 * channels : channels;
    this.#reduce = this.child("reduce", new StackedLinear(init, steps, read, channels));
    this.network = this.child(
      "network",
      config.network === "lstm"
        ? new StackedLstm(init, steps, channels, layers)
        : new StackedAttention(init, steps, channels, {
            blocks: layers,
            heads,
            positions,
            encoded: config.positionEncoding === "sinusoidal",
          }),
    );
    const hidden = config.hidden ?? channels;
    this.#mlpA = this.child("mlpA", new StackedMlp(init, steps, channels, hidden, 1));
    this.#mlpB = this.child("mlpB", new StackedMlp(init, steps, channels, hidden, 2));
  }

  /**
   * The weights of all steps; differentiable.
   *
   * @param rows that each product will have: where networks are in bf16 and it pays, their matrices are too. h_a, h_b and
   *   the maps over time, which the text itself passes, never are.
   */
  weights(rows = 1): CellWeights {
    const network = (stacked: Tensor): Tensor => inForce(stacked, rows);
    const layer = (affine: Affine): Affine => ({ ...affine, weight: network(affine.weight) });
    const { a1, a2, b1, b2 } = this.#maps;
    const { weight, bias } = this.#reduce.affine;
    const reads = this.readsContext;
    return {
      scale: this.#scale,
      bias: this.#bias,
      mapA: products(a1.transposed(), a2.transposed()),
      mapB: products(b1.transposed(), b2.transposed()),
      reduceInput: layer({ weight: reads ? weight.slice(1, 0, this.channels) : weight, bias }),
      reduceContext: reads ? network(weight.slice(1, this.channels)) : undefined,
      mlpA: withOffset(this.#mlpA.affines, this.#alpha).map(layer),
      mlpB: withOffset(this.#mlpB.affines, this.#alpha).map(layer),
      network: this.network.weights(0, this.count).map(network),
    };
  }

  /** The weights of steps first..end-1, views of those of all. */
  window(all: CellWeights, first: number, end: number): CellWeights {
    const own = (stacked: Tensor): Tensor => stepsOf(stacked, first, end);
    return {
      scale: own(all.scale),
      bias: own(all.bias),
      mapA: own(all.mapA),
      mapB: own(all.mapB),
      reduceInput: affineOf(all.reduceInput, first, end),
      reduceContext: all.reduceContext && own(all.reduceContext),
      mlpA: all.mlpA.map((layer) => affineOf(layer, first, end)),
      mlpB: all.mlpB.map((layer) => affineOf(layer, first, end)),
      network: all.network.map(own),
    };
  }

  /** ((W_2 W_1)^-1)^T of h_a and of h_b, (K, C, C). */
  inverses(): { readonly mapA: Tensor; readonly mapB: Tensor } {
    const { a1, a2, b1, b2 } = this.#maps;
    return {
      mapA: products(a2.inverseTransposed(), a1.inverseTransposed()),
      mapB: products(b2.inverseTransposed(), b1.inverseTransposed()),
    };
  }

  /** Sets s = 1 / std (unbiased) and b = -mean of one step, in place. */
  setScale(step: number, scale: Tensor, bias: Tensor): void {
    this.#scale.slice(0, step, step + 1).copy_(scale);
    this.#bias.slice(0, step, step + 1).copy_(bias);
  }

  /**
   * The part of ln|det| that does not depend on the text, of rows of n positions, float64: n sum ln|s| + C sum w of the
   * maps over time + (n - 1) sum w of the maps over channels, position 0 not passing the cells.
   */
  constantLogDet(n: number): Tensor {
    const sum = (values: Tensor): Tensor => values.to("float64").sum();
    const { a1, a2, b1, b2 } = this.#maps;
    const maps = [a1, a2, b1, b2].reduce(
      (total, { logDiagonal }) => total.add(sum(logDiagonal)),
      zeros([], { dtype: "float64", device: this.#scale.device }),
    );
    return sum(this.#scale.abs().log())
      .mul(n)
      .add(sum(this.time.logDiagonal.slice(1, 0, n)).mul(this.channels))
      .add(maps.mul(n - 1));
  }
}
