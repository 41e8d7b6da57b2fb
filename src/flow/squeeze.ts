/** Trading time for channels, and a bijection that works on squeezed input. */
import type { Tensor } from "../torch/index.ts";
import { Bijection, type Decoded, type Encoded } from "./bijection.ts";
import type { FlowContext } from "./context.ts";

/** (B, T, C) to (B, T/2, 2C), channels in the order c0 of t even, c0 of t odd, c1 of t even, ... */
export function squeeze(x: Tensor): Tensor {
  const [batch, positions, channels] = x.shape;
  return x
    .reshape(batch, positions / 2, 2, channels)
    .transpose(2, 3)
    .reshape(batch, positions / 2, 2 * channels);
}

/** The inverse of `squeeze`. */
export function unsqueeze(y: Tensor): Tensor {
  const [batch, positions, channels] = y.shape;
  return y
    .reshape(batch, positions, channels / 2, 2)
    .transpose(2, 3)
    .reshape(batch, positions * 2, channels / 2);
}

/** unsqueeze . f . squeeze: `inner` sees half the positions and twice the channels. A rearrangement has ln|det| = 0. */
export class Squeezed extends Bijection {
  readonly #inner: Bijection;

  constructor(inner: Bijection) {
    super();
    this.#inner = this.child("inner", inner);
  }

  encode(x: Tensor, context: FlowContext): Encoded {
    const { y, logDet } = this.#inner.encode(squeeze(x), context.squeezed());
    return { y: unsqueeze(y), logDet };
  }

  decode(y: Tensor, context: FlowContext): Decoded {
    const { x, logDet } = this.#inner.decode(squeeze(y), context.squeezed());
    return { x: unsqueeze(x), logDet };
  }
}
