/** The machine's own matrix-product peak, the yardstick of every other speed. */
import { type DType, Generator, noGrad, randn, scope } from "../torch/index.ts";

/** Best of `runs` products of n x n matrices, in GFLOP/s (2 n^3 operations each). */
export function gemmPeak(dtype: DType, n = 1024, runs = 5): number {
  const generator = new Generator(0);
  return noGrad(() =>
    scope(() => {
      const a = randn([n, n], generator).to(dtype);
      const b = randn([n, n], generator).to(dtype);
      a.matmul(b);
      let best = Number.POSITIVE_INFINITY;
      for (let run = 0; run < runs; run++) {
        const start = performance.now();
        scope(() => {
          for (let repeat = 0; repeat < 4; repeat++) a.matmul(b);
        });
        best = Math.min(best, (performance.now() - start) / 4);
      }
      generator.dispose();
      return (2 * n ** 3) / best / 1e6;
    }),
  );
}
