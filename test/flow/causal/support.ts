/** Tools of the causal flows' tests: codebooks, points drawn from a model, flows of every kind. */
import {
  type Bijection,
  type CausalFlow,
  causalFlow,
  type FlowConfig,
  type FlowContext,
  presetConfig,
  type TarFlow,
  tarFlow,
  type WordPoints,
} from "../../../src/flow/index.ts";
import { Generator, noGrad, randn, type Tensor } from "../../../src/torch/index.ts";
import { initOf } from "../support.ts";

export const channels = 4;
export const positions = 6;

/** Random words, `spread` apart in units of their noise. */
export function wordPoints(words: number, dimensions: number, sigma: number, seed = 21): WordPoints {
  const values = randn([words, dimensions], new Generator(seed), { dtype: "float64" }).keep();
  return { values, sigma };
}

export const base: FlowConfig = {
  ...presetConfig("tiny-ar").flow,
  hidden: 8,
  heads: 2,
  layers: 1,
  deepLayers: 2,
  components: 3,
  softClip: 2,
};

export const codebook = wordPoints(7, channels, 0.6);

export function left(seed: number, config: Partial<FlowConfig>): CausalFlow {
  return causalFlow(initOf(seed), { positions, channels, codebook }, { ...base, ...config });
}

export function alternating(seed: number, config: Partial<FlowConfig>): TarFlow {
  return tarFlow(
    initOf(seed),
    { positions, channels, codebook },
    { ...base, couplings: "tarflow", steps: 3, ...config },
  );
}

/** Points drawn from the model: between the modes of a mixture its inverse is ill-conditioned. */
export function drawn(map: Bijection, context: FlowContext, size: number, seed = 9): Tensor {
  const shape = [context.lengths.length, context.positions, size];
  const y = context.masked(randn(shape, new Generator(seed), { dtype: "float64" }));
  return noGrad(() => map.decode(y, context).x);
}
