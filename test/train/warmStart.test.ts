/** Trainings that start from a trained model. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { type Config, loadModel, presetConfig } from "../../src/flow/index.ts";
import { loadSafetensors } from "../../src/torch/safetensors.ts";
import { type TrainOptions, train } from "../../src/train/index.ts";
import { metricsOf, microConfig, sameRun, scratch, texts } from "./support.ts";

const others = texts.slice(0, 40).map((text) => `${text} zyzzyva`);

let first = "";
beforeAll(async () => {
  first = join(scratch(), "first");
  (await train({ config: microConfig(), texts, out: first })).model.dispose();
});

async function onward(given: Partial<TrainOptions> = {}): Promise<string> {
  const out = given.out ?? join(scratch(), "onward");
  const result = await train({ config: microConfig(), texts: others, from: first, ...given, out });
  result.model.dispose();
  return out;
}

function tensorsOf(folder: string): ReturnType<typeof loadSafetensors>["tensors"] {
  return loadSafetensors(join(folder, "model.safetensors")).tensors;
}

describe("a training that starts from a trained model", () => {
  it("begins with its numbers, ActNorm included, and with lengths of the new texts", async () => {
    // At a rate of next to nothing the first step leaves the numbers where they were.
    const out = await onward({ config: microConfig({ maxSteps: 1, learningRate: 1e-30, weightDecay: 0, ema: 0 }) });
    const then = tensorsOf(first);
    for (const [name, value] of tensorsOf(out)) {
      const before = then.get(name);
      if (name === "lengthLogProbabilities") expect(before?.equal(value)).toBe(false);
      else expect(before?.equal(value), name).toBe(true);
    }
    expect(existsSync(join(out, "vectors.txt"))).toBe(false);
  });

  it("learns on: its first bound on the same texts is near the other's last, and lower than one from nothing", async () => {
    const bound = (out: string): number =>
      (metricsOf(out) as { split: string; nelboPerToken: number }[]).find(({ split }) => split === "validation")
        ?.nelboPerToken ?? Number.NaN;
    const short = { config: microConfig({ maxSteps: 1, warmupSteps: 0, validateEvery: 1 }), texts };
    expect(bound(await onward(short))).toBeLessThan(bound(await onward({ ...short, from: undefined })));
  });

  it("keeps the vocabulary: words that the first model did not see are unknown", async () => {
    const out = await onward();
    const [before, after] = [first, out].map((folder) => loadModel(folder));
    try {
      expect(after.vocabulary.tokens).toEqual(before.vocabulary.tokens);
      expect(after.vocabulary.tokens).not.toContain("zyzzyva");
    } finally {
      before.dispose();
      after.dispose();
    }
  });

  it("gives the same numbers when it is interrupted and resumed, with --from or without", async () => {
    const whole = await onward();
    for (const from of [first, undefined]) {
      const parts = join(scratch(), "parts");
      let steps = 0;
      await onward({ out: parts, interrupted: () => (++steps >= 5 ? "a test" : undefined) });
      // The folder that it started from may be gone by then.
      await onward({ out: parts, from: from && "no/such/folder", resume: true });
      expect(sameRun(whole, parts)).toBe(true);
    }
  });

  it("may have another dropout and a precision of its own", async () => {
    const out = await onward({ config: microConfig({ precision: "float64" }, { dropout: 0.3 }) });
    const model = loadModel(out);
    expect(model.config.flow.dropout).toBe(0.3);
    expect(model.dtype).toBe("float64");
    model.dispose();
  });

  it.each<[string, Partial<TrainOptions>, RegExp]>([
    ["another flow", { config: microConfig({}, { hidden: 16 }) }, /flow\.hidden is 8 there and 16 here; .*dropout/],
    [
      "other data",
      { config: { ...microConfig(), data: { ...microConfig().data, positions: 16 } } },
      /data\.positions is 8 there and 16 here/,
    ],
    ["vectors", { vectors: "v.txt" }, /leave --vectors out/],
    ["a flow for a decoder", { flow: "runs/flow" }, /--from and --flow/],
    ["a folder without a model", { from: "no/such/folder" }, /does not exist/],
    ["a Language Flow+", { config: plusConfig() }, /cannot start from a trained one/],
  ])("refuses %s before anything is written", async (_, given, message) => {
    const out = join(scratch(), "refused");
    await expect(onward({ ...given, out })).rejects.toThrow(message);
    expect(existsSync(out)).toBe(false);
  });
});

function plusConfig(): Config {
  return { ...microConfig(), attentionDecoder: presetConfig("tiny-plus").attentionDecoder };
}
