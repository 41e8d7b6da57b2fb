/** Mixtures of logistics of one number: the density for training, the map onto N(0, 1) and back. */
import type { Tensor } from "../../torch/index.ts";
import { logNormalCdf, logSqrtTwoPi, normalQuantile } from "./normal.ts";
import { increasingRoot } from "./root.ts";

/** Parameters of mixtures, (..., M) each: ln pi (normalised over M), means and ln s. */
export interface LogisticMixture {
  readonly logPi: Tensor;
  readonly mean: Tensor;
  readonly logScale: Tensor;
}

/** ln sum_k pi_k f_k(x), f_k = sigma(v) sigma(-v) / s_k with v = (x - m_k) / s_k; x (...), result (...). */
export function logisticMixtureLogDensity(x: Tensor, { logPi, mean, logScale }: LogisticMixture): Tensor {
  const v = x.unsqueeze(-1).sub(mean).mul(logScale.neg().exp());
  return logPi.sub(logScale).add(v.logSigmoid()).add(v.neg().logSigmoid()).logSumExp(-1);
}

/** ln sigma(v), exact in both tails. */
function logSigmoid(v: number): number {
  return v < 0 ? v - Math.log1p(Math.exp(v)) : -Math.log1p(Math.exp(-v));
}

/** Mixtures in plain numbers: parameters of mixture i at i * count + k. */
export interface MixtureNumbers {
  readonly logPi: Float64Array;
  readonly mean: Float64Array;
  readonly logScale: Float64Array;
  readonly count: number;
}

/** Tails and density of a mixture at a point, in logarithms. */
interface Tails {
  readonly logP: number;
  readonly logQ: number;
  readonly logDensity: number;
}

function logSum(terms: Float64Array): number {
  let most = Number.NEGATIVE_INFINITY;
  for (const term of terms) if (term > most) most = term;
  let sum = 0;
  for (const term of terms) sum += Math.exp(term - most);
  return most + Math.log(sum);
}

function tailsAt(x: number, { logPi, mean, logScale, count }: MixtureNumbers, offset: number): Tails {
  const lower = new Float64Array(count);
  const upper = new Float64Array(count);
  const density = new Float64Array(count);
  for (let k = 0; k < count; k++) {
    const own = offset + k;
    const v = (x - mean[own]) * Math.exp(-logScale[own]);
    const below = logSigmoid(v);
    const above = logSigmoid(-v);
    lower[k] = logPi[own] + below;
    upper[k] = logPi[own] + above;
    density[k] = logPi[own] - logScale[own] + below + above;
  }
  return { logP: logSum(lower), logQ: logSum(upper), logDensity: logSum(density) };
}

/** A number and ln of the map's derivative there. */
export interface Mapped {
  readonly value: number;
  readonly logSlope: number;
}

/** y = Phi^-1(sum_k pi_k sigma((x - m_k) / s_k)), exact in both tails; ln y' = ln f(x) - ln N(y; 0, 1). */
export function logisticToNormal(x: number, mixtures: MixtureNumbers, index: number): Mapped {
  const { logP, logQ, logDensity } = tailsAt(x, mixtures, index * mixtures.count);
  const value = normalQuantile(logP, logQ);
  return { value, logSlope: logDensity + 0.5 * value * value + logSqrtTwoPi };
}

/** The inverse of `logisticToNormal`: a bracketed root of logit F(x) = logit Phi(y). */
export function normalToLogistic(y: number, mixtures: MixtureNumbers, index: number): Mapped {
  const { mean, logScale, count } = mixtures;
  const offset = index * count;
  const target = logNormalCdf(y) - logNormalCdf(-y);
  // Component k reaches the target at m_k + s_k * target, so the root lies between the outermost of these.
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (let k = offset; k < offset + count; k++) {
    const reached = mean[k] + Math.exp(logScale[k]) * target;
    if (reached < low) low = reached;
    if (reached > high) high = reached;
  }
  const value = increasingRoot(
    (x, into) => {
      const { logP, logQ, logDensity } = tailsAt(x, mixtures, offset);
      into.value = logP - logQ - target;
      // (ln F - ln(1 - F))' = f / (F (1 - F)).
      into.slope = Math.exp(logDensity - logP - logQ);
    },
    low,
    high,
    0.5 * (low + high),
  );
  const { logDensity } = tailsAt(value, mixtures, offset);
  return { value, logSlope: -(logDensity + 0.5 * y * y + logSqrtTwoPi) };
}
