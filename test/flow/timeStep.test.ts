import { afterEach, describe, expect, test, vi } from "vitest";
import { type FlowConfig, FlowContext, multiScaleFlow, presetConfig } from "../../src/flow/index.ts";
import { TimeStep } from "../../src/flow/timeStep.ts";
import { InitContext } from "../../src/nn/index.ts";
import { Generator, grad, noGrad, randn, scope, type Tensor } from "../../src/torch/index.ts";

const small = { heads: 2, layers: 1, hidden: 8, steps: 3, levels: 2 } as const;

afterEach(() => {
  vi.restoreAllMocks();
});

describe.each([
  ["paper-nar", [8, 8, 8]],
  ["riverrun-nar", [8, 6, 0]],
] as const)("the steps of %s taken at once", (preset, lengths) => {
  test("give what their links give one after the other, and the same gradients", () => {
    scope(() => {
      const config: FlowConfig = { ...presetConfig(preset).flow, ...small };
      const flow = multiScaleFlow(
        new InitContext({ generator: new Generator(1), dtype: "float64", device: "cpu" }),
        8,
        6,
        config,
      );
      noGrad(() => {
        for (const [, one] of flow.namedParameters()) one.add_(randn(one.shape, new Generator(2), one).mul(0.05));
      });
      const x = randn([3, 8, 6], new Generator(3), { dtype: "float64" });
      const met: string[] = [];
      const context = new FlowContext(lengths, 8, { dtype: "float64" });
      const traced = context.with({ trace: (where) => met.push(where) });
      const run = (which: FlowContext): Tensor[] => {
        const real = which.masked(x);
        const { y, logDet } = flow.encode(real, which);
        const loss = y.square().sum().add(logDet.sum());
        return [y, logDet, ...grad([loss], flow.parameters())];
      };
      const taken = vi.spyOn(TimeStep.prototype, "encode");
      const together = run(context);
      expect(taken).toHaveBeenCalled();
      expect(met).toEqual([]);
      taken.mockClear();
      const apart = run(traced);
      expect(taken).not.toHaveBeenCalled();
      expect(met.filter((where) => where.endsWith("time map"))).not.toEqual([]);
      together.forEach((value, index) => {
        expect(value.sub(apart[index]).abs().amax().item()).toBeLessThan(1e-11);
      });
    });
  });
});
