/** The networks of the AC-cells: r_t = NN([x_t; c_t], state), for all K flow steps at once. */
import { Module } from "../../nn/index.ts";
import type { Tensor } from "../../torch/index.ts";

/** What the network of n steps remembers after some positions; plain tensors, so that gradients flow through it. */
export interface NetworkState {
  /** Of a fixed number, each with the steps as its first dimension. */
  readonly carried: readonly Tensor[];
  /** Grows by one entry a position since the last `advance`. */
  readonly recent: readonly (readonly Tensor[])[];
}

/** The output for one position, (n, R, C), and what is remembered after it. */
export interface NetworkStep {
  readonly output: Tensor;
  readonly state: NetworkState;
}

/** What decoding remembers, changed in place; no gradient flows through it. */
export interface NetworkCache {
  /** The output for the next position of every row, (K, R, C) to (K, R, C). */
  step(x: Tensor): Tensor;
  /** Keeps the given rows, int64, in this order and as often as they are named. */
  select(rows: Tensor): void;
  dispose(): void;
}

/** K causal networks C -> C, one for each flow step, their parameters stacked. */
export abstract class StepNetwork extends Module {
  /**
   * Most positions of a chunk of the wavefront. With longer chunks fewer steps are at work together: their weights stay
   * nearer to the processor, and more of the work is products over positions.
   */
  abstract readonly chunk: number;

  /** The parameters of steps first..end-1, in an order of the network's own. */
  abstract weights(first: number, end: number): readonly Tensor[];

  /** The state before the first position of `rows` rows. */
  abstract start(weights: readonly Tensor[], rows: number): NetworkState;

  /** One position of every step, (n, R, C). */
  abstract step(weights: readonly Tensor[], x: Tensor, state: NetworkState): NetworkStep;

  /**
   * The state when the window of steps moves: the first `drop` of them leave it, and those of `fresh` join at its end.
   * Called after every chunk of positions, which it may pack.
   */
  abstract advance(state: NetworkState, drop: number, fresh: NetworkState | undefined): NetworkState;

  /**
   * One step alone, from position 0 on, by the engine's ordinary layers: each call takes the next position of every row,
   * (R, C) to (R, C). Differentiable.
   */
  abstract stepper(step: number, rows: number): (x: Tensor) => Tensor;

  /** All positions of one step in parallel, (R, T, C) to (R, T, C). */
  abstract sequence(step: number, x: Tensor): Tensor;

  /** What is added to the input of positions start..start+count-1, (count, C); undefined for nothing. */
  abstract encoding(start: number, count: number): Tensor | undefined;

  /** An empty cache of all K steps for `rows` rows. */
  abstract cache(rows: number): NetworkCache;
}
