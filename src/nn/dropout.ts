/** Dropout whose masks depend on the example alone. */
import { UsageError } from "../base/errors.ts";
import { type Generator, rand, scope, stack, type Tensor } from "../torch/index.ts";

/**
 * x * mask / (1 - p), each row's mask drawn from that row's own stream, so that an example loses the same units in
 * whatever batch or process it is computed: draws run through the row in order, so pads at its end change nothing.
 * Without streams (outside training) or with p = 0 it is x.
 *
 * @param x (B, ...)
 * @throws UsageError where p is not in [0, 1), or there is not one stream a row.
 */
export function dropout(x: Tensor, p: number, streams: readonly Generator[] | undefined): Tensor {
  if (!(p >= 0 && p < 1)) throw new UsageError(`dropout: p is ${p}, expected a number from 0 to below 1`);
  if (!streams || p === 0) return x;
  if (streams.length !== x.size(0)) {
    throw new UsageError(`dropout: ${x.size(0)} rows need as many random streams, got ${streams.length}`);
  }
  const shape = x.shape.slice(1);
  // Always drawn in float32, so that all precisions drop the same units.
  const mask = scope(() => {
    const kept = stack(streams.map((stream) => rand(shape, stream, { dtype: "float32" }))).ge(p);
    return kept.to(x.dtype, x.device).mul_(1 / (1 - p));
  });
  return x.mul(mask);
}
