/**
 * Encoding as the formulas state it: for every step over all positions, for every position one cell, whose network is made
 * of the engine's ordinary layers. The measure of the wavefront, and the pass in which ActNorm is set from the first batch.
 */
import { noGrad, scope, stack, type Tensor, zeros } from "../../torch/index.ts";
import type { Encoded } from "../bijection.ts";
import type { FlowContext } from "../context.ts";
import type { ArSteps, CellWeights } from "./arSteps.ts";
import { addProducts, applyAffine, applyMlp, products } from "./stacked.ts";

/** Below this a channel is constant: 1 / std would blow its rounding errors up. */
const leastDeviation = 1e-6;

/** s and b such that s (x + b) has mean 0 and variance 1 over rows and positions. */
function setScaleFrom(steps: ArSteps, step: number, x: Tensor): void {
  noGrad(() =>
    scope(() => {
      const std = x.std([0, 1]).clamp(leastDeviation);
      const shape = [1, 1, steps.channels];
      steps.setScale(
        step,
        std.reciprocal().reshape(...shape),
        x
          .mean([0, 1])
          .neg()
          .reshape(...shape),
      );
    }),
  );
}

/** One AC-cell over all positions, (B, T, C) to (B, T, C); the logarithms of its scales, (B), float64. */
function cell(steps: ArSteps, step: number, own: CellWeights, v: Tensor): Encoded {
  const [rows, positions, channels] = v.shape;
  const at = v.unsqueeze(0).unbind(2);
  const network = steps.network.stepper(step, rows);
  const outputs = [at[0]];
  let logDet = zeros([rows], { dtype: "float64", device: v.device });
  let context = zeros([1, rows, channels], { dtype: v.dtype, device: v.device });
  for (let t = 1; t < positions; t++) {
    let input = applyAffine(at[t - 1], own.reduceInput);
    if (own.reduceContext) input = addProducts(input, context, own.reduceContext);
    const encoding = steps.network.encoding(t - 1, 1);
    if (encoding) input = input.add(encoding);
    const r = network(input.squeeze(0)).unsqueeze(0);
    const [la, ma] = applyMlp(r, own.mlpA).chunk(2, 2);
    const [lb, mb] = applyMlp(r, own.mlpB).chunk(2, 2);
    context = products(at[t], own.mapA).add(ma).mul(la.sigmoid());
    outputs.push(products(context, own.mapB).add(mb).mul(lb.sigmoid()));
    logDet = logDet.add(la.logSigmoid().add(lb.logSigmoid()).sum([0, 2]).to("float64"));
  }
  return { y: stack(outputs, 2).squeeze(0), logDet };
}

/** y and ln|det| of every row by plain loops over steps and positions. */
export function encodeByLoops(steps: ArSteps, x: Tensor, context: FlowContext): Encoded {
  const { settings, positions } = context;
  const all = steps.weights();
  const maps = steps.time.matrices(positions).unbind(0);
  let y = x;
  let logDet: Tensor | undefined;
  for (let step = 0; step < steps.count; step++) {
    const { y: z, logDet: own } = scope(() => {
      if (settings.initialising) setScaleFrom(steps, step, y);
      const weights = steps.window(all, step, step + 1);
      const normal = y.add(weights.bias).mul(weights.scale);
      return cell(steps, step, weights, maps[step].matmul(normal));
    });
    y = z;
    logDet = logDet ? logDet.add(own) : own;
    settings.trace?.(`step ${step + 1}`, y, context);
  }
  const constant = steps.constantLogDet(positions);
  return { y, logDet: logDet ? logDet.add(constant) : constant.expand(context.lengths.length) };
}
