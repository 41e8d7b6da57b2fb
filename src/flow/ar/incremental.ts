/** Decoding one position at a time, for flows in which position t of the latents depends on positions up to t. */
import type { Tensor } from "../../torch/index.ts";
import { Bijection } from "../bijection.ts";

/**
 * The inverse of a causal flow, position by position, over R rows. What stands at a position may be chosen freely once
 * it is known what its latent would give: later positions are then decoded from the choice. Everything lives outside
 * scopes until `dispose`; no gradient flows through it.
 */
export interface IncrementalDecoder {
  /** R. */
  readonly rows: number;
  /** The position that comes next, from 0. */
  readonly position: number;
  /** x_t of the latents z_t of this position, (R, D), given what was committed so far. Changes nothing. */
  invert(z: Tensor): Tensor;
  /** Takes x_t (R, D) as what stands at this position and goes on to the next; its latents z_t, (R, D). */
  commit(x: Tensor): Tensor;
  /** Takes what the last `invert` of this position returned, without computing it again. */
  accept(): void;
  /** Keeps the given rows in this order and as often as they are named, as when hypotheses branch. */
  select(rows: readonly number[]): void;
  dispose(): void;
}

/** A flow that can be inverted position by position. */
export abstract class CausalBijection extends Bijection {
  /** A decoder of `rows` rows before position 0, made of the parameters as they are now. */
  abstract decoder(rows: number): IncrementalDecoder;
}
