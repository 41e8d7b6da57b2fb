/**
 * Guidance of a density given a condition, c, away from the one without it, u. Pure functions of what the two passes
 * say; strength 0 is c itself.
 */
import { UsageError } from "../../base/errors.ts";
import { type Generator, rand, scope, type Tensor } from "../../torch/index.ts";
import type { Condition } from "./network.ts";

/** Gaussians element by element; any shape. */
export interface Gaussians {
  readonly mean: Tensor;
  readonly sd: Tensor;
}

/**
 * The Gaussian that is proportional to p_c^{1+w} / p_u^w: with s = min(sd_c / sd_u, 1)^2, variance sd_c^2 / (1 + w - w s)
 * and mean ((1 + w) m_c - w s m_u) / (1 + w - w s). Where sd_c > sd_u the quotient need not be a density, so s stops at 1
 * (STARFlow, arXiv:2506.06276).
 */
export function guidedGaussians(c: Gaussians, u: Gaussians, strength: number): Gaussians {
  const s = c.sd.div(u.sd).clamp(undefined, 1).square();
  const divisor = s.mul(-strength).add(1 + strength);
  const mean = c.mean.mul(1 + strength).sub(s.mul(u.mean).mul(strength));
  return { mean: mean.div(divisor), sd: c.sd.div(divisor.sqrt()) };
}

/** c + w (c - u) of log-scales and means alike (TarFlow, arXiv:2412.06329, section 2.5). */
export function extrapolated(c: Tensor, u: Tensor, strength: number): Tensor {
  return c.mul(1 + strength).sub(u.mul(strength));
}

/** w t / (T - 1) at position t of T: little guidance where little is known. */
export function annealedStrength(strength: number, position: number, positions: number): number {
  return positions < 2 ? strength : (strength * position) / (positions - 1);
}

/** ln softmax of (1 + w) ln pi_c - w ln pi_u over the last dimension: the words of p_c^{1+w} / p_u^w. */
export function guidedLogProbabilities(c: Tensor, u: Tensor, strength: number): Tensor {
  return extrapolated(c.logSoftmax(-1), u.logSoftmax(-1), strength).logSoftmax(-1);
}

/**
 * The condition without the rows that a draw from each row's own stream drops with probability p: what training does
 * so that the same network learns the density without a condition.
 *
 * @throws UsageError where p is no probability or there is not one stream a row
 */
export function dropCondition(condition: Condition, p: number, streams: readonly Generator[]): Condition {
  const [batch, before] = condition.values.shape;
  if (!(p >= 0 && p <= 1)) throw new UsageError(`dropping a condition: p is ${p}, expected a number from 0 to 1`);
  if (streams.length !== batch) {
    throw new UsageError(`dropping a condition: ${batch} rows need as many random streams, got ${streams.length}`);
  }
  const lengths = streams.map((stream, row) => {
    const dropped = scope(() => rand([1], stream, { dtype: "float64" }).item()) < p;
    return dropped ? 0 : (condition.lengths?.[row] ?? before);
  });
  return { values: condition.values, lengths };
}
