/** What stands at the end of a causal flow: the density of one position given its past. */
import { Module } from "../../nn/index.ts";
import type { Tensor } from "../../torch/index.ts";

/** (y, h) to x and ln|det dx/dy|. */
export interface HeadInverse {
  (y: Tensor, hidden: Tensor): { readonly x: Tensor; readonly logDet: Tensor };
  /** Frees what it holds, where it holds something. */
  dispose?(): void;
}

/**
 * p(x_t | h_t) as an invertible map of x_t onto N(0, I), for N positions side by side: x and y (N, C), h (N, width).
 * Log-determinants and log-densities are (N), float64, nats.
 */
export abstract class CausalHead extends Module {
  abstract encode(x: Tensor, hidden: Tensor): { readonly y: Tensor; readonly logDet: Tensor };
  /** The inverse, as a function that may hold what it needs at every position. For one decoding: it may go stale. */
  abstract inverter(): HeadInverse;
  /** ln p(x | h) without the latents, differentiable in x, h and the parameters; where `encode` is that already, none. */
  logDensity?(x: Tensor, hidden: Tensor): Tensor;
}
