/** A bijection that sees the positions of every text in reverse. */
import { arange, type Tensor } from "../../torch/index.ts";
import { Bijection, type Decoded, type Encoded } from "../bijection.ts";
import type { FlowContext } from "../context.ts";

/** Position n - 1 - t of each row at t, among its n real positions; pads stay where they are. Its own inverse. */
export function reversePositions(x: Tensor, context: FlowContext): Tensor {
  const [batch, positions, channels] = x.shape;
  const rows = arange(0, batch, 1, { device: x.device }).mul(positions).unsqueeze(1);
  // Of a pad this points to the first position; what it fetches is masked away.
  const from = context.fromEnd.add(rows).reshape(-1);
  return context.masked(x.reshape(-1, channels).indexSelect(0, from).reshape(batch, positions, channels));
}

/** reverse . f . reverse; a rearrangement has ln|det| = 0. */
export class Reversed extends Bijection {
  readonly #inner: Bijection;

  constructor(inner: Bijection) {
    super();
    this.#inner = this.child("inner", inner);
  }

  encode(x: Tensor, context: FlowContext): Encoded {
    const { y, logDet } = this.#inner.encode(reversePositions(x, context), context);
    return { y: reversePositions(y, context), logDet };
  }

  decode(y: Tensor, context: FlowContext): Decoded {
    const { x, logDet } = this.#inner.decode(reversePositions(y, context), context);
    return { x: reversePositions(x, context), logDet };
  }
}
