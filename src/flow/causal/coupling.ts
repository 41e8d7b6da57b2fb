/** The causal channel coupling: half of x_t and the past decide how the other half of x_t is scaled and shifted. */
import { type InitContext, type NetworkSettings, ZeroLinear } from "../../nn/index.ts";
import { cat, noGrad, scope, stack, type Tensor } from "../../torch/index.ts";
import { affineForward, affineInverse } from "../affine.ts";
import { Bijection, type Decoded, type Encoded, perRow } from "../bijection.ts";
import type { FlowContext } from "../context.ts";
import { softClip } from "../softClip.ts";
import { CausalNetwork, type CausalReader, type CausalSize } from "./network.ts";

/** What a coupling is made of. */
export interface CouplingShape {
  readonly positions: number;
  readonly channels: number;
  /** The second half is seen, the first changed. */
  readonly seesSecond: boolean;
  /** c of ln s = c tanh(l / c). */
  readonly bound: number;
}

/**
 * y_t = [a_t, s (b_t + m)], (l, m) = ZeroLinear(g(x_<t, a_t)), ln s = c tanh(l / c), for the halves a and b of x_t;
 * ln|det| = sum ln s. What is not affine in x_t given the past, as a chain of affine causal steps is, and yet decodes
 * left to right.
 */
export class CausalCoupling extends Bijection {
  readonly #shape: CouplingShape;
  readonly #network: CausalNetwork;
  readonly #head: ZeroLinear;
  readonly #settings: NetworkSettings;

  constructor(init: InitContext, shape: CouplingShape, size: CausalSize) {
    super();
    const { positions, channels } = shape;
    this.#shape = shape;
    this.#settings = init.networks;
    this.#network = this.child(
      "network",
      new CausalNetwork(init, { input: channels, positions, present: channels / 2 }, size),
    );
    this.#head = this.child("head", new ZeroLinear(init, size.width, channels));
  }

  #halves(x: Tensor): { seen: Tensor; changed: Tensor } {
    const [first, second] = x.chunk(2, x.ndim - 1);
    return this.#shape.seesSecond ? { seen: second, changed: first } : { seen: first, changed: second };
  }

  #joined(seen: Tensor, changed: Tensor): Tensor {
    return cat(this.#shape.seesSecond ? [changed, seen] : [seen, changed], seen.ndim - 1);
  }

  #scaleAndShift(hidden: Tensor): { logS: Tensor; shift: Tensor } {
    const [scale, shift] = this.#head.forward(hidden).chunk(2, hidden.ndim - 1);
    return { logS: softClip(scale, this.#shape.bound), shift };
  }

  encode(x: Tensor, context: FlowContext): Encoded {
    const { seen, changed } = this.#halves(x);
    const hidden = this.#network.forward(x, { present: seen, dropout: context.settings.dropout });
    const { logS, shift } = this.#settings.run(() => this.#scaleAndShift(hidden));
    const y = context.masked(this.#joined(seen, affineForward(changed, logS, shift)));
    return { y, logDet: perRow(context.masked(logS)) };
  }

  /** Position by position; records no graph. */
  decode(y: Tensor, context: FlowContext): Decoded {
    return noGrad(() =>
      scope(() => {
        const stepper = this.stepper(y.size(0));
        try {
          const parts = y.unbind(1).map((z) => {
            const part = stepper.invert(z);
            stepper.accept(part.x);
            return part;
          });
          const x = context.masked(
            stack(
              parts.map((part) => part.x),
              1,
            ),
          );
          const logDet = context.masked(
            stack(
              parts.map((part) => part.logScales),
              1,
            ),
          );
          return { x, logDet: perRow(logDet).neg() };
        } finally {
          stepper.dispose();
        }
      }),
    );
  }

  /** Inverting one position at a time. */
  stepper(rows: number): CouplingStepper {
    return new CouplingStepper(this.#network.reader(rows), {
      halves: (x) => this.#halves(x),
      joined: (seen, changed) => this.#joined(seen, changed),
      scaleAndShift: (hidden) => this.#scaleAndShift(hidden),
    });
  }
}

interface StepperParts {
  readonly halves: (x: Tensor) => { seen: Tensor; changed: Tensor };
  readonly joined: (seen: Tensor, changed: Tensor) => Tensor;
  readonly scaleAndShift: (hidden: Tensor) => { logS: Tensor; shift: Tensor };
}

/** A coupling at one position after the other, over R rows; x and y are (R, C). */
export class CouplingStepper {
  readonly #reader: CausalReader;
  readonly #parts: StepperParts;
  #previous: Tensor | undefined;
  #position = 0;

  constructor(reader: CausalReader, parts: StepperParts) {
    this.#reader = reader;
    this.#parts = parts;
  }

  #read(value: Tensor): { seen: Tensor; changed: Tensor; logS: Tensor; shift: Tensor } {
    const { seen, changed } = this.#parts.halves(value);
    if (this.#reader.position > this.#position) this.#reader.rewind(this.#position);
    return { seen, changed, ...this.#parts.scaleAndShift(this.#reader.next(this.#previous, seen)) };
  }

  /** x_t of y_t and ln s (R, C / 2), given what was accepted before. May be called again. */
  invert(y: Tensor): { readonly x: Tensor; readonly logScales: Tensor } {
    const { seen, changed, logS, shift } = this.#read(y);
    return { x: this.#parts.joined(seen, affineInverse(changed, logS, shift)), logScales: logS };
  }

  /** y_t of an x_t. May be called again. */
  apply(x: Tensor): Tensor {
    const { seen, changed, logS, shift } = this.#read(x);
    return this.#parts.joined(seen, affineForward(changed, logS, shift));
  }

  /** Takes x_t, which the last `invert` gave or the last `apply` was given, and goes on to the next position. */
  accept(x: Tensor): void {
    this.#previous?.dispose();
    this.#previous = x.alias().keep();
    this.#position += 1;
  }

  select(rows: readonly number[], indices: Tensor): void {
    this.#reader.select(rows);
    const previous = this.#previous;
    this.#previous = previous?.indexSelect(0, indices).keep();
    previous?.dispose();
  }

  dispose(): void {
    this.#reader.dispose();
    this.#previous?.dispose();
  }
}
