/** Composition of bijections, in the order of encoding. */
import { scope, type Tensor, zeros } from "../torch/index.ts";
import { Bijection, type Decoded, type Encoded } from "./bijection.ts";
import type { FlowContext } from "./context.ts";

/** Encodes several links at once, to the same result. */
export interface Shortcut {
  /** How many, from the one that it stands at. */
  readonly links: number;
  /** Whether it can in this pass. */
  serves(x: Tensor, context: FlowContext): boolean;
  encode(x: Tensor, context: FlowContext): Encoded;
}

/** One part of a chain and how a trace names it. */
export interface Link {
  readonly name: string;
  readonly bijection: Bijection;
  readonly shortcut?: Shortcut;
}

/** y = f_K(... f_1(x)); the log-determinants add up. */
export class Chain extends Bijection {
  readonly #links: readonly Link[];
  readonly #path: string;

  /** @param path what precedes the links' names in a trace, as in "level 2 / " */
  constructor(links: readonly Link[], path = "") {
    super();
    this.#links = links;
    this.#path = path;
    links.forEach(({ bijection }, index) => {
      this.child(String(index), bijection);
    });
  }

  encode(x: Tensor, context: FlowContext): Encoded {
    let y = x;
    let logDet: Tensor | undefined;
    for (let index = 0; index < this.#links.length; ) {
      const { name, bijection, shortcut } = this.#links[index];
      const taken = shortcut?.serves(y, context) ? shortcut : undefined;
      const step = scope(() => (taken ?? bijection).encode(y, context));
      y = step.y;
      logDet = logDet ? logDet.add(step.logDet) : step.logDet;
      if (!taken) context.settings.trace?.(this.#path + name, y, context);
      index += taken?.links ?? 1;
    }
    return { y, logDet: logDet ?? zeros([context.lengths.length], { dtype: "float64", device: context.device }) };
  }

  decode(y: Tensor, context: FlowContext): Decoded {
    let x = y;
    let logDet: Tensor | undefined;
    for (let index = this.#links.length - 1; index >= 0; index--) {
      const step = scope(() => this.#links[index].bijection.decode(x, context));
      x = step.x;
      logDet = logDet ? logDet.add(step.logDet) : step.logDet;
    }
    return { x, logDet: logDet ?? zeros([context.lengths.length], { dtype: "float64", device: context.device }) };
  }
}
