/**
 * The Rosenblatt map of a mixture of isotropic Gaussians: channel by channel the conditional distribution function,
 * then the normal quantile. One point at a time, in float64.
 */
import { logNormalCdf, logSqrtTwoPi, normalQuantile, scaledTail } from "../../../src/flow/causal/normal.ts";
import { increasingRoot, type Slope } from "../../../src/flow/causal/root.ts";

/**
 * Components this many nats below the likeliest one are left out of later channels: e^-200 is far below what float64
 * resolves. Both directions leave out the same ones, because both know the earlier channels. A component that was left out
 * cannot come back: at a point far from all components, to which later channels alone would bring it near, the map's
 * log-determinant and the mixture's density then differ. Points of a text with its noise are never such.
 */
const negligible = 200;

/** Tails smaller than this are computed from logarithms. */
const smallest = 1e-280;

/** The middle of a mixture: means (channel by channel, C x V) and the deviation that all components share. */
export interface Components {
  /** Mean of component k in channel i at i * count + k. */
  readonly means: Float64Array;
  readonly count: number;
  readonly channels: number;
  readonly sigma: number;
}

/**
 * y_i = Phi^-1(sum_k w_k^(i) Phi((x_i - m_ki) / sigma)) with w^(i) = softmax_k(ln pi_k + sum_{j<i} ln N(x_j; m_kj,
 * sigma^2)); ln|det| = sum_i [ln f_i(x_i) - ln N(y_i; 0, 1)], and sum_i ln f_i telescopes to ln sum_k pi_k N(x; m_k,
 * sigma^2 I). Decoding finds one bracketed root a channel.
 */
export class Rosenblatt {
  readonly #components: Components;
  /** Components still in play and their ln w (not normalised) and w (normalised). */
  readonly #alive: Int32Array;
  readonly #logWeights: Float64Array;
  readonly #weights: Float64Array;
  /** Means of the components in play in the channel at hand. */
  readonly #means: Float64Array;
  #count = 0;
  /** ln sum_k e^{ln w_k}. */
  #logTotal = 0;

  constructor(components: Components) {
    this.#components = components;
    this.#alive = new Int32Array(components.count);
    this.#logWeights = new Float64Array(components.count);
    this.#weights = new Float64Array(components.count);
    this.#means = new Float64Array(components.count);
  }

  /** Leaves out what is negligible and normalises. */
  #normalise(): void {
    const logWeights = this.#logWeights;
    let most = Number.NEGATIVE_INFINITY;
    for (let k = 0; k < this.#count; k++) if (logWeights[k] > most) most = logWeights[k];
    let kept = 0;
    let sum = 0;
    for (let k = 0; k < this.#count; k++) {
      const relative = logWeights[k] - most;
      if (relative < -negligible) continue;
      const weight = Math.exp(relative);
      this.#alive[kept] = this.#alive[k];
      logWeights[kept] = logWeights[k];
      this.#weights[kept] = weight;
      sum += weight;
      kept += 1;
    }
    this.#count = kept;
    for (let k = 0; k < kept; k++) this.#weights[k] /= sum;
    this.#logTotal = most + Math.log(sum);
  }

  #start(logPi: Float64Array): void {
    this.#count = logPi.length;
    this.#logWeights.set(logPi);
    for (let k = 0; k < logPi.length; k++) this.#alive[k] = k;
    this.#normalise();
  }

  /** Takes the means of channel i of the components in play. */
  #enter(channel: number): void {
    const { means, count } = this.#components;
    const offset = channel * count;
    for (let k = 0; k < this.#count; k++) this.#means[k] = means[offset + this.#alive[k]];
  }

  /** Multiplies the weights by N(x; m_k, sigma^2) and returns ln f_i(x). */
  #leave(x: number): number {
    const { sigma } = this.#components;
    const before = this.#logTotal;
    for (let k = 0; k < this.#count; k++) {
      const z = (x - this.#means[k]) / sigma;
      this.#logWeights[k] -= 0.5 * z * z;
    }
    this.#normalise();
    return this.#logTotal - before - Math.log(sigma) - logSqrtTwoPi;
  }

  /** ln F(x) (side 1) or ln(1 - F(x)) (side -1) from logarithms, for tails that underflow. */
  #logTail(x: number, side: number): number {
    let most = Number.NEGATIVE_INFINITY;
    let sum = 0;
    for (let k = 0; k < this.#count; k++) {
      const z = (side * (x - this.#means[k])) / this.#components.sigma;
      const term = Math.log(this.#weights[k]) + logNormalCdf(z);
      if (term > most) {
        sum = sum * Math.exp(most - term) + 1;
        most = term;
      } else sum += Math.exp(term - most);
    }
    return most + Math.log(sum);
  }

  /** ln F(x) and ln(1 - F(x)). */
  #logTails(x: number): [number, number] {
    let lower = 0;
    let upper = 0;
    for (let k = 0; k < this.#count; k++) {
      const z = (x - this.#means[k]) / this.#components.sigma;
      const weight = this.#weights[k];
      const tail = weight * scaledTail(z) * Math.exp(-0.5 * z * z);
      if (z < 0) {
        lower += tail;
        upper += weight - tail;
      } else {
        upper += tail;
        lower += weight - tail;
      }
    }
    return [
      lower > smallest ? Math.log(Math.min(1, lower)) : this.#logTail(x, 1),
      upper > smallest ? Math.log(Math.min(1, upper)) : this.#logTail(x, -1),
    ];
  }

  /** y of a point x given ln pi (normalised); returns ln|det dy/dx|. */
  encode(x: Float64Array, logPi: Float64Array, y: Float64Array): number {
    this.#start(logPi);
    let logDet = 0;
    for (let channel = 0; channel < x.length; channel++) {
      this.#enter(channel);
      const [logP, logQ] = this.#logTails(x[channel]);
      const value = normalQuantile(logP, logQ);
      y[channel] = value;
      logDet += this.#leave(x[channel]) + 0.5 * value * value + logSqrtTwoPi;
    }
    return logDet;
  }

  /** ln F(x) - `target` (side 1) or `target` - ln(1 - F(x)) (side -1), both increasing, with the slope. */
  #mismatch(x: number, side: number, target: number, into: Slope): void {
    const { sigma } = this.#components;
    let sum = 0;
    let density = 0;
    for (let k = 0; k < this.#count; k++) {
      const z = (side * (x - this.#means[k])) / sigma;
      const weight = this.#weights[k];
      if (z > 9) {
        sum += weight;
        continue;
      }
      const bell = weight * Math.exp(-0.5 * z * z);
      density += bell;
      const tail = bell * scaledTail(z);
      sum += z <= 0 ? tail : weight - tail;
    }
    if (sum > smallest) {
      into.value = side * (Math.log(sum) - target);
      into.slope = density / (sum * sigma * Math.sqrt(2 * Math.PI));
    } else {
      into.value = side * (this.#logTail(x, side) - target);
      // In the far tail ln Phi(z) falls by |z| a unit; halving does the rest where this is not close enough.
      into.slope = Math.sqrt(-2 * Math.max(target, -1e300)) / sigma;
    }
  }

  /** x of a latent y given ln pi (normalised); returns ln|det dx/dy|. */
  decode(y: Float64Array, logPi: Float64Array, x: Float64Array): number {
    this.#start(logPi);
    const { sigma } = this.#components;
    let logDet = 0;
    for (let channel = 0; channel < y.length; channel++) {
      this.#enter(channel);
      const value = y[channel];
      const side = value <= 0 ? 1 : -1;
      const target = logNormalCdf(-Math.abs(value));
      let low = Number.POSITIVE_INFINITY;
      let high = Number.NEGATIVE_INFINITY;
      let middle = 0;
      let square = 0;
      for (let k = 0; k < this.#count; k++) {
        const mean = this.#means[k];
        if (mean < low) low = mean;
        if (mean > high) high = mean;
        middle += this.#weights[k] * mean;
        square += this.#weights[k] * mean * mean;
      }
      // At m_k + sigma y the distribution function of component k is Phi(y), so the root lies between the outermost.
      const found = increasingRoot(
        (at, into) => {
          this.#mismatch(at, side, target, into);
        },
        low + sigma * value,
        high + sigma * value,
        // Where a Gaussian of the mixture's mean and variance would have it.
        middle + Math.sqrt(sigma * sigma + Math.max(0, square - middle * middle)) * value,
      );
      x[channel] = found;
      logDet -= this.#leave(found) + 0.5 * value * value + logSqrtTwoPi;
    }
    return logDet;
  }
}
