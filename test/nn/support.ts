/** Starting values and inputs for the tests of modules. */
import { InitContext, type Module } from "../../src/nn/index.ts";
import { type DType, Generator, noGrad, randn, scope, type Tensor } from "../../src/torch/index.ts";

export function initOf(seed = 1, dtype: DType = "float64"): InitContext {
  return new InitContext({ generator: new Generator(seed), dtype, device: "cpu" });
}

export function random(shape: readonly number[], seed = 7, dtype: DType = "float64"): Tensor {
  return randn(shape, new Generator(seed), { dtype });
}

/** Moves every parameter away from its start. */
export function disturb(module: Module, std = 0.3): void {
  const generator = new Generator(3);
  noGrad(() =>
    scope(() => {
      for (const parameter of module.parameters()) {
        parameter.add_(randn(parameter.shape, generator, { dtype: "float64" }).mul(std).to(parameter.dtype));
      }
    }),
  );
}
