/** A step over time at once: what its three links do, with fewer passes over memory. */
import { isFusable, type Tensor, timeMapParts } from "../torch/index.ts";
import type { ActNorm } from "./actNorm.ts";
import type { Encoded } from "./bijection.ts";
import type { Shortcut } from "./chain.ts";
import type { FlowContext } from "./context.ts";
import type { AffineCoupling } from "./couplings.ts";
import type { TimeMap } from "./linearMaps.ts";

/**
 * ActNorm, a map over time and a coupling over time, encoded together: the first two and the coupling's split are one
 * operator. It owns no parameters; those are the links'.
 */
export class TimeStep implements Shortcut {
  readonly links = 3;
  readonly #actNorm: ActNorm;
  readonly #map: TimeMap;
  readonly #coupling: AffineCoupling;

  constructor(actNorm: ActNorm, map: TimeMap, coupling: AffineCoupling) {
    this.#actNorm = actNorm;
    this.#map = map;
    this.#coupling = coupling;
  }

  /** Not where somebody asks for what stands between the links, or where ActNorm is to be set from it. */
  serves(x: Tensor, { settings }: FlowContext): boolean {
    return isFusable(x) && !settings.initialising && !settings.trace;
  }

  encode(x: Tensor, context: FlowContext): Encoded {
    const channels = x.size(2);
    const layout = this.#coupling.layout(context, channels);
    const parts = timeMapParts(x, this.#actNorm.affine, this.#map.matrix(context), context.lengths, layout.place);
    const { y, logDet } = this.#coupling.encodeParts(parts, x.shape, layout);
    return { y, logDet: this.#actNorm.logDet(context).add(this.#map.logDet(channels, context)).add(logDet) };
  }
}
