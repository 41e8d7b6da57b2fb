/** Affine causal blocks in alternating order. */
import { scope, type Tensor } from "../../torch/index.ts";
import { Bijection, type Decoded, type Encoded } from "../bijection.ts";
import { Chain } from "../chain.ts";
import type { FlowContext } from "../context.ts";
import type { CausalFlow } from "./causalFlow.ts";
import { Reversed } from "./reversed.ts";

/** One block and its direction. */
export interface TarBlock {
  readonly name: string;
  readonly flow: CausalFlow;
  readonly backwards: boolean;
}

/**
 * N blocks y_t = (x_t - mu(x_<t)) e^{-a(x_<t)}, every other one from the end of the text to its start (TarFlow,
 * arXiv:2412.06329, with the learned start vector and the soft clip of STARFlow, arXiv:2506.06276). Blocks of one
 * direction alone would be a single Gaussian given the past. The last block may be any causal flow: where it knows its
 * density without latents, that is used. Decoding takes N T steps of one position, and needs the number of positions.
 */
export class TarFlow extends Bijection {
  readonly #first: Chain;
  readonly #last: Bijection;

  constructor(blocks: readonly TarBlock[]) {
    super();
    const links = blocks.map(({ name, flow, backwards }) => ({
      name,
      bijection: backwards ? new Reversed(flow) : flow,
    }));
    this.#first = this.child("blocks", new Chain(links.slice(0, -1)));
    this.#last = this.child("last", links[links.length - 1].bijection);
  }

  encode(x: Tensor, context: FlowContext): Encoded {
    const first = this.#first.encode(x, context);
    const { y, logDet } = scope(() => this.#last.encode(first.y, context));
    return { y, logDet: first.logDet.add(logDet) };
  }

  decode(y: Tensor, context: FlowContext): Decoded {
    const last = scope(() => this.#last.decode(y, context));
    const { x, logDet } = this.#first.decode(last.x, context);
    return { x, logDet: last.logDet.add(logDet) };
  }

  override logDensity(x: Tensor, context: FlowContext): Tensor {
    const first = this.#first.encode(x, context);
    return scope(() => this.#last.logDensity(first.y, context)).add(first.logDet);
  }
}
