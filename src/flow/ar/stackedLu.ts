/** The linear maps of K flow steps: over channels in P-L-U form, over time lower triangular. */
import { type InitContext, Module } from "../../nn/index.ts";
import { arange, eye, stack, type Tensor } from "../../torch/index.ts";
import { permutedFactors, solveTriangular } from "../triangular.ts";

/**
 * K matrices W = P L U (C x C) as in `PermutedLu`: L unit lower triangular, U with diagonal sgn * exp(w); P and sgn are
 * those of the LU decomposition of a random orthogonal matrix and stay fixed. ln|det W_k| = sum_i w_ki.
 */
export class StackedPermutedLu extends Module {
  readonly #order: Tensor;
  readonly #sign: Tensor;
  readonly #lower: Tensor;
  readonly #upper: Tensor;
  /** w, (K, C). */
  readonly logDiagonal: Tensor;

  constructor(init: InitContext, steps: number, size: number) {
    super();
    const start = permutedFactors(stack(Array.from({ length: steps }, () => init.orthogonal(size))));
    this.#order = this.buffer("order", start.order);
    this.#sign = this.buffer("sign", start.sign);
    this.#lower = this.parameter("lower", start.lower);
    this.#upper = this.parameter("upper", start.upper);
    this.logDiagonal = this.parameter("logDiagonal", start.logDiagonal);
  }

  #identity(): Tensor {
    const [steps, size] = this.#lower.shape;
    return eye(size, size, { dtype: this.#lower.dtype, device: this.#lower.device })
      .unsqueeze(0)
      .expand(steps, size, size);
  }

  #factors(): { readonly lower: Tensor; readonly upper: Tensor } {
    return {
      lower: this.#lower.tril(-1).add(this.#identity()),
      upper: this.#upper.triu(1).add(this.#sign.mul(this.logDiagonal.exp()).diagEmbed()),
    };
  }

  /** Rows of K matrices in the fixed order: P_k M_k. */
  #permuted(matrices: Tensor): Tensor {
    const [steps, size] = matrices.shape;
    const starts = arange(0, steps * size, size, { device: matrices.device }).unsqueeze(1);
    const rows = this.#order.add(starts).reshape(-1);
    return matrices
      .reshape(steps * size, size)
      .indexSelect(0, rows)
      .reshape(steps, size, size);
  }

  /** W_k^T, (K, C, C): what a row vector is multiplied by. */
  transposed(): Tensor {
    const { lower, upper } = this.#factors();
    return this.#permuted(lower.matmul(upper)).transpose(1, 2);
  }

  /** (W_k^-1)^T, (K, C, C), W^-1 = U^-1 L^-1 P^T by two triangular solves. */
  inverseTransposed(): Tensor {
    const { lower, upper } = this.#factors();
    const right = this.#permuted(this.#identity()).transpose(1, 2);
    return solveTriangular(upper, solveTriangular(lower, right, false, true), true, false).transpose(1, 2);
  }
}

/**
 * K uni-directional maps over time, y_t = sum_{j <= t} W_tj x_j with W_tt = exp(w_t) > 0; the leading n x n block maps
 * the first n positions, ln|det| = C * sum_{t < n} w_t. They start as the identity but for entries below the diagonal of
 * N(0, (0.05 / sqrt(T))^2). Paper, section 2.3.
 */
export class StackedTimeMap extends Module {
  readonly #lower: Tensor;
  /** w, (K, T). */
  readonly logDiagonal: Tensor;

  constructor(init: InitContext, steps: number, positions: number) {
    super();
    this.#lower = this.parameter("lower", init.normal([steps, positions, positions], 0.05 / Math.sqrt(positions)));
    this.logDiagonal = this.parameter("logDiagonal", init.zeros([steps, positions]));
  }

  /** The leading n x n blocks, (K, n, n), zero above the diagonal. */
  matrices(n: number): Tensor {
    const leading = this.#lower.slice(1, 0, n).slice(2, 0, n);
    return leading.tril(-1).add(this.logDiagonal.slice(1, 0, n).exp().diagEmbed());
  }
}
