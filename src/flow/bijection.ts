/** The core type: an invertible map with its log-determinant, both ways. */
import { Module } from "../nn/index.ts";
import { isFusable, scalesLogDet, type Tensor } from "../torch/index.ts";
import type { FlowContext } from "./context.ts";
import { standardNormalLogDensity } from "./gaussian.ts";

/** Data to latent. `logDet` is ln |det dy/dx| of each row, (B), float64, nats, over real positions only. */
export interface Encoded {
  readonly y: Tensor;
  readonly logDet: Tensor;
}

/** Latent to data. `logDet` is ln |det dx/dy| of each row, (B), float64, nats. */
export interface Decoded {
  readonly x: Tensor;
  readonly logDet: Tensor;
}

/**
 * An invertible map of (B, T, C) tensors whose pads are zero on both sides.
 * For every x: decode(encode(x).y).x = x and encode(x).logDet = -decode(encode(x).y).logDet.
 */
export abstract class Bijection extends Module {
  abstract encode(x: Tensor, context: FlowContext): Encoded;
  abstract decode(y: Tensor, context: FlowContext): Decoded;

  /**
   * ln p(x) of each row, (B), float64, nats: that of the latents under N(0, I) and the log-determinant. Where a map
   * knows its density without the latents it says so here, and that is what training follows.
   */
  logDensity(x: Tensor, context: FlowContext): Tensor {
    const { y, logDet } = this.encode(x, context);
    return standardNormalLogDensity(y, context).add(logDet);
  }
}

/**
 * The log-determinant of a map that scales each row by the same factors at every real position: n_b * sum ln|s_c|.
 *
 * @param values ln|s_c|, or the s_c themselves
 */
export function perPosition(values: Tensor, context: FlowContext, are: "logarithms" | "scales" = "logarithms"): Tensor {
  if (isFusable(values)) return scalesLogDet(values, context.lengths, are === "logarithms");
  return context.counts.mul((are === "logarithms" ? values : values.abs().log()).to("float64").sum());
}

/** The sum of a masked (B, T, C) tensor over its row, (B), float64. */
export function perRow(values: Tensor): Tensor {
  return values.sum([1, 2]).to("float64");
}
