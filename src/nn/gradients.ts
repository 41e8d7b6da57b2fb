/** Gradient norms and clipping. */
import { noGrad, scope, stack, type Tensor } from "../torch/index.ts";
import { _foreach_mul__Scalar, _foreach_norm_Scalar } from "../torch/operators.ts";
import { handlesOf, Tensor as TensorClass } from "../torch/tensor.ts";

/**
 * The 2-norm of all gradients together; where it is above `most`, they are scaled in place so that it becomes `most`.
 * A norm that is not finite is returned as it is, and nothing is scaled.
 */
export function clipGradientNorm(gradients: readonly Tensor[], most: number | null): number {
  return noGrad(() =>
    scope(() => {
      const norms = TensorClass.adoptAll(_foreach_norm_Scalar(handlesOf(gradients)));
      const norm = stack(norms.map((one) => one.to("float64")))
        .norm()
        .item();
      if (most !== null && Number.isFinite(norm) && norm > most) {
        _foreach_mul__Scalar(handlesOf(gradients), most / (norm + 1e-6));
      }
      return norm;
    }),
  );
}
