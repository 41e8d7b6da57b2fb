/**
 * The operators of native/fused.cc: chains of element-wise passes as one pass over memory, which is what a training step
 * spends its time on beside matrix products. Elsewhere than on the CPU, and in bfloat16, they are composed of libtorch's
 * operators; both ways agree to rounding.
 */
import { affine_coupling, bias_gelu, bias_residual, scale_shift, self_attention } from "./operators.ts";
import { Tensor } from "./tensor.ts";

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

/** softmax(Q K^T / sqrt(C / heads)) V of packed projections (B, T, 3 C), where every position is real; (B, T, C). */
export function selfAttention(packed: Tensor, heads: number, causal: boolean): Tensor {
  return Tensor.adopt(self_attention(packed.handle, heads, causal));
}

/** scale x + shift at the first `counts[b]` positions of row b, zero after them; x (B, T, C), scale and shift (C). */
export function scaleShift(x: Tensor, scale: Tensor, shift: Tensor, counts: readonly number[]): Tensor {
  return Tensor.adopt(scale_shift(x.handle, scale.handle, shift.handle, counts));
}

/** Where the changed rows of a coupling stand in its input: positions start + j * stride, from `channel` on. */
export interface CouplingPlace {
  readonly start: number;
  readonly stride: number;
  readonly channel: number;
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

/**
 * An affine coupling with its log-determinant in one pass: y = s (x + t) at the changed rows, x elsewhere, zero at
 * changed rows beyond `counts`; `inverse`: x = y / s - t and minus the log-determinant.
 *
 * @param counts real changed rows of each row of the batch
 * @returns (B, T, C) and (B) in float64
 */
export function affineCoupling(
  x: Tensor,
  output: CouplingOutput,
  counts: readonly number[],
  place: CouplingPlace,
  scale: CouplingScale,
  inverse: boolean,
): [Tensor, Tensor] {
  const [y, logDet] = affine_coupling(
    x.handle,
    output.product.handle,
    output.bias.handle,
    output.gain.handle,
    counts,
    place.start,
    place.stride,
    place.channel,
    scale.map === "sigmoid" ? 0 : 1,
    scale.bound,
    inverse,
  );
  return [Tensor.adopt(y), Tensor.adopt(logDet)];
}
