/** Square matrices in triangular factors: invertible by construction, with a log-determinant that is a sum. */
import { type InitContext, Module } from "../nn/index.ts";
import { arange, eye, luFactors, luProduct, noGrad, scope, type Tensor } from "../torch/index.ts";
import * as op from "../torch/operators.ts";
import { Tensor as TensorClass } from "../torch/tensor.ts";
import { softClip } from "./softClip.ts";

/** M^-1 R of triangular matrices M by substitution; both (..., n, n). `unit`: 1 is taken for M's diagonal. */
export function solveTriangular(matrix: Tensor, right: Tensor, upper: boolean, unit: boolean): Tensor {
  return TensorClass.adopt(op.linalg_solve_triangular(matrix.handle, right.handle, upper, true, unit));
}

/** The inverse of a triangular matrix by substitution against the identity. */
export function invertTriangular(matrix: Tensor, upper: boolean, unit = false): Tensor {
  const identity = eye(matrix.size(0), matrix.size(0), { dtype: matrix.dtype, device: matrix.device });
  return solveTriangular(matrix, identity, upper, unit);
}

/** The diagonals of square matrices: (..., n, n) to (..., n). */
export function diagonalsOf(matrices: Tensor): Tensor {
  return TensorClass.adopt(op.diagonal(matrices.handle, 0, -2, -1));
}

/** The factors of matrices A = P L U with U = sgn exp(w) on its diagonal, each (..., n, n) or (..., n). */
interface PermutedFactors {
  /** P as the row order it stands for, int64: (P x)_i = x_order(i). */
  readonly order: Tensor;
  readonly sign: Tensor;
  /** L below its diagonal, which is 1. */
  readonly lower: Tensor;
  /** U above its diagonal. */
  readonly upper: Tensor;
  readonly logDiagonal: Tensor;
}

/** What maps in P-L-U form start from: the factors of matrices (..., n, n). */
export function permutedFactors(matrices: Tensor): PermutedFactors {
  return noGrad(() =>
    scope(() => {
      const [p, l, u] = TensorClass.adoptAll(op.linalg_lu(matrices.handle));
      const { dtype, device } = matrices;
      const places = arange(0, matrices.size(-1), 1, { dtype, device }).unsqueeze(1);
      const diagonals = diagonalsOf(u);
      return {
        order: p.matmul(places).squeeze(-1).round().to("int64"),
        sign: diagonals.sign(),
        lower: l.tril(-1),
        upper: u.triu(1),
        logDiagonal: diagonals.abs().log(),
      };
    }),
  );
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
    const start = permutedFactors(init.orthogonal(size));
    this.#permutation = this.buffer("order", start.order);
    this.#sign = this.buffer("sign", start.sign);
    this.#lower = this.parameter("lower", start.lower);
    this.#upper = this.parameter("upper", start.upper);
    this.#logDiagonal = this.parameter("logDiagonal", start.logDiagonal);
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
