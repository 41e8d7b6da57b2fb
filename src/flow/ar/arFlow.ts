/** The paper's autoregressive flow as one bijection. */
import { RiverrunError, UsageError } from "../../base/errors.ts";
import type { InitContext, NetworkSettings } from "../../nn/index.ts";
import { noGrad, scope, stack, type Tensor } from "../../torch/index.ts";
import type { Decoded, Encoded } from "../bijection.ts";
import type { FlowConfig } from "../config.ts";
import type { FlowContext } from "../context.ts";
import { ArDecoder } from "./arDecoder.ts";
import { ArSteps } from "./arSteps.ts";
import { CausalBijection, type IncrementalDecoder } from "./incremental.ts";
import { encodeOverTime } from "./overTime.ts";
import { encodeByLoops } from "./plainLoops.ts";
import { encodeByWavefront } from "./wavefront.ts";

/**
 * K steps of `ArSteps` on (B, T, C) onto N(0, I) of the same shape (Att-AR, RNN-AR). Every row fills its positions; a
 * batch may be shorter than T, since position t of the latents depends on positions up to t alone.
 *
 * For any K this is a Gaussian p(x_t | x_<t): every part is affine in x_t given the past.
 */
export class ArFlow extends CausalBijection {
  /** The steps, for those who run them in another way. */
  readonly steps: ArSteps;
  readonly #settings: NetworkSettings;

  constructor(init: InitContext, positions: number, channels: number, config: FlowConfig) {
    super();
    this.#settings = init.networks;
    this.steps = this.child("steps", new ArSteps(init, positions, channels, config));
  }

  #check(context: FlowContext): void {
    if (!context.full || context.positions > this.steps.positions) {
      throw new UsageError(
        `the autoregressive flow sees no masks: expected rows that all fill up to ${this.steps.positions} positions, got lengths ${context.lengths.slice(0, 8).join(", ")} of ${context.positions}`,
      );
    }
  }

  encode(x: Tensor, context: FlowContext): Encoded {
    this.#check(context);
    let encode = encodeByWavefront;
    if (context.settings.initialising) encode = encodeByLoops;
    else if (!this.steps.readsContext) encode = encodeOverTime;
    const encoded = this.#settings.run(() => encode(this.steps, x, context));
    context.settings.trace?.("latent", encoded.y, context);
    return encoded;
  }

  /** Position by position; records no graph. */
  decode(y: Tensor, context: FlowContext): Decoded {
    this.#check(context);
    return noGrad(() =>
      scope(() => {
        const decoder = new ArDecoder(this.steps, y.size(0));
        try {
          const x = y.unbind(1).map((z) => {
            const at = decoder.invert(z);
            decoder.accept();
            return at;
          });
          const logDet = decoder.logScales.add(this.steps.constantLogDet(context.positions));
          return { x: stack(x, 1), logDet: logDet.neg() };
        } finally {
          decoder.dispose();
        }
      }),
    );
  }

  decoder(rows: number): IncrementalDecoder {
    if (!Number.isInteger(rows) || rows < 1) throw new RiverrunError(`a decoder needs at least one row, got ${rows}`);
    return new ArDecoder(this.steps, rows);
  }
}
