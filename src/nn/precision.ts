/** In which precision the networks of a model compute. */
import { RiverrunError } from "../base/errors.ts";
import type { DType, Tensor } from "../torch/index.ts";
import { linear } from "../torch/operators.ts";
import { Tensor as TensorClass } from "../torch/tensor.ts";

/**
 * What a model may be trained or used in. float32 and float64: everything. bf16: parameters, their gradients and averages,
 * the optimiser, the flow's own path, scales, log-determinants, priors and losses in float32, the products inside the
 * networks of bfloat16 numbers (8 significant bits) with sums in float32.
 */
export const precisions = ["float32", "bf16", "float64"] as const;
export type Precision = (typeof precisions)[number];

/** The two that networks over float32 parameters know. */
export type NetworkPrecision = Exclude<Precision, "float64">;

/** What a precision means for a model's tensors and for its networks. */
export function numbersOf(precision: Precision): { readonly dtype: DType; readonly networks: NetworkPrecision } {
  return precision === "float64"
    ? { dtype: "float64", networks: "float32" }
    : { dtype: "float32", networks: precision };
}

let inForce: NetworkPrecision = "float32";

/** The precision that `inNetworkPrecision` has put in force; float32 outside it. */
export function networkPrecision(): NetworkPrecision {
  return inForce;
}

/**
 * Runs `body` with its networks in a precision, and puts the one before back, even when it throws. Of this thread alone. The
 * body must be synchronous.
 *
 * @throws RiverrunError where the body returns a promise
 */
export function inNetworkPrecision<Result>(precision: NetworkPrecision, body: () => Result): Result {
  const before = inForce;
  inForce = precision;
  try {
    const result = body();
    if (result instanceof Promise) {
      result.catch(() => undefined);
      throw new RiverrunError("inNetworkPrecision: the function must be synchronous, but it returned a promise");
    }
    return result;
  } finally {
    inForce = before;
  }
}

/**
 * Multiplications below which a product stays in float32: rounding its operands costs more than it saves there. (64 x 64
 * weights break even at 800 rows, 300 x 900 at 16, 600 x 1200 at 6, forward and backward, on an AMD EPYC with avx512_bf16.)
 */
const fewestMultiplications = 2 ** 22;

/** Whether work of this many multiplications on x is done in bfloat16. */
export function isLowered(x: Tensor, multiplications: number): boolean {
  return inForce === "bf16" && x.dtype === "float32" && multiplications >= fewestMultiplications;
}

/** The nearest bfloat16 numbers, ties to even. */
export function lowered(x: Tensor): Tensor {
  return x.to("bfloat16");
}

/**
 * x W^T + b, (..., in) to (..., out), in the precision in force; of x's dtype either way. The bias is added in x's. In bf16
 * the product itself and the gradients of both factors are rounded to bfloat16, too.
 */
export function product(x: Tensor, weight: Tensor, bias?: Tensor): Tensor {
  const outputs = weight.size(0);
  if (!isLowered(x, x.numel * outputs)) {
    return TensorClass.adopt(linear(x.handle, weight.handle, bias?.handle));
  }
  const made = TensorClass.adopt(linear(lowered(x).handle, lowered(weight).handle)).to(x.dtype);
  return bias ? made.add(bias) : made;
}
