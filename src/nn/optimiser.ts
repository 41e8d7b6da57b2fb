/** Optimisers as fused native updates. */
import { RiverrunError, UsageError } from "../base/errors.ts";
import { noGrad, scope, type Tensor, zeros } from "../torch/index.ts";
import { _foreach_add__Scalar, _fused_adam_, _fused_adamw_, _fused_sgd_, view } from "../torch/operators.ts";
import { handlesOf, Tensor as TensorClass } from "../torch/tensor.ts";
import { Module } from "./module.ts";

/** Parameters that share choices. */
export interface ParameterGroup {
  readonly parameters: ReadonlyMap<string, Tensor>;
  /** Instead of the optimiser's own. */
  readonly weightDecay?: number;
  /** Multiplies the learning rate of each step; 1 where absent. */
  readonly learningRateFactor?: number;
}

/** What an optimiser trains: parameters by name, or several groups of them. */
export type Trained = ReadonlyMap<string, Tensor> | readonly ParameterGroup[];

/** Two groups: matrices with weight decay, and vectors (biases, gains, scales) without. */
export function decayGroups(parameters: ReadonlyMap<string, Tensor>, weightDecay: number): ParameterGroup[] {
  const entries = [...parameters];
  return [
    { parameters: new Map(entries.filter(([, { ndim }]) => ndim >= 2)), weightDecay },
    { parameters: new Map(entries.filter(([, { ndim }]) => ndim < 2)), weightDecay: 0 },
  ];
}

/** A group as the native updates see it: its members are numbered through all groups. */
interface Span {
  readonly weightDecay: number;
  readonly learningRateFactor: number;
  readonly members: readonly number[];
}

function checkNumber(name: string, value: number, ok: boolean, expected: string): void {
  if (!ok) throw new UsageError(`optimiser: ${name} is ${value}, expected ${expected}`);
}

/** Changes parameters by their gradients. Its state is a module's, so that it is saved and loaded like one. */
export abstract class Optimiser extends Module {
  /** What is trained, group after group; gradients are given in this order. */
  readonly targets: readonly Tensor[];
  protected readonly names: readonly string[];
  protected readonly spans: readonly Span[];

  protected constructor(trained: Trained, weightDecay: number) {
    super();
    const groups: readonly ParameterGroup[] = Array.isArray(trained)
      ? (trained as readonly ParameterGroup[])
      : [{ parameters: trained as ReadonlyMap<string, Tensor> }];
    const names: string[] = [];
    const targets: Tensor[] = [];
    this.spans = groups.map((group) => {
      const first = names.length;
      for (const [name, parameter] of group.parameters) {
        if (names.includes(name)) throw new UsageError(`optimiser: the parameter ${name} is named twice`);
        names.push(name);
        targets.push(parameter);
      }
      const span = {
        weightDecay: group.weightDecay ?? weightDecay,
        learningRateFactor: group.learningRateFactor ?? 1,
        members: Array.from({ length: names.length - first }, (_, index) => first + index),
      };
      checkNumber("weightDecay", span.weightDecay, span.weightDecay >= 0, "a number of at least 0");
      return span;
    });
    this.names = names;
    this.targets = targets;
    // The fused updates walk through memory and ask for no layout: another one would be updated wrongly, silently.
    noGrad(() =>
      scope(() => {
        for (const [index, target] of targets.entries()) {
          try {
            TensorClass.adopt(view(target.handle, [-1]));
          } catch (cause) {
            throw new UsageError(`optimiser: ${names[index]} is not contiguous; register it with Module.parameter`, {
              cause,
            });
          }
        }
      }),
    );
  }

  /** One tensor of state for each parameter, zero at the start. */
  protected states(kind: string): Tensor[] {
    return this.targets.map(({ shape, dtype, device }, index) =>
      this.buffer(`${kind}.${this.names[index]}`, zeros(shape, { dtype, device })),
    );
  }

  /**
   * One update of w by its gradient; null leaves a parameter and its state as they are.
   *
   * @param gradients in the order of `targets`
   * @throws RiverrunError where their number differs, or one has another shape or dtype than its parameter
   */
  step(gradients: readonly (Tensor | null)[], learningRate: number): void {
    if (gradients.length !== this.targets.length) {
      throw new RiverrunError(`${this.targets.length} parameters need as many gradients, got ${gradients.length}`);
    }
    noGrad(() =>
      scope(() => {
        // Gradients may come transposed or expanded (that of P^T is one); contiguous ones pass through uncopied.
        const ready = gradients.map((gradient, index) => {
          if (gradient === null) return null;
          const target = this.targets[index];
          if (gradient.shape.join() !== target.shape.join() || gradient.dtype !== target.dtype) {
            throw new RiverrunError(
              `the gradient of ${this.names[index]} is ${String(gradient)}, expected ${String(target)}`,
            );
          }
          return gradient.contiguous();
        });
        for (const span of this.spans) {
          const members = span.members.filter((index) => ready[index] !== null);
          if (members.length === 0) continue;
          const given = members.map((index) => ready[index] as Tensor);
          this.update(members, given, learningRate * span.learningRateFactor, span.weightDecay);
        }
      }),
    );
  }

  /** Updates the given members of one group. */
  protected abstract update(
    members: readonly number[],
    gradients: readonly Tensor[],
    learningRate: number,
    weightDecay: number,
  ): void;
}

const chosen = (tensors: readonly Tensor[], members: readonly number[]): number[] =>
  members.map((index) => tensors[index].handle);

/** Choices of Adam and AdamW. */
export interface AdamOptions {
  readonly betas?: readonly [number, number];
  readonly epsilon?: number;
  readonly weightDecay?: number;
  /** AdamW: the decay is taken from the weights instead of added to the gradient. */
  readonly decoupled?: boolean;
}

/**
 * m = b1 m + (1 - b1) g, v = b2 v + (1 - b2) g^2; w -= lr (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps)
 * (Kingma and Ba, 2015). Weight decay d adds d w to g; decoupled, w loses lr d w first (Loshchilov and Hutter, 2019).
 */
export class Adam extends Optimiser {
  readonly #betas: readonly [number, number];
  readonly #epsilon: number;
  readonly #decoupled: boolean;
  readonly #first: readonly Tensor[];
  readonly #second: readonly Tensor[];
  /** Updates of each parameter, one after another in one tensor, so that all are counted by one operator. */
  readonly #counts: Tensor;
  readonly #steps: readonly Tensor[];

  /** @throws UsageError for a beta outside [0, 1) or a negative epsilon or decay. */
  constructor(trained: Trained, options: AdamOptions = {}) {
    super(trained, options.weightDecay ?? 0);
    this.#betas = options.betas ?? [0.9, 0.999];
    this.#epsilon = options.epsilon ?? 1e-8;
    this.#decoupled = options.decoupled ?? false;
    for (const beta of this.#betas) checkNumber("a beta", beta, beta >= 0 && beta < 1, "a number from 0 to below 1");
    checkNumber("epsilon", this.#epsilon, this.#epsilon >= 0, "a number of at least 0");
    this.#first = this.states("first");
    this.#second = this.states("second");
    this.#counts = zeros([this.targets.length], { device: this.targets[0]?.device }).keep();
    this.#steps = this.targets.map((_, index) =>
      this.buffer(`steps.${this.names[index]}`, this.#counts.select(0, index)),
    );
  }

  override dispose(): void {
    super.dispose();
    this.#counts.dispose();
  }

  protected update(
    members: readonly number[],
    gradients: readonly Tensor[],
    learningRate: number,
    weightDecay: number,
  ): void {
    const steps = chosen(this.#steps, members);
    if (members.length === this.targets.length) this.#counts.add_(1);
    else _foreach_add__Scalar(steps, 1);
    const fused = this.#decoupled ? _fused_adamw_ : _fused_adam_;
    fused(
      chosen(this.targets, members),
      handlesOf(gradients),
      chosen(this.#first, members),
      chosen(this.#second, members),
      [],
      steps,
      learningRate,
      this.#betas[0],
      this.#betas[1],
      weightDecay,
      this.#epsilon,
      false,
      false,
    );
  }
}

/** Adam with decoupled weight decay, 0.01 unless said otherwise. */
export class AdamW extends Adam {
  constructor(trained: Trained, options: Omit<AdamOptions, "decoupled"> = {}) {
    super(trained, { weightDecay: 0.01, ...options, decoupled: true });
  }
}

/** Choices of SGD. */
export interface SgdOptions {
  readonly momentum?: number;
  readonly weightDecay?: number;
  /** Steps along g + momentum v instead of v. */
  readonly nesterov?: boolean;
}

/** v = momentum v + g, g including the weight decay; w -= lr v. */
export class SGD extends Optimiser {
  readonly #momentum: number;
  readonly #nesterov: boolean;
  readonly #velocity: readonly Tensor[];

  /** @throws UsageError for a momentum outside [0, 1), a negative decay, or nesterov without momentum. */
  constructor(trained: Trained, options: SgdOptions = {}) {
    super(trained, options.weightDecay ?? 0);
    this.#momentum = options.momentum ?? 0;
    this.#nesterov = options.nesterov ?? false;
    checkNumber("momentum", this.#momentum, this.#momentum >= 0 && this.#momentum < 1, "a number from 0 to below 1");
    if (this.#nesterov && this.#momentum === 0) throw new UsageError("optimiser: nesterov needs a momentum above 0");
    this.#velocity = this.#momentum > 0 ? this.states("velocity") : [];
  }

  protected update(
    members: readonly number[],
    gradients: readonly Tensor[],
    learningRate: number,
    weightDecay: number,
  ): void {
    // The velocity starts at zero, so v = momentum * 0 + g is right from the first step on.
    _fused_sgd_(
      chosen(this.targets, members),
      handlesOf(gradients),
      this.#momentum > 0 ? chosen(this.#velocity, members) : [],
      weightDecay,
      this.#momentum,
      learningRate,
      0,
      this.#nesterov,
      false,
      false,
    );
  }
}
