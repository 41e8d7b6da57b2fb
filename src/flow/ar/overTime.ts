/** Encoding without the context in the network: every step is parallel over time. */
import { cat, scope, type Tensor } from "../../torch/index.ts";
import type { Encoded } from "../bijection.ts";
import type { FlowContext } from "../context.ts";
import type { ArSteps } from "./arSteps.ts";
import { applyAffine, applyMlp, products } from "./stacked.ts";

/**
 * y and ln|det| of every row, one step after the other, each over all positions at once. Only where the network reads
 * no context (`acContext: "none"`).
 */
export function encodeOverTime(steps: ArSteps, x: Tensor, context: FlowContext): Encoded {
  const [rows, positions, channels] = x.shape;
  const all = steps.weights(rows * positions);
  const maps = steps.time.matrices(positions).unbind(0);
  const encoding = steps.network.encoding(0, positions);
  let y = x;
  let logDet = steps.constantLogDet(positions).expand(rows);
  for (let step = 0; step < steps.count; step++) {
    const next = scope(() => {
      const own = steps.window(all, step, step + 1);
      const v = maps[step].matmul(y.add(own.bias).mul(own.scale));
      if (positions === 1) return { y: v, logDet };
      const flat = (part: Tensor): Tensor => part.reshape(1, rows * (positions - 1), -1);
      const reduced = applyAffine(v.reshape(1, rows * positions, channels), own.reduceInput);
      const input = reduced.reshape(rows, positions, channels);
      const seen = steps.network.sequence(step, encoding ? input.add(encoding) : input);
      const r = flat(seen.slice(1, 0, positions - 1));
      const [la, ma] = applyMlp(r, own.mlpA).chunk(2, 2);
      const [lb, mb] = applyMlp(r, own.mlpB).chunk(2, 2);
      const c = products(flat(v.slice(1, 1)), own.mapA)
        .add(ma)
        .mul(la.sigmoid());
      const z = products(c, own.mapB).add(mb).mul(lb.sigmoid());
      const logs = la
        .logSigmoid()
        .add(lb.logSigmoid())
        .reshape(rows, positions - 1, channels);
      return {
        y: cat([v.slice(1, 0, 1), z.reshape(rows, positions - 1, channels)], 1),
        logDet: logDet.add(logs.sum([1, 2]).to("float64")),
      };
    });
    ({ y, logDet } = next);
    context.settings.trace?.(`step ${step + 1}`, y, context);
  }
  return { y, logDet };
}
