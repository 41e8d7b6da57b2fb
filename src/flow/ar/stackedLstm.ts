/** RNN-AR: uni-directional LSTMs, one stack of layers for each flow step. */
import type { InitContext } from "../../nn/index.ts";
import { cat, noGrad, scope, type Tensor } from "../../torch/index.ts";
import { lstm_input } from "../../torch/operators.ts";
import { handlesOf, Tensor as TensorClass } from "../../torch/tensor.ts";
import { applyAffine, stepsOf } from "./stacked.ts";
import { type NetworkCache, type NetworkState, type NetworkStep, StepNetwork } from "./stepNetwork.ts";

/** Tensors of one layer among the weights: matrix and bias of both halves, initial hidden and cell state. */
const perLayer = 6;

/** The gates as they are computed, two at a time: half the matrix of all four stays in a core's cache. */
const halves = ["inputForget", "cellOutput"] as const;

/**
 * Gates (i, f, g, o) = [x; h] W + b, c' = sig(f) c + sig(i) tanh(g), h' = sig(o) tanh(c'); `layers` of them, width C,
 * with learned initial states that start at zero. Starting values as in `LSTM`.
 */
export class StackedLstm extends StepNetwork {
  readonly chunk = 16;
  readonly #channels: number;
  readonly #layers: number;
  /** By layer and half, matrix (K, 2 C, 2 C): the rows that x meets, then those that h meets; two biases (K, 1, 2 C). */
  readonly #gates: { readonly matrix: Tensor; readonly inputBias: Tensor; readonly hiddenBias: Tensor }[][] = [];
  /** (K, layers, 1, C). */
  readonly #initialHidden: Tensor;
  readonly #initialCell: Tensor;

  constructor(init: InitContext, steps: number, channels: number, layers: number) {
    super();
    this.#channels = channels;
    this.#layers = layers;
    const bound = 1 / Math.sqrt(channels);
    const xavier = Math.sqrt(2 / (5 * channels));
    for (let layer = 0; layer < layers; layer++) {
      const matrix = (): Tensor => {
        const shape = [steps, channels, 2 * channels];
        return layer === 0 ? init.normal(shape, xavier) : init.uniform(shape, bound);
      };
      const bias = (): Tensor => init.uniform([steps, 1, 2 * channels], bound);
      this.#gates.push(
        halves.map((half) => ({
          matrix: this.parameter(`${half}${layer}.matrix`, cat([matrix(), matrix()], 1)),
          inputBias: this.parameter(`${half}${layer}.inputBias`, bias()),
          hiddenBias: this.parameter(`${half}${layer}.hiddenBias`, bias()),
        })),
      );
    }
    this.#initialHidden = this.parameter("initialHidden", init.zeros([steps, layers, 1, channels]));
    this.#initialCell = this.parameter("initialCell", init.zeros([steps, layers, 1, channels]));
  }

  weights(first: number, end: number): readonly Tensor[] {
    const hidden = stepsOf(this.#initialHidden, first, end).unbind(1);
    const cell = stepsOf(this.#initialCell, first, end).unbind(1);
    return this.#gates.flatMap((gates, layer) => [
      ...gates.flatMap(({ matrix, inputBias, hiddenBias }) => [
        stepsOf(matrix, first, end),
        stepsOf(inputBias, first, end).add(stepsOf(hiddenBias, first, end)),
      ]),
      hidden[layer],
      cell[layer],
    ]);
  }

  start(weights: readonly Tensor[], rows: number): NetworkState {
    const carried = Array.from({ length: this.#layers }, (_, layer) =>
      weights.slice(layer * perLayer + 4, (layer + 1) * perLayer).map((state) => state.expand(-1, rows, -1)),
    ).flat();
    return { carried, recent: [] };
  }

  step(weights: readonly Tensor[], x: Tensor, { carried }: NetworkState): NetworkStep {
    const next: Tensor[] = [];
    let output = x;
    for (let layer = 0; layer < this.#layers; layer++) {
      const own = weights.slice(layer * perLayer, layer * perLayer + 4);
      const read = cat([output, carried[2 * layer]], 2);
      const [i, f] = applyAffine(read, { weight: own[0], bias: own[1] }).sigmoid().chunk(2, 2);
      const [g, o] = applyAffine(read, { weight: own[2], bias: own[3] }).chunk(2, 2);
      const cell = f.mul(carried[2 * layer + 1]).addcmul(i, g.tanh());
      output = o.sigmoid().mul(cell.tanh());
      next.push(output, cell);
    }
    return { output, state: { carried: next, recent: [] } };
  }

  advance({ carried }: NetworkState, drop: number, fresh: NetworkState | undefined): NetworkState {
    const moved = carried.map((state, index) => {
      const left = drop === 0 ? state : state.slice(0, drop);
      return fresh ? cat([left, fresh.carried[index]], 0) : left;
    });
    return { carried: moved, recent: [] };
  }

  /** One step's parameters and initial states as libtorch's LSTM takes them: matrices (4 C, C), states (layers, R, C). */
  #ordinary(step: number, rows: number): { readonly weights: readonly Tensor[]; readonly start: readonly Tensor[] } {
    const whole = (parts: readonly Tensor[]): Tensor =>
      cat(
        parts.map((part) => part.select(0, step)),
        1,
      );
    const weights = this.#gates.flatMap((gates) => {
      const [input, hidden] = whole(gates.map(({ matrix }) => matrix)).chunk(2, 0);
      return [
        input.transpose().contiguous(),
        hidden.transpose().contiguous(),
        whole(gates.map(({ inputBias }) => inputBias)).squeeze(0),
        whole(gates.map(({ hiddenBias }) => hiddenBias)).squeeze(0),
      ];
    });
    const start = [this.#initialHidden, this.#initialCell].map((state) =>
      state.select(0, step).expand(this.#layers, rows, this.#channels).contiguous(),
    );
    return { weights, start };
  }

  /** libtorch's LSTM over (R, T, C): the output and the two states after it. */
  #lstm(x: Tensor, state: readonly Tensor[], weights: readonly Tensor[]): Tensor[] {
    return TensorClass.adoptAll(
      lstm_input(x.handle, handlesOf(state), handlesOf(weights), true, this.#layers, 0, false, false, true),
    );
  }

  stepper(step: number, rows: number): (x: Tensor) => Tensor {
    const { weights, start } = this.#ordinary(step, rows);
    let state = start;
    return (x) => {
      const [output, ...after] = this.#lstm(x.unsqueeze(1), state, weights);
      state = after;
      return output.squeeze(1);
    };
  }

  sequence(step: number, x: Tensor): Tensor {
    const { weights, start } = this.#ordinary(step, x.size(0));
    const [output] = this.#lstm(x, start, weights);
    return output;
  }

  encoding(): undefined {
    return undefined;
  }

  cache(rows: number): NetworkCache {
    // Aliases: freeing the cache must not free a parameter.
    const weights = noGrad(() => this.weights(0, this.#initialHidden.size(0))).map((weight) => weight.alias().keep());
    let { carried } = noGrad(() => this.start(weights, rows));
    for (const state of carried) state.keep();
    const replace = (next: readonly Tensor[]): void => {
      for (const state of next) state.keep();
      for (const state of carried) state.dispose();
      carried = next;
    };
    return {
      step: (x) =>
        noGrad(() => {
          const { output, state } = scope(() => this.step(weights, x, { carried, recent: [] }));
          replace(state.carried);
          // The top layer's state is disposed of at the next position, the caller's output by the caller.
          return output.alias();
        }),
      select: (chosen) => {
        replace(noGrad(() => carried.map((state) => state.indexSelect(1, chosen))));
      },
      dispose: () => {
        for (const tensor of [...weights, ...carried]) tensor.dispose();
      },
    };
  }
}
