/** One training step and one inverse of the non-autoregressive flow, as shares of the machine's matrix-product peak. */
import { type FlowConfig, FlowContext, multiScaleFlow, presetConfig, standardNormalLogDensity } from "../flow/index.ts";
import { Adam, InitContext } from "../nn/index.ts";
import { Generator, grad, noGrad, randn, scope } from "../torch/index.ts";
import { gemmPeak } from "./gemm.ts";

/** What to measure. Defaults: T=64, K=8, L=3, layout wide, 300 channels, batch 32 (Att-S, 66 M parameters). */
export interface FlowStepOptions {
  readonly layout?: FlowConfig["layout"];
  readonly couplings?: "time" | "channel";
  readonly steps?: number;
  readonly levels?: number;
  readonly batch?: number;
  readonly positions?: number;
  readonly channels?: number;
  /** Training steps and inverses that are timed; the fastest counts. */
  readonly repeats?: number;
}

/** What was measured. */
export interface FlowStepResult {
  readonly preset: string;
  readonly parameters: number;
  readonly precision: "float32";
  readonly stepMs: number;
  readonly inverseMs: number;
  readonly gflopPerStep: number;
  readonly gflops: number;
  readonly gemmPeakGflops: number;
  readonly fractionOfPeak: number;
  readonly inverseFractionOfPeak: number;
  readonly peakRssMb: number;
}

/**
 * Operations of the networks' matrix products in one encoding: each coupling network of width C has 10 C^2 weights in
 * products (attention 4, feed-forward 4, head 2), 2 operations a weight and position.
 */
function networkOperations(options: Required<FlowStepOptions>): number {
  let total = 0;
  let channels = options.channels;
  let positions = options.positions;
  for (let level = 1; level <= options.levels; level++) {
    const overTime = options.couplings === "time";
    const width = overTime ? channels : channels / 2;
    const seen = overTime ? positions / 2 : positions;
    total += options.steps * 20 * width * width * seen * options.batch;
    positions /= 2;
    if (level === 1 && options.layout === "wide") channels *= 2;
  }
  return total;
}

/**
 * Times Adam steps (encode, gradient, update) and inverses on random input, then the peak in the same process. Of steps
 * and inverses the fastest of `repeats` counts, as of the peak the best run does: what else the machine does then
 * weighs on both sides alike.
 */
export async function benchFlowStep(given: FlowStepOptions = {}): Promise<FlowStepResult> {
  const options: Required<FlowStepOptions> = {
    layout: "wide",
    couplings: "time",
    steps: 8,
    levels: 3,
    batch: 32,
    positions: 64,
    channels: 300,
    repeats: 10,
    ...given,
  };
  const preset = options.couplings === "time" ? "paper-nar" : "paper-nar-channel";
  const config: FlowConfig = {
    ...presetConfig(preset).flow,
    layout: options.layout,
    steps: options.steps,
    levels: options.levels,
  };
  const generator = new Generator(1);
  const init = new InitContext({ generator, dtype: "float32", device: "cpu" });
  const flow = multiScaleFlow(init, options.positions, options.channels, config);
  const optimiser = new Adam(flow.namedParameters());
  const parameters = flow.parameters();
  const lengths = new Array<number>(options.batch).fill(options.positions);
  const context = new FlowContext(lengths, options.positions);
  const shape = [options.batch, options.positions, options.channels];
  const x = scope(() => randn(shape, generator).mul(0.4));
  noGrad(() => scope(() => void flow.encode(x, context.with({ initialising: true }))));
  const scale = 1 / (options.batch * options.positions * options.channels * Math.LN2);

  const timed = async (repeats: number, body: () => void): Promise<number> => {
    let best = Number.POSITIVE_INFINITY;
    for (let run = -2; run < repeats; run++) {
      const start = performance.now();
      scope(body);
      if (run >= 0) best = Math.min(best, performance.now() - start);
      await new Promise(setImmediate);
    }
    return best;
  };
  const stepMs = await timed(options.repeats, () => {
    const { y, logDet } = flow.encode(x, context);
    const loss = standardNormalLogDensity(y, context).add(logDet).sum().mul(-scale);
    optimiser.step(grad([loss], parameters), 1e-5);
  });
  const peakRssMb = process.resourceUsage().maxRSS / 1024;
  const inverseMs = await timed(options.repeats, () => {
    noGrad(() => flow.decode(x, context));
  });
  const gemmPeakGflops = gemmPeak("float32");
  const forward = networkOperations(options) / 1e9;
  const gflopPerStep = 3 * forward;
  const gflops = gflopPerStep / (stepMs / 1e3);
  return {
    preset,
    parameters: flow.parameterCount(),
    precision: "float32",
    stepMs,
    inverseMs,
    gflopPerStep,
    gflops,
    gemmPeakGflops,
    fractionOfPeak: gflops / gemmPeakGflops,
    inverseFractionOfPeak: forward / (inverseMs / 1e3) / gemmPeakGflops,
    peakRssMb,
  };
}
