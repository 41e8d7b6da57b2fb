/** Exponential moving averages of parameters. */
import { noGrad, type Tensor } from "../torch/index.ts";
import { _foreach_lerp__Scalar } from "../torch/operators.ts";
import { handlesOf } from "../torch/tensor.ts";
import { Module } from "./module.ts";

/** a = decay a + (1 - decay) w after every step; starts as a copy of w. */
export class MovingAverage extends Module {
  readonly #targets: readonly Tensor[];
  readonly #averages: readonly Tensor[];
  readonly #decay: number;

  constructor(parameters: ReadonlyMap<string, Tensor>, decay: number) {
    super();
    this.#decay = decay;
    this.#targets = [...parameters.values()];
    this.#averages = noGrad(() =>
      [...parameters].map(([name, parameter]) => this.buffer(`average.${name}`, parameter.detach().clone())),
    );
  }

  /** Takes the parameters' present values in. */
  update(): void {
    noGrad(() => _foreach_lerp__Scalar(handlesOf(this.#averages), handlesOf(this.#targets), 1 - this.#decay));
  }

  /** Runs `body` with the averages in the parameters' place and puts the parameters back, even when it throws. */
  swapped<Result>(body: () => Result): Result {
    this.#swap();
    try {
      return body();
    } finally {
      this.#swap();
    }
  }

  #swap(): void {
    noGrad(() => {
      this.#targets.forEach((target, index) => {
        const held = target.detach().clone();
        target.copy_(this.#averages[index]);
        this.#averages[index].copy_(held);
        held.dispose();
      });
    });
  }
}
