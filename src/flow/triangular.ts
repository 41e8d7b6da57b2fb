/** Square matrices in triangular factors: invertible by construction, with a log-determinant that is a sum. */
import { type InitContext, Module } from "../nn/index.ts";
import { arange, eye, luFactors, luProduct, noGrad, type Tensor } from "../torch/index.ts";
import * as op from "../torch/operators.ts";
import { Tensor as TensorClass } from "../torch/tensor.ts";
import { softClip } from "./softClip.ts";

function solveTriangular(matrix: Tensor, right: Tensor, upper: boolean, unit: boolean): Tensor {
  return TensorClass.adopt(op.linalg_solve_triangular(matrix.handle, right.handle, upper, true, unit));
}

/** The inverse of a triangular matrix by substitution against the identity. */
export function invertTriangular(matrix: Tensor, upper: boolean, unit = false): Tensor {
  const identity = eye(matrix.size(0), matrix.size(0), { dtype: matrix.dtype, device: matrix.device });
  return solveTriangular(matrix, identity, upper, unit);
}

/** Bound of ln|u_ii|: a prefix map can stretch or shrink a direction at most by e^2. */
const diagonalBound = 2;

/**
 * W = L U without a permutation: L unit lower triangular, U upper triangular with positive diagonal
 * u_ii = exp(softClip(w_i)). The leading n x n block of W is L_n U_n, so **every prefix** is invertible with
 * ln|det| = sum_{i <= n} ln u_ii; that is what lets a map over time serve sentences of every length.
 * At the start W = I.
 */
export class PrefixLu extends Module {
  readonly #lower: Tensor;
  readonly #upper: Tensor;
  readonly #logDiagonal: Tensor;

  constructor(init: InitContext, size: number) {
    super();
    this.#lower = this.parameter("lower", init.zeros([size, size]));
    this.#upper = this.parameter("upper", init.zeros([size, size]));
    this.#logDiagonal = this.parameter("logDiagonal", init.zeros([size]));
  }

  /** ln u_ii of the leading n, (n). */
  logDiagonal(n: number): Tensor {
    return softClip(this.#logDiagonal.slice(0, 0, n), diagonalBound);
  }

  /** L_n U_n, (n, n). */
  product(n: number): Tensor {
    return luProduct(this.#lower, this.#upper, this.logDiagonal(n).exp());
  }

  /** The factors of the leading n x n block. */
  factors(n: number): { readonly lower: Tensor; readonly upper: Tensor } {
    return luFactors(this.#lower, this.#upper, this.logDiagonal(n).exp());
  }
}

/**
 * W = P L U with a fixed permutation P, the P-L-U form of Glow: L unit lower triangular, U with diagonal
 * sgn * exp(w); P and sgn come from the LU decomposition of a random orthogonal matrix and stay fixed.
 * ln|det| = sum_i w_i.
 */
export class PermutedLu extends Module {
  readonly #permutation: Tensor;
  readonly #sign: Tensor;
  readonly #lower: Tensor;
  readonly #upper: Tensor;
  readonly #logDiagonal: Tensor;

  constructor(init: InitContext, size: number) {
    super();
    const start = noGrad(() => {
      const [p, l, u] = op.linalg_lu(init.orthogonal(size).handle).map((handle) => TensorClass.adopt(handle));
      const diagonal = u.diagonal();
      return { p, l: l.tril(-1), u: u.triu(1), sign: diagonal.sign(), logDiagonal: diagonal.abs().log() };
    });
    // Stored as the row order it stands for: (P x)_i = x_order(i).
    this.#permutation = this.buffer(
      "order",
      start.p
        .matmul(arange(0, size, 1, { dtype: start.p.dtype, device: start.p.device }).unsqueeze(1))
        .squeeze(1)
        .round()
        .to("int64"),
    );
    this.#sign = this.buffer("sign", start.sign.clone());
    this.#lower = this.parameter("lower", start.l.clone());
    this.#upper = this.parameter("upper", start.u.clone());
    this.#logDiagonal = this.parameter("logDiagonal", start.logDiagonal.clone());
  }

  /** w, (n). */
  get logDiagonal(): Tensor {
    return this.#logDiagonal;
  }

  get #diagonal(): Tensor {
    return this.#sign.mul(this.#logDiagonal.exp());
  }

  /** W, (n, n). */
  matrix(): Tensor {
    return luProduct(this.#lower, this.#upper, this.#diagonal, this.#permutation);
  }

  /** W^-1 = U^-1 L^-1 P^T by two triangular solves. */
  inverse(): Tensor {
    const { lower, upper } = luFactors(this.#lower, this.#upper, this.#diagonal);
    const n = lower.size(0);
    // P^T: its row order(i) is the unit vector i.
    const transposed = eye(n, n, { dtype: lower.dtype, device: lower.device })
      .indexSelect(0, this.#permutation)
      .transpose();
    return solveTriangular(upper, solveTriangular(lower, transposed, false, true), true, false);
  }
}
