/** Where a training keeps its networks' precision, and where it sets it aside. */
import { afterAll, beforeAll, expect, it } from "vitest";
import type { TextFlow } from "../../src/flow/index.ts";
import { scoreTexts } from "../../src/generate/index.ts";
import { Generator, noGrad, randn, scope } from "../../src/torch/index.ts";
import { type TrainingState, withConfig } from "../../src/train/checkpoint.ts";
import { openingFrom, openingText } from "../../src/train/opening.ts";
import { scoreHeldOut } from "../../src/train/validation.ts";
import { microConfig, microModel, texts } from "./support.ts";

/** Wide enough for products that are worth rounding for, and away from the identity that a flow begins as. */
function lowModel(): TextFlow {
  const model = microModel(microConfig({ precision: "bf16" }, { hidden: 256, heads: 2 }));
  const generator = new Generator(3);
  noGrad(() =>
    scope(() => {
      for (const parameter of model.flow.parameters()) {
        if (parameter.dtype === "float32") parameter.add_(randn(parameter.shape, generator).mul(0.02));
      }
    }),
  );
  generator.dispose();
  model.networkPrecision = "bf16";
  return model;
}

let model: TextFlow;
beforeAll(() => {
  model = lowModel();
});
afterAll(() => model.dispose());

it("scores held-out texts in float32 while it trains in bf16", () => {
  const held = texts.map((text) => model.prepare(text));
  const nats = (scores: readonly { readonly nelbo: number }[]): number[] => scores.map(({ nelbo }) => nelbo);
  const low = nats(scoreTexts(model, held, { seed: 1 }));
  const told = nats(scoreHeldOut(model, held, 1));
  expect(model.networkPrecision).toBe("bf16");
  expect(told).toEqual(model.withNetworks("float32", () => nats(scoreTexts(model, held, { seed: 1 }))));
  expect(told).not.toEqual(low);
});

it("hands the precision to the other processes", () => {
  const state = { precision: "bf16" } as TrainingState;
  const other = openingFrom(openingText({ model, state, isLast: true }), undefined);
  expect([other.model.dtype, other.model.networkPrecision]).toEqual(["float32", "bf16"]);
  other.model.dispose();
});

it("keeps the precision where a resume changes the configuration", () => {
  const changed = withConfig(lowModel(), { ...model.config, train: { ...model.config.train, maxSteps: 99 } });
  expect([changed.config.train.maxSteps, changed.networkPrecision]).toEqual([99, "bf16"]);
  changed.dispose();
});
