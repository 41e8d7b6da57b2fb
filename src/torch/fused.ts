/**
 * The operators of native/fused.cc, timeMap.cc, linearMaps.cc and transformer.cc: chains of element-wise passes as one
 * pass over memory, which is what a training step spends its time on beside matrix products. Elsewhere than on the CPU,
 * and in bfloat16, they are composed of libtorch's operators; both ways agree to rounding.
 */
import { eye } from "./creation.ts";
import {
  affine_coupling,
  bf16_products,
  bias_gelu,
  bias_residual,
  coupling_split,
  lu_product,
  scale_shift,
  scales_log_det,
  time_map,
  time_map_parts,
  transformer_block,
} from "./operators.ts";
import { handlesOf, Tensor } from "./tensor.ts";

/** Whether the fused operators take a tensor: float32 or float64 on the CPU. */
export function isFusable(x: Tensor): boolean {
  return x.device === "cpu" && (x.dtype === "float32" || x.dtype === "float64");
}

/** gelu(h + b) in its tanh form; h (..., N), b (N). */
export function biasGelu(h: Tensor, bias: Tensor): Tensor {
  return isFusable(h) ? Tensor.adopt(bias_gelu(h.handle, bias.handle)) : h.add(bias).gelu("tanh");
}

/** x + h + b; x and h (..., N), b (N). */
export function biasResidual(x: Tensor, h: Tensor, bias: Tensor): Tensor {
  return isFusable(x) ? Tensor.adopt(bias_residual(x.handle, h.handle, bias.handle)) : x.add(h.add(bias));
}

/** scale x + shift at the first `counts[b]` positions of row b, zero after them; x (B, T, C), scale and shift (C). */
export function scaleShift(x: Tensor, scale: Tensor, shift: Tensor, counts: readonly number[]): Tensor {
  return Tensor.adopt(scale_shift(x.handle, scale.handle, shift.handle, counts));
}

/** W x for every example: (T', T) times (B, T, C). */
export function timeMap(matrix: Tensor, x: Tensor): Tensor {
  if (isFusable(x)) return Tensor.adopt(time_map(matrix.handle, x.handle));
  return matrix.unsqueeze(0).expand(x.size(0), -1, -1).matmul(x);
}

/**
 * Where the changed part of a coupling stands in its input (B, T, C): positions start + j * stride for j < changed, the
 * `width` channels from `channel` on. Either whole positions are changed, or half of the channels of all positions.
 */
export interface CouplingPlace {
  readonly start: number;
  readonly stride: number;
  readonly channel: number;
  readonly changed: number;
  readonly width: number;
}

/** The two parts of a coupling's input, (B, T - changed, C) or (B, T, C - width), and (B, changed, width). */
export interface CouplingParts {
  readonly seen: Tensor;
  readonly changed: Tensor;
}

/** The network's output before bias and gain, (B, T', 2 N), scale then shift: l = (h + b) exp(3 g). */
export interface CouplingOutput {
  readonly product: Tensor;
  readonly bias: Tensor;
  readonly gain: Tensor;
}

/** ln s = ln sigmoid(l + bound), or bound * tanh(l / bound). */
export interface CouplingScale {
  readonly map: "sigmoid" | "softClip";
  readonly bound: number;
}

/** A place in an input of a shape (B, T, C), as the operators take it. */
function placeNumbers([, positions, channels]: readonly number[], { start, stride, channel }: CouplingPlace): number[] {
  return [positions, channels, start, stride, channel];
}

/** The parts of x (B, T, C), each contiguous. */
export function couplingSplit(x: Tensor, place: CouplingPlace): CouplingParts {
  const numbers = placeNumbers(x.shape, place);
  const [seen, changed] = Tensor.adoptAll(coupling_split(x.handle, numbers, place.changed, place.width));
  return { seen, changed };
}

/**
 * The two parts of y = m W (m s (x + b)) over time, m being the first `counts[i]` positions of row i, each example in one
 * pass: ActNorm, a map over time and the split for the coupling that follows. For what `isFusable`.
 *
 * @param x (B, T, C)
 * @param affine scale s and bias b, (C)
 * @param matrix W, (T, T)
 * @param place whole positions
 */
export function timeMapParts(
  x: Tensor,
  affine: { readonly scale: Tensor; readonly bias: Tensor },
  matrix: Tensor,
  counts: readonly number[],
  place: CouplingPlace,
): CouplingParts {
  const numbers = placeNumbers(x.shape, place);
  const { scale, bias } = affine;
  const [seen, changed] = Tensor.adoptAll(
    time_map_parts(x.handle, scale.handle, bias.handle, matrix.handle, counts, numbers, place.changed),
  );
  return { seen, changed };
}

/** Above this size libtorch's products, which use all threads, are the faster. */
const mostFusedRows = 128;

/**
 * L and U of the leading n x n blocks: L has `lower`'s numbers below its diagonal and 1 on it, U `upper`'s above it and the
 * given diagonal.
 *
 * @param lower (N, N)
 * @param upper (N, N)
 * @param diagonal (n), n <= N
 * @returns (n, n) each
 */
export function luFactors(
  lower: Tensor,
  upper: Tensor,
  diagonal: Tensor,
): { readonly lower: Tensor; readonly upper: Tensor } {
  const n = diagonal.size(0);
  const block = (matrix: Tensor): Tensor => matrix.slice(0, 0, n).slice(1, 0, n);
  const identity = eye(n, n, { dtype: lower.dtype, device: lower.device });
  return {
    lower: block(lower).tril(-1).add(identity),
    upper: block(upper).triu(1).add(diagonal.diagEmbed()),
  };
}

/**
 * L U of `luFactors`, or its rows in the given order.
 *
 * @param order (n) of int64
 * @returns (n, n)
 */
export function luProduct(lower: Tensor, upper: Tensor, diagonal: Tensor, order?: Tensor): Tensor {
  if (isFusable(lower) && diagonal.size(0) <= mostFusedRows) {
    return Tensor.adopt(lu_product(lower.handle, upper.handle, diagonal.handle, order?.handle));
  }
  const factors = luFactors(lower, upper, diagonal);
  const product = factors.lower.matmul(factors.upper);
  return order ? product.indexSelect(0, order) : product;
}

/**
 * counts[b] * sum of ln|s|, the log-determinant of a map that scales each position by the same s; `logarithms`: of their
 * own sum. For what `isFusable`.
 *
 * @returns (B) in float64
 */
export function scalesLogDet(scales: Tensor, counts: readonly number[], logarithms: boolean): Tensor {
  return Tensor.adopt(scales_log_det(scales.handle, counts, logarithms));
}

/**
 * The output of an affine coupling with its log-determinant in one pass: the seen part as it is, s (x + t) in the
 * changed one, zero at its positions beyond `counts`; `inverse`: x / s - t and minus the log-determinant.
 *
 * @param shape (B, T, C) of the output
 * @param counts real positions of the changed part, of each row of the batch
 * @returns (B, T, C) and (B) in float64
 */
export function affineCoupling(
  { seen, changed }: CouplingParts,
  output: CouplingOutput,
  shape: readonly number[],
  counts: readonly number[],
  place: CouplingPlace,
  scale: CouplingScale,
  inverse: boolean,
): [Tensor, Tensor] {
  const [y, logDet] = affine_coupling(
    seen.handle,
    changed.handle,
    output.product.handle,
    output.bias.handle,
    output.gain.handle,
    counts,
    placeNumbers(shape, place),
    scale.map === "sigmoid" ? 0 : 1,
    scale.bound,
    inverse,
  );
  return [Tensor.adopt(y), Tensor.adopt(logDet)];
}

/** What one pass through a transformer block is told besides its weights. */
export interface BlockCall {
  readonly heads: number;
  /** Real positions of each example; those beyond them are not seen. Absent: all are real. */
  readonly lengths?: readonly number[] | undefined;
  readonly causal: boolean;
  /** Of both norms: factor weight (x - mean) / sqrt(var + epsilon) + bias. */
  readonly epsilon: number;
  readonly factor: number;
  /** (N, C): the result is (B, T, N), the block's output times its transpose. */
  readonly head?: Tensor | undefined;
  /** (B, T, C), by which the branches are multiplied before they are added. */
  readonly drops?: readonly [Tensor, Tensor] | undefined;
  /**
   * Its products of bfloat16 numbers, added up in float32, forward and backward; norms, attention and residuals stay in
   * float32. For float32, where `hasBf16Products`.
   */
  readonly bf16?: boolean | undefined;
  /** Keeps its input alone for the gradient, and goes forward again when that is asked for. */
  readonly recomputes?: boolean | undefined;
}

/** Whether `transformerBlock` multiplies in bfloat16 here: x86 processors that have such products. */
export function hasBf16Products(): boolean {
  return bf16_products();
}

/**
 * The pre-norm transformer block with tanh GELU, x (B, T, C). The weights: norm, packed projections, output, norm, inner
 * and outer map, of each its weight and its bias.
 */
export function transformerBlock(x: Tensor, weights: readonly Tensor[], call: BlockCall): Tensor {
  return Tensor.adopt(
    transformer_block(
      x.handle,
      handlesOf(weights),
      call.head?.handle,
      call.drops?.[0].handle,
      call.drops?.[1].handle,
      call.lengths ?? new Array<number>(x.size(0)).fill(x.size(1)),
      call.heads,
      call.causal,
      call.epsilon,
      call.factor,
      call.bf16 ?? false,
      call.recomputes ?? false,
    ),
  );
}
