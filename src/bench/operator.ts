/** What one small operator call costs. */
import { getThreads, ones, scope } from "../torch/index.ts";
import { gemmPeak } from "./gemm.ts";
import { besidePeer, chosenPeer, type PeerChoice } from "./peer.ts";

/** Microseconds of one addition of 4 numbers, its result freed: the best of five runs of 50,000 calls. */
export function operatorMicroseconds(): number {
  const x = ones([4]);
  let best = Number.POSITIVE_INFINITY;
  for (let run = 0; run < 5; run++) {
    const start = performance.now();
    for (let part = 0; part < 100; part++) {
      scope(() => {
        for (let call = 0; call < 500; call++) x.add(x);
      });
    }
    best = Math.min(best, ((performance.now() - start) / 50_000) * 1000);
  }
  x.dispose();
  return best;
}

/** What was measured. */
export interface OperatorResult {
  readonly operatorMicroseconds: number;
  readonly gemmPeakGflops: number;
  /** What the peak computes in the time of a call: an operator of fewer flops costs more to call than to compute. */
  readonly peakFlopPerCall: number;
  readonly threads: number;
  /** The same addition in Python. */
  readonly peerOperatorMicroseconds?: number;
  readonly speedup?: number;
  readonly peerSkipped?: string;
}

/** The call, the peak, and with `peer` Python's call. */
export async function benchOperator(options: { readonly peer?: PeerChoice } = {}): Promise<OperatorResult> {
  return await besidePeer(chosenPeer(options.peer), async (peer): Promise<OperatorResult> => {
    const call = operatorMicroseconds();
    const peak = gemmPeak("float32");
    const own = {
      operatorMicroseconds: call,
      gemmPeakGflops: peak,
      peakFlopPerCall: call * 1e-6 * peak * 1e9,
      threads: getThreads(),
    };
    if (!peer) return own;
    const { microseconds } = await peer.ask({ do: "operator" });
    const theirs = Number(microseconds);
    return { ...own, peerOperatorMicroseconds: theirs, speedup: theirs / call };
  });
}
