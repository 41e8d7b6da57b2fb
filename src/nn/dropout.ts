/** Dropout whose masks depend on the example alone. */
import { UsageError } from "../base/errors.ts";
import { type Generator, rand, scope, stack, type Tensor } from "../torch/index.ts";

/**
 * What dropout multiplies x by: 0 with probability p and 1 / (1 - p) else, each row drawn from that row's own stream, so
 * that an example loses the same units in whatever batch or process it is computed: draws run through the row in order,
 * so pads at its end change nothing.
 *
 * @param x (B, ...), of which only shape, dtype and device count
 * @throws UsageError where p is not in [0, 1), or there is not one stream a row.
 */
export function dropoutMask(x: Tensor, p: number, streams: readonly Generator[]): Tensor {
  if (!(p >= 0 && p < 1)) throw new UsageError(`dropout: p is ${p}, expected a number from 0 to below 1`);
  if (streams.length !== x.size(0)) {
    throw new UsageError(`dropout: ${x.size(0)} rows need as many random streams, got ${streams.length}`);
  }
  const shape = x.shape.slice(1);
  return scope(() => {
    // Always drawn in float32, so that all precisions drop the same units.
    const kept = stack(streams.map((stream) => rand(shape, stream, { dtype: "float32" }))).ge(p);
    return kept.to(x.dtype, x.device).mul_(1 / (1 - p));
  });
}

/** x times its dropout mask; without streams (outside training) or with p = 0 it is x. @throws as `dropoutMask` does */
export function dropout(x: Tensor, p: number, streams: readonly Generator[] | undefined): Tensor {
  if (!(p >= 0 && p < 1)) throw new UsageError(`dropout: p is ${p}, expected a number from 0 to below 1`);
  return streams && p > 0 ? x.mul(dropoutMask(x, p, streams)) : x;
}
