/** Dropout whose masks depend on the example alone. */
import { type Generator, rand, stack, type Tensor } from "../torch/index.ts";

/**
 * x * mask / (1 - p), each row's mask drawn from that row's own stream, so that an example loses the same units in
 * whatever batch or process it is computed. Without streams (outside training) or with p = 0 it is x.
 *
 * @param x (B, ...)
 */
export function dropout(x: Tensor, p: number, streams: readonly Generator[] | undefined): Tensor {
  if (!streams || p === 0) return x;
  const shape = x.shape.slice(1);
  const masks = streams.map((generator) => rand(shape, generator).ge(p));
  return x.mul(
    stack(masks)
      .to(x.dtype, x.device)
      .div(1 - p),
  );
}
