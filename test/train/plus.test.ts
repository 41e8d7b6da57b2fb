/** Language Flow+: the flow first, then the decoder of the frozen flow's latents. */
import { type SpawnSyncReturns, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import { builtinCorpus } from "../../src/corpora/index.ts";
import { type Config, loadModel, presetConfig, saveModel, spokenIds } from "../../src/flow/index.ts";
import { perturbTexts, reconstructTexts, totalsOf } from "../../src/generate/index.ts";
import { memory, scope } from "../../src/torch/index.ts";
import { loadSafetensors } from "../../src/torch/safetensors.ts";
import { type StepBatch, stepGradients } from "../../src/train/gradients.ts";
import { NonFiniteError, type TrainOptions, type TrainResult, train } from "../../src/train/index.ts";
import { storedConfig } from "../../src/train/plus.ts";
import { metricsOf, microConfig, microModel, sameRun, scratch, texts } from "./support.ts";

function plusConfig(over: Partial<NonNullable<Config["attentionDecoder"]>> = {}): Config {
  const config = microConfig({ maxSteps: 6, checkpointEvery: 2, validateEvery: 3, learningRate: 0.01 });
  const tiny = presetConfig("tiny-plus").attentionDecoder;
  if (!tiny) throw new Error("tiny-plus has no decoder");
  const flowTrain = microConfig({ maxSteps: 5, checkpointEvery: 2 }).train;
  return {
    ...config,
    preset: "tiny-plus",
    attentionDecoder: { ...tiny, width: 8, layers: 2, dropout: 0.2, flowTrain, ...over },
  };
}

async function run(options: Partial<TrainOptions> & { out: string }): Promise<{ result: TrainResult; log: string }> {
  const lines: string[] = [];
  const result = await train({ config: plusConfig(), texts, log: (line) => lines.push(line), ...options });
  result.model.dispose();
  return { result, log: lines.join("\n") };
}

/** Stops after so many steps of this sitting, whatever stage they belong to. */
function stopAfter(count: number): Pick<TrainOptions, "interrupted" | "onEveryStep"> {
  let done = 0;
  return {
    onEveryStep: () => {
      done++;
    },
    interrupted: () => (done >= count ? "SIGTERM" : undefined),
  };
}

/** Every file below a folder, with its bytes. */
function everyFile(folder: string): Map<string, Buffer> {
  const names = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = names.map(({ parentPath, name }) => join(parentPath, name)).sort();
  return new Map(paths.map((path) => [path, readFileSync(path)]));
}

const whole = join(scratch(), "whole");
let first: { result: TrainResult; log: string };
beforeAll(async () => {
  first = await run({ out: whole });
});

describe("a training of Language Flow+", () => {
  it("trains the flow, then the decoder, and leaves a model and a flow that load", () => {
    expect(first.result).toMatchObject({ step: 6, finished: true, reason: "maxSteps", exitCode: 0 });
    expect(first.result.validation?.decoderNatsPerToken).toBeGreaterThan(0);
    expect(first.log).toMatch(/first the flow[\s\S]*step 5: held-out .* bits per dimension[\s\S]*now the decoder/);
    expect(first.log).toMatch(/step 6: held-out [\d.]+ nats per token of the decoder/);
    const rows = metricsOf(whole) as Record<string, unknown>[];
    expect(rows.map(({ step, split }) => `${split} ${step}`)).toEqual([
      "training 1",
      "training 2",
      "validation 3",
      "training 4",
      "training 6",
      "validation 6",
    ]);
    for (const row of rows) expect(row.decoderNatsPerToken).toBeGreaterThan(0);
    expect(Object.keys(rows[0])).not.toContain("bitsPerDim");
    expect(Object.keys(metricsOf(join(whole, "flow"))[0] as object)).toContain("bitsPerDim");
    const model = loadModel(whole);
    expect(model.config).toEqual(plusConfig());
    expect(model.attentionDecoder?.parameters().every(({ requiresGrad }) => requiresGrad)).toBe(true);
    expect(model.flow.parameters().some(({ requiresGrad }) => requiresGrad)).toBe(false);
    model.dispose();
  });

  it("keeps the flow as it was, to the last bit", () => {
    const flow = loadSafetensors(join(whole, "flow", "model.safetensors")).tensors;
    const plus = loadSafetensors(join(whole, "model.safetensors")).tensors;
    for (const [name, value] of flow) expect(plus.get(name)?.equal(value), name).toBe(true);
    expect(
      [...plus.keys()].filter((name) => !flow.has(name)).every((name) => name.startsWith("attentionDecoder.")),
    ).toBe(true);
  });

  it("gives the same numbers, to the last bit, when it is interrupted in both stages and resumed", async () => {
    const out = join(scratch(), "stopped");
    const one = await run({ out, ...stopAfter(3) });
    expect(one.result).toMatchObject({ step: 3, finished: false, reason: "interrupted", exitCode: 143 });
    expect(readdirSync(out).filter((name) => name.endsWith(".safetensors"))).toEqual([]);
    const two = await run({ out, resume: true, ...stopAfter(5) });
    expect(two.result).toMatchObject({ step: 3, finished: false, exitCode: 143 });
    expect(existsSync(join(out, "model.safetensors"))).toBe(true);
    const three = await run({ out, resume: true });
    expect(three.log).not.toContain("first the flow");
    expect(three.result).toMatchObject({ step: 6, finished: true });
    expect(sameRun(join(whole, "flow"), join(out, "flow"))).toBe(true);
    expect(sameRun(whole, out)).toBe(true);
  });

  it("can be started again where it was stopped before the first step of its flow, or failed", async () => {
    const out = join(scratch(), "again");
    await expect(run({ out, interrupted: () => "SIGINT" })).rejects.toThrow("nothing was saved; start again");
    await expect(run({ out, vectors: join(out, "none.txt") })).rejects.toThrow(/none\.txt/);
    expect((await run({ out, ...stopAfter(1) })).result.step).toBe(1);
  });

  it("says in its folder what it is to be while only its flow is trained, and goes on with that", async () => {
    const out = join(scratch(), "planned");
    expect(storedConfig(out)).toBeUndefined();
    const config = plusConfig({ noiseVariance: 0.5 });
    await run({ out, config, ...stopAfter(3) });
    expect(storedConfig(out)).toEqual(config);
    // A resume may change what is trained later.
    const changed = { ...config, train: { ...config.train, maxSteps: 7 } };
    await run({ out, config: changed, resume: true, ...stopAfter(1) });
    expect(storedConfig(out)).toEqual(changed);
    const wanted = storedConfig(out);
    const { result } = await run({ out, config: wanted, resume: true });
    expect(result).toMatchObject({ step: 7, finished: true });
    expect(storedConfig(out)).toEqual(changed);
  });

  it("lets no other process train in its folder while its flow is trained in a folder inside", async () => {
    const out = join(scratch(), "shared");
    const lines = join(scratch(), "lines.txt");
    writeFileSync(lines, texts.join("\n"));
    const program = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
    const onFlow = ["--preset", "tiny-plus", "--flow", join(whole, "flow")];
    const other = ["train", ...onFlow, "--data", lines, "--out", out, "--resume"];
    let refused: SpawnSyncReturns<string> | undefined;
    let atOnce = "";
    await run({
      out,
      onEveryStep: () => {
        if (refused) return;
        refused = spawnSync(process.execPath, ["--import", "tsx", program, ...other], { encoding: "utf8" });
        atOnce = readFileSync(join(out, "config.json"), "utf8");
      },
      interrupted: () => (refused ? "SIGTERM" : undefined),
    });
    expect(refused?.status).toBe(2);
    expect(refused?.stderr).toContain(`process ${process.pid} is training in this folder (${join(out, "training")}`);
    expect(JSON.parse(atOnce)).toEqual(plusConfig());
    expect(readdirSync(out).sort()).toEqual(["config.json", "flow"]);
  });

  it("writes no plan into a folder in which another process trains", async () => {
    const out = join(scratch(), "taken");
    const other = spawn("sleep", ["600"]);
    mkdirSync(join(out, "training"), { recursive: true });
    writeFileSync(join(out, "training", "lock"), JSON.stringify({ pid: other.pid, host: hostname(), started: null }));
    writeFileSync(join(out, "config.json"), "the other's");
    try {
      await expect(run({ out, resume: true })).rejects.toThrow(`process ${other.pid} is training in this folder`);
    } finally {
      other.kill();
    }
    expect(readFileSync(join(out, "config.json"), "utf8")).toBe("the other's");
    expect(existsSync(join(out, "flow"))).toBe(false);
  });

  it("stands on a flow that is given, and takes text and flow from it", async () => {
    const out = join(scratch(), "given");
    const config = { ...plusConfig(), data: { ...plusConfig().data, sigma: 0.3 } };
    const { result } = await run({ out, config, flow: join(whole, "flow") });
    expect(result).toMatchObject({ step: 6, finished: true });
    expect(result.model.config.data.sigma).toBe(plusConfig().data.sigma);
    expect(sameRun(whole, out)).toBe(true);
    expect(existsSync(join(out, "flow"))).toBe(false);
    const again = await run({ out, config, flow: join(whole, "flow"), resume: true });
    expect(again.log).toContain("the training is finished");
    const gone = await run({ out, config, flow: "/gone", resume: true });
    expect(gone.log).toContain("--flow /gone: not looked at");
    expect(gone.result).toMatchObject({ step: 6, finished: true });
  });

  it("resumes its decoder in the precision that it names, whatever its flow was trained in", async () => {
    const out = join(scratch(), "precisions");
    const { attentionDecoder, ...config } = plusConfig();
    const double = { ...config, attentionDecoder, train: { ...config.train, precision: "float64" } } as const;
    // Three steps of the flow in float32, then some of the decoder.
    await run({ out, config: double, ...stopAfter(8) });
    const { result } = await run({ out, config: double, resume: true, precision: "float64" });
    expect(result).toMatchObject({ finished: true, step: 6 });
    expect(result.model.config).toMatchObject({
      train: { precision: "float64" },
      attentionDecoder: { flowTrain: { precision: "float32" } },
    });
    await expect(run({ out, config: double, resume: true, precision: "float32" })).rejects.toThrow(
      /started in float64/,
    );
  });

  it("refuses flows that it cannot stand on, other decoders in a resume, and folders in use", async () => {
    const out = join(scratch(), "refused");
    await expect(run({ out, config: microConfig(), flow: join(whole, "flow") })).rejects.toThrow(
      /tiny has no attention decoder/,
    );
    await expect(run({ out, flow: whole })).rejects.toThrow(/holds a Language Flow\+ \(tiny-plus\)/);
    await expect(run({ out, flow: join(whole, "nothing") })).rejects.toThrow(/does not exist/);
    await expect(run({ out, flow: join(whole, "flow"), vectors: "v.txt" })).rejects.toThrow(/leave --vectors out/);
    await expect(run({ out: whole })).rejects.toThrow(/not empty.*--resume/);
    await expect(run({ out: whole, resume: true, config: plusConfig({ width: 16 }) })).rejects.toThrow(
      /attentionDecoder\.width: 8 is now 16/,
    );
    expect(existsSync(out)).toBe(false);
  });

  it("can be rehearsed, which writes nothing", async () => {
    const out = join(scratch(), "dry");
    const { result, log } = await run({ out, dryRun: true });
    expect(result).toMatchObject({ step: 6, reason: "dryRun" });
    expect(result.validation?.decoderNatsPerToken).toBeGreaterThan(0);
    expect(log).toContain("the flow's 5 steps would take roughly");
    expect(existsSync(out)).toBe(false);
  });

  it("can be rehearsed from where it stopped, in either stage", async () => {
    const out = join(scratch(), "dry");
    const rehearse = async (): Promise<{ result: TrainResult; log: string }> => {
      const before = everyFile(out);
      const rehearsed = await run({ out, resume: true, dryRun: true });
      expect(everyFile(out)).toEqual(before);
      return rehearsed;
    };
    await run({ out, ...stopAfter(3) });
    const ofFlow = await rehearse();
    expect(ofFlow.log).toMatch(/going on after step 3 of 5[\s\S]*the flow's 2 steps would take/);
    expect(ofFlow.result).toMatchObject({ step: 6, stepsLeft: 6, reason: "dryRun" });
    await run({ out, resume: true, ...stopAfter(3) });
    const ofDecoder = await rehearse();
    expect(ofDecoder.log).not.toContain("the flow's");
    expect(ofDecoder.log).toContain("going on after step 1 of 6");
    expect(ofDecoder.result).toMatchObject({ step: 7, stepsLeft: 5, reason: "dryRun" });
    await run({ out, resume: true });
    expect((await rehearse()).result).toMatchObject({ step: 6, stepsLeft: 0, reason: "dryRun" });
  });
});

describe("the gradient of a step", () => {
  const model = microModel(plusConfig());
  const indices = [3, 5, 8, 13, 21, 34, 55, 89];
  const step: StepBatch = { step: 4, indices, texts: indices.map((index) => model.prepare(texts[index])) };

  it("is that of the mean over the tokens said, of the decoder's parameters alone, however it is computed", () => {
    scope(() => {
      const { loss, gradients, figures } = stepGradients(model, step, true);
      const names = [...model.trainableParameters().keys()];
      expect(gradients).toHaveLength(names.length);
      expect(names.every((name) => name.startsWith("attentionDecoder."))).toBe(true);
      for (const [index, gradient] of gradients.entries()) {
        expect(gradient.abs().amax().item(), names[index]).toBeGreaterThan(0);
      }
      expect(figures).toEqual({ nelboPerToken: undefined, latents: {} });
      const at = microModel({ ...plusConfig(), train: { ...plusConfig().train, accumulate: 1 } });
      const one = stepGradients(at, step, false);
      expect(Math.abs(one.loss - loss)).toBeLessThan(1e-6);
      one.gradients.forEach((gradient, index) => {
        expect(gradient.sub(gradients[index]).abs().amax().item()).toBeLessThan(1e-6);
      });
      at.dispose();
    });
  });

  it("frees what it makes, as rewriting does", () => {
    const work = (): void => {
      for (const gradient of stepGradients(model, step, true).gradients) gradient.dispose();
      perturbTexts(model, step.texts, { noiseVariance: 0.5, variants: 2, seed: 1 });
    };
    work();
    const before = memory().liveTensors;
    for (let repeat = 0; repeat < 3; repeat++) work();
    expect(memory().liveTensors).toBe(before);
  });

  it("follows -log p(w | f(x) + z_0) of clean points", () => {
    scope(() => {
      const quiet = microModel(plusConfig({ dropout: 0, noiseVariance: 0 }));
      const batch = quiet.batch(step.texts);
      const latents = quiet.encode(batch);
      const targets = step.texts.map(({ ids }) => spokenIds(ids));
      const decoder = quiet.attentionDecoder;
      if (!decoder) throw new Error("no decoder");
      const nats = decoder.negLogLikelihood(decoder.memory(latents, batch.context), targets).sum().item();
      const tokens = targets.flat().length;
      expect(tokens).toBe(step.texts.reduce((sum, text) => sum + text.tokensCounted, 0));
      expect(Math.abs(scope(() => stepGradients(quiet, step, false).loss) - nats / tokens)).toBeLessThan(1e-6);
      quiet.dispose();
    });
  });
});

it("names the decoder where its numbers stop being finite", async () => {
  const out = join(scratch(), "broken");
  const flow = loadModel(join(whole, "flow"));
  const folder = join(scratch(), "flow");
  saveModel(flow, folder);
  flow.dispose();
  const config = { ...plusConfig(), train: { ...plusConfig().train, learningRate: 1e38, clipNorm: null } };
  await expect(run({ out, config, flow: folder })).rejects.toThrow(NonFiniteError);
  await expect(run({ out: join(scratch(), "again"), config, flow: folder })).rejects.toThrow(/attention decoder/);
});

it("learns to say most tokens of texts that it was not trained on", async () => {
  const tiny = presetConfig("tiny-plus");
  const { attentionDecoder, train: decoderTrain } = tiny;
  if (!attentionDecoder) throw new Error("no decoder");
  const quick = { batchSize: 32, validateEvery: 1000, checkpointEvery: 1000, validationTexts: 60 };
  const config: Config = {
    ...tiny,
    vectors: { ...tiny.vectors, iterations: 5 },
    flow: { ...tiny.flow, steps: 1 },
    train: { ...decoderTrain, ...quick, maxSteps: 60, learningRate: 0.01 },
    attentionDecoder: {
      ...attentionDecoder,
      noiseVariance: 0.05,
      flowTrain: { ...attentionDecoder.flowTrain, ...quick, maxSteps: 30 },
    },
  };
  const sentences = builtinCorpus({ sentences: 1500 }).sentences;
  const { model, heldOut } = await train({ config, texts: sentences, out: join(scratch(), "learnt") });
  const totals = totalsOf(reconstructTexts(model, heldOut));
  expect(totals.tokenAccuracy).toBeGreaterThan(0.7);
  model.dispose();
});
