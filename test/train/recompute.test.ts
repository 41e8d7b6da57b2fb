import { expect, it } from "vitest";
import { NetworkSettings, networksRecompute } from "../../src/nn/networkSettings.ts";
import { memory, scope } from "../../src/torch/index.ts";
import { train } from "../../src/train/index.ts";
import { microConfig, microModel, sameRun, scratch, texts } from "./support.ts";

/** Trains a flow whose networks are transformer blocks with dropout, and says where. */
async function trained(recompute: boolean): Promise<string> {
  const out = scratch();
  const { model } = await train({ config: microConfig({ recompute }, { network: "attention" }), texts, out });
  expect(model.config.train.recompute).toBe(recompute);
  model.dispose();
  return out;
}

it("gives the same model and figures, to the last bit, where blocks keep their inputs alone", async () => {
  expect(sameRun(await trained(true), await trained(false))).toBe(true);
});

/** Bytes that a likelihood holds for its gradient. */
function heldFor(recompute: boolean): number {
  const model = microModel(microConfig({ recompute }, { network: "attention" }));
  const held = scope(() => {
    const batch = model.batch(texts.slice(0, 16).map((text) => model.prepare(text)));
    const before = memory().allocator.usedBytes;
    const density = model.flow.logDensity(model.points(batch), batch.context);
    batch.context.release();
    expect(density.requiresGrad).toBe(true);
    return memory().allocator.usedBytes - before;
  });
  model.dispose();
  return held;
}

it("holds less where a model is told to", () => {
  expect(heldFor(true)).toBeLessThan(0.75 * heldFor(false));
});

it("is in force inside networks that are told to, and nowhere else, even when they throw", () => {
  const settings = new NetworkSettings();
  expect(settings.run(networksRecompute)).toBe(false);
  settings.recomputes = true;
  expect(settings.run(networksRecompute)).toBe(true);
  const failing = (): never => {
    throw new Error(String(networksRecompute()));
  };
  expect(() => settings.run(failing)).toThrow("true");
  expect(networksRecompute()).toBe(false);
});
