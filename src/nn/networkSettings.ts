/** How the networks of one model compute. */
import { inNetworkPrecision, type NetworkPrecision } from "./precision.ts";

let recomputing = false;

/** Whether the networks at work keep their inputs alone for the gradient, and compute the rest again on the way back. */
export function networksRecompute(): boolean {
  return recomputing;
}

/**
 * What a model decides for its networks. The model makes it and changes it, its networks hold it and compute inside `run`;
 * what no network computes never sees it.
 */
export class NetworkSettings {
  precision: NetworkPrecision = "float32";
  /** Less memory in training for one more way forward (gradient checkpointing): of transformer blocks, on the CPU. */
  recomputes = false;

  /** Runs `body`, which must be synchronous, and puts what was in force before back, even when it throws. */
  run<Result>(body: () => Result): Result {
    const before = recomputing;
    recomputing = this.recomputes;
    try {
      return inNetworkPrecision(this.precision, body);
    } finally {
      recomputing = before;
    }
  }
}
