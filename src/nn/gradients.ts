/** Gradient norms, clipping and sums over several backward passes. */
import { UsageError } from "../base/errors.ts";
import { noGrad, scope, stack, type Tensor, zeros } from "../torch/index.ts";
import { _foreach_add__List, _foreach_mul__Scalar, _foreach_norm_Scalar, _foreach_zero_ } from "../torch/operators.ts";
import { handlesOf, Tensor as TensorClass } from "../torch/tensor.ts";

/** sqrt(sum of g_i^2) over all gradients together, summed in float64; 0 for none. */
export function gradientNorm(gradients: readonly Tensor[]): number {
  if (gradients.length === 0) return 0;
  return noGrad(() =>
    scope(() => {
      const norms = TensorClass.adoptAll(_foreach_norm_Scalar(handlesOf(gradients)));
      return stack(norms.map((one) => one.to("float64", "cpu")))
        .norm()
        .item();
    }),
  );
}

/**
 * The norm of all gradients together; where it is above `most`, the entries of the list are replaced by gradients
 * scaled so that it becomes `most`, and those before are freed. A norm that is not finite is returned as it is, and
 * nothing is scaled.
 *
 * They are replaced and not scaled in place because gradients of `grad` may share storage (those of both terms of a
 * sum do): in place, such a gradient would be scaled twice.
 */
export function clipGradientNorm(gradients: Tensor[], most: number | null): number {
  const norm = gradientNorm(gradients);
  if (most !== null && Number.isFinite(norm) && norm > most) {
    const factor = most / (norm + 1e-6);
    noGrad(() => {
      for (const [index, gradient] of gradients.entries()) {
        gradients[index] = gradient.mul(factor);
        gradient.dispose();
      }
    });
  }
  return norm;
}

/**
 * A running sum of gradients in storage of its own, for batches that are computed in parts. Adding in place to what
 * `grad` returned would be wrong where two gradients share storage.
 */
export class GradientSum {
  readonly #sums: Tensor[];

  constructor(parameters: readonly Tensor[]) {
    this.#sums = parameters.map(({ shape, dtype, device }) => zeros(shape, { dtype, device }).keep());
  }

  /** Adds one part's gradients. @throws UsageError where their number differs from the parameters'. */
  add(gradients: readonly Tensor[]): void {
    if (gradients.length !== this.#sums.length) {
      throw new UsageError(`${this.#sums.length} parameters need as many gradients, got ${gradients.length}`);
    }
    noGrad(() => _foreach_add__List(handlesOf(this.#sums), handlesOf(gradients)));
  }

  /** Multiplies the sums, as by 1 / number of examples. */
  scale(factor: number): void {
    noGrad(() => _foreach_mul__Scalar(handlesOf(this.#sums), factor));
  }

  /** The sums as they are now; tensors of their own owner, over the same storage. */
  gradients(): Tensor[] {
    return this.#sums.map((sum) => sum.alias());
  }

  /** Starts again from zero. */
  reset(): void {
    noGrad(() => _foreach_zero_(handlesOf(this.#sums)));
  }

  dispose(): void {
    for (const sum of this.#sums) sum.dispose();
  }
}
