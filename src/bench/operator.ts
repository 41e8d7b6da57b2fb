/** What one small operator call costs. */
import { ones, scope } from "../torch/index.ts";

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
