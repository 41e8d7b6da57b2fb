/** What decoding from left to right does at one position, of native/causal.cc: all rows in one call, no graph. */
import { NonFiniteOutputError } from "../base/finite.ts";
import { isFusable } from "./fused.ts";
import { draw, mixture_decode, mixture_encode, transformer_step } from "./operators.ts";
import { handlesOf, Tensor } from "./tensor.ts";

/** Keys and values (R, heads, capacity, size) and how many positions they hold. */
export interface StepCache {
  readonly keys: Tensor;
  readonly values: Tensor;
  readonly position: number;
}

/**
 * One position through the pre-norm transformer block with tanh GELU, x (R, 1, C) on the CPU: its keys and values are
 * written into the cache at its position, and it sees those and all before them. Weights and norms as those of
 * `transformerBlock`.
 */
export function transformerStep(
  x: Tensor,
  weights: readonly Tensor[],
  { keys, values, position }: StepCache,
  norm: { readonly epsilon: number; readonly factor: number },
): Tensor {
  return Tensor.adopt(
    transformer_step(x.handle, handlesOf(weights), keys.handle, values.handle, position, norm.epsilon, norm.factor),
  );
}

/**
 * One index for each row of logits (R, V): where its uniform number of [0, 1) falls when softmax(logits / temperature) is
 * laid out on [0, 1); at temperature 0 the likeliest, of several the first. In float64 whatever the logits are.
 *
 * @throws NonFiniteOutputError where a logit is NaN or Infinity, or none of a row is above -Infinity
 */
export function drawIndices(logits: Tensor, uniforms: readonly number[], temperature: number): number[] {
  const numbers = isFusable(logits) ? logits : logits.to("float32", "cpu");
  const drawn = Tensor.adopt(draw(numbers.handle, uniforms, temperature)).toNumbers();
  // A maximum hands NaN and Infinity on. One for each row: a row of -Infinity is at fault beside others, too.
  const most = numbers
    .amax(1)
    .toNumbers()
    .find((value) => !Number.isFinite(value));
  if (most !== undefined) throw new NonFiniteOutputError(`the greatest logit is ${most}: no word can be drawn`);
  return drawn;
}

/** Gaussians of one deviation: means (C, V), float64 on the CPU. */
export interface GaussianComponents {
  readonly means: Tensor;
  readonly sigma: number;
}

/**
 * The Rosenblatt map of mixtures sum_k pi_k N(x; m_k, sigma^2 I) of N points: y_i = Phi^-1(sum_k w_k^(i) Phi((x_i - m_ki) /
 * sigma)) with w^(i) = softmax_k(ln pi_k + sum_{j<i} ln N(x_j; m_kj, sigma^2)), one channel after the other, and
 * sum_i [ln f_i(x_i) - ln N(y_i; 0, 1)]. Components 200 nats behind the likeliest are left out of later channels: e^-200 is
 * far below what float64 resolves. Both directions leave out the same ones, because both know the earlier channels. At a
 * point far from all components, to which later channels alone would bring one of those near, log-determinant and density
 * then differ; points of a text with its noise are never such.
 *
 * @param x (N, C), float64 on the CPU, as are the others
 * @param logPi (N, V), normalised
 * @returns y (N, C) and ln|det dy/dx| (N)
 */
export function mixtureEncode(x: Tensor, logPi: Tensor, { means, sigma }: GaussianComponents): [Tensor, Tensor] {
  const [y, logDet] = mixture_encode(x.handle, logPi.handle, means.handle, sigma);
  return [Tensor.adopt(y), Tensor.adopt(logDet)];
}

/** The inverse, by one bracketed root a channel, on the logarithm of the smaller tail: x (N, C) and ln|det dx/dy| (N). */
export function mixtureDecode(y: Tensor, logPi: Tensor, { means, sigma }: GaussianComponents): [Tensor, Tensor] {
  const [x, logDet] = mixture_decode(y.handle, logPi.handle, means.handle, sigma);
  return [Tensor.adopt(x), Tensor.adopt(logDet)];
}
