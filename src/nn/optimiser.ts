/** Optimisers as fused native updates. */
import { RiverrunError } from "../base/errors.ts";
import { noGrad, scope, type Tensor, zeros } from "../torch/index.ts";
import { _foreach_add__Scalar, _fused_adam_, _fused_adamw_, _fused_sgd_ } from "../torch/operators.ts";
import { handlesOf } from "../torch/tensor.ts";
import { Module } from "./module.ts";

/** Changes parameters by their gradients. Its state is a module's, so that it is saved and loaded like one. */
export abstract class Optimiser extends Module {
  protected readonly targets: readonly Tensor[];

  protected constructor(parameters: ReadonlyMap<string, Tensor>) {
    super();
    this.targets = [...parameters.values()];
  }

  /** One tensor of state for each parameter, zero at the start. */
  protected states(kind: string, parameters: ReadonlyMap<string, Tensor>): Tensor[] {
    return [...parameters].map(([name, parameter]) =>
      this.buffer(`${kind}.${name}`, zeros(parameter.shape, { dtype: parameter.dtype, device: parameter.device })),
    );
  }

  /**
   * One update.
   *
   * @param gradients in the order of the parameters
   * @throws RiverrunError where their number differs
   */
  step(gradients: readonly Tensor[], learningRate: number): void {
    if (gradients.length !== this.targets.length) {
      throw new RiverrunError(`${this.targets.length} parameters need as many gradients, got ${gradients.length}`);
    }
    noGrad(() => scope(() => this.update(gradients, learningRate)));
  }

  protected abstract update(gradients: readonly Tensor[], learningRate: number): void;
}

/** Choices of Adam and AdamW. */
export interface AdamOptions {
  readonly betas?: readonly [number, number];
  readonly epsilon?: number;
  readonly weightDecay?: number;
  /** AdamW: the decay is taken from the weights instead of added to the gradient. */
  readonly decoupled?: boolean;
}

/** m and v as exponential averages of g and g^2, corrected for their start; w -= lr m / (sqrt(v) + eps). */
export class Adam extends Optimiser {
  readonly #options: Required<AdamOptions>;
  readonly #first: readonly Tensor[];
  readonly #second: readonly Tensor[];
  readonly #steps: readonly Tensor[];

  constructor(parameters: ReadonlyMap<string, Tensor>, options: AdamOptions = {}) {
    super(parameters);
    this.#options = { betas: [0.9, 0.999], epsilon: 1e-8, weightDecay: 0, decoupled: false, ...options };
    this.#first = this.states("first", parameters);
    this.#second = this.states("second", parameters);
    this.#steps = [...parameters].map(([name, { device }]) => this.buffer(`steps.${name}`, zeros([], { device })));
  }

  protected update(gradients: readonly Tensor[], learningRate: number): void {
    const { betas, epsilon, weightDecay, decoupled } = this.#options;
    const steps = handlesOf(this.#steps);
    _foreach_add__Scalar(steps, 1);
    const fused = decoupled ? _fused_adamw_ : _fused_adam_;
    fused(
      handlesOf(this.targets),
      handlesOf(gradients),
      handlesOf(this.#first),
      handlesOf(this.#second),
      [],
      steps,
      learningRate,
      betas[0],
      betas[1],
      weightDecay,
      epsilon,
      false,
      false,
    );
  }
}

/** v = momentum v + g; w -= lr v. */
export class SGD extends Optimiser {
  readonly #momentum: number;
  readonly #weightDecay: number;
  readonly #velocity: readonly Tensor[];

  constructor(
    parameters: ReadonlyMap<string, Tensor>,
    options: { readonly momentum?: number; readonly weightDecay?: number } = {},
  ) {
    super(parameters);
    this.#momentum = options.momentum ?? 0;
    this.#weightDecay = options.weightDecay ?? 0;
    this.#velocity = this.#momentum > 0 ? this.states("velocity", parameters) : [];
  }

  protected update(gradients: readonly Tensor[], learningRate: number): void {
    // The velocity starts at zero, so v = momentum * 0 + g is right from the first step on.
    _fused_sgd_(
      handlesOf(this.targets),
      handlesOf(gradients),
      handlesOf(this.#velocity),
      this.#weightDecay,
      this.#momentum,
      learningRate,
      0,
      false,
      false,
      false,
    );
  }
}
