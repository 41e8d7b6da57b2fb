/** The commands on models that say one word after the other: --beam, --ac-context, Language Flow+. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { addDecode } from "../../src/cli/commands/decode.ts";
import { addEncode } from "../../src/cli/commands/encode.ts";
import { addInterpolate } from "../../src/cli/commands/interpolate.ts";
import { addPerturb } from "../../src/cli/commands/perturb.ts";
import { addReconstruct } from "../../src/cli/commands/reconstruct.ts";
import { addSample } from "../../src/cli/commands/sample.ts";
import { addScore } from "../../src/cli/commands/score.ts";
import { addTrain } from "../../src/cli/commands/train.ts";
import { loadModel } from "../../src/flow/index.ts";
import { decodeLatents, encodeTexts, perturbTexts } from "../../src/generate/index.ts";
import { records, run, scratch, sentencesFile, tinyTraining } from "./support.ts";

const folder = scratch();
const data = sentencesFile(folder);
const texts = ["mara sold a red pie .", "lene sold a warm pie ."];
const lines = `${texts.join("\n")}\n`;

/** Arguments that train a preset small and short. */
function training(preset: string, out: string, settings: readonly string[]): string[] {
  const all = ["vectors.iterations=2", "train.validationTexts=10", ...settings];
  return [
    "train",
    "--preset",
    preset,
    "--data",
    data,
    "--validation",
    data,
    "--out",
    out,
    ...all.flatMap((one) => ["--set", one]),
  ];
}

const autoregressive = [
  ...["train.maxSteps=1", "data.tokenizer=riverrun-words", "data.minCount=1", "data.dimensions=6"],
  ...["data.positions=12", "flow.steps=2", "flow.layers=1", "flow.heads=2", "flow.hidden=8"],
];

const models = {
  ar: join(folder, "ar"),
  causal: join(folder, "causal"),
  plus: join(folder, "plus"),
  tiny: join(folder, "tiny"),
};

beforeAll(async () => {
  const commands = [
    training("paper-ar", models.ar, autoregressive),
    training("tiny-ar", models.causal, ["train.maxSteps=2"]),
    training("tiny-plus", models.plus, ["train.maxSteps=3", "attentionDecoder.flowTrain.maxSteps=2", "flow.steps=1"]),
    tinyTraining(data, models.tiny, 2),
  ];
  for (const args of commands) {
    const { code, err } = await run(addTrain, args);
    expect(code, err).toBe(0);
  }
});

describe("--ac-context", () => {
  const printed = async (...args: string[]): Promise<Record<string, unknown>> => {
    const ended = await run(addTrain, ["train", ...args, "--print-config"]);
    expect(ended.code).toBe(0);
    return records(ended.out)[0];
  };

  it("is a key of the configuration by another name", async () => {
    const flow = async (...args: string[]): Promise<unknown> => (await printed("--preset", "paper-ar", ...args)).flow;
    expect(await flow()).toMatchObject({ acContext: "c" });
    expect(await flow("--ac-context", "none")).toMatchObject({ acContext: "none" });
    expect(await flow("--set", "flow.acContext=c", "--ac-context", "none")).toMatchObject({ acContext: "none" });
  });

  it("makes a model whose network does not read its context, which has fewer parameters", async () => {
    const out = join(folder, "none");
    expect((await run(addTrain, [...training("paper-ar", out, autoregressive), "--ac-context", "none"])).code).toBe(0);
    const counts = [models.ar, out].map((path) => loadModel(path).parameterCount());
    expect(counts[1]).toBeLessThan(counts[0]);
    const rows = records((await run(addPerturb, ["perturb", "--model", out, "--noise-variance", "0"], lines)).out);
    expect(rows.map(({ text }) => text)).toEqual(["mara sold a red pie.", "lene sold a warm pie."]);
  });

  it("is refused elsewhere, and knows two words", async () => {
    const elsewhere = await run(addTrain, ["train", "--preset", "tiny", "--ac-context", "c", "--print-config"]);
    expect(elsewhere).toMatchObject({ code: 2, err: expect.stringContaining("tiny is not autoregressive") });
    const other = await run(addTrain, ["train", "--preset", "paper-ar", "--ac-context", "d", "--print-config"]);
    expect(other).toMatchObject({ code: 2, err: expect.stringContaining("Allowed choices are c, none") });
  });
});

describe("--beam", () => {
  it.each(["ar", "causal"] as const)("is how latents become words in %s", async (name) => {
    const path = models[name];
    const model = loadModel(path);
    const prepared = texts.map((text) => model.prepare(text));
    const rewrites = async (...args: string[]): Promise<unknown[]> => {
      const ended = await run(addPerturb, ["perturb", "--model", path, "--noise-variance", "2", ...args], lines);
      expect(ended.code).toBe(0);
      return records(ended.out).map(({ text }) => text);
    };
    const expected = (beam?: number): string[] =>
      perturbTexts(model, prepared, { noiseVariance: 2, variants: 1, seed: 1, beam }).map(({ text }) => text);
    for (const beam of [1, 4]) expect(await rewrites("--beam", String(beam))).toEqual(expected(beam));
    expect(await rewrites()).toEqual(expected());
    if (name === "ar") expect(await rewrites()).toEqual(expected(5));

    const latents = join(folder, `${name}.safetensors`);
    expect((await run(addEncode, ["encode", "--model", path, "--out", latents], lines)).code).toBe(0);
    const decoded = records((await run(addDecode, ["decode", "--model", path, "--beam", "3", latents])).out);
    const own = decodeLatents(model, encodeTexts(model, prepared), { beam: 3 });
    expect(decoded.map(({ text }) => text)).toEqual(own.map(({ text }) => text));
    expect(decoded.map(({ text }) => text)).toEqual(["mara sold a red pie.", "lene sold a warm pie."]);

    const ends = ["interpolate", "--model", path, ...texts, "--ratios", "1,0", "--beam", "2"];
    expect(records((await run(addInterpolate, ends)).out).map(({ text }) => text)).toEqual(
      decoded.map(({ text }) => text),
    );
    const samples = ["sample", "--model", path, "--count", "2", "--beam", "2"];
    expect(records((await run(addSample, samples)).out).map(({ seed }) => seed)).toEqual([1, 2]);
  });

  it("is refused where all positions are decoded at once, and for no number of hypotheses", async () => {
    for (const [command, args] of [
      [addPerturb, ["perturb", "--model", models.tiny]],
      [addSample, ["sample", "--model", models.tiny]],
      [addInterpolate, ["interpolate", "--model", models.tiny, ...texts]],
    ] as const) {
      const refused = await run(command, [...args, "--beam", "2"], lines);
      expect(refused).toMatchObject({ code: 2, out: "" });
      expect(refused.err).toContain(
        "beam search needs an autoregressive flow; tiny decodes all positions of a text at once",
      );
      const none = await run(command, [...args, "--beam", "0"], lines);
      expect(none).toMatchObject({ code: 2, err: expect.stringContaining("whole number from 1 to 1000") });
    }
  });
});

describe("--denoise", () => {
  const args = (path: string, ...more: string[]): string[] => ["reconstruct", "--model", path, "--denoise", ...more];

  it("says what of noisy texts came back before and after, with totals under --json", async () => {
    const { code, out, err } = await run(addReconstruct, args(models.tiny, "--json"), `${lines}\n`);
    expect(code).toBe(0);
    const [a, b, bad, totals] = records(out);
    expect(bad).toMatchObject({ line: 3, error: expect.any(String) });
    expect(Object.keys(a)).toEqual([
      ...["text", "expected", "reconstruction", "exact", "tokens", "correct", "maxAbsError", "truncated", "unknown"],
      ...["correctBefore", "noiseRms", "denoisedRms"],
    ]);
    const [noise, rest] = [a, b].map(({ noiseRms, denoisedRms }) => [Number(noiseRms), Number(denoisedRms)]);
    expect(totals.noiseRms).toBeCloseTo(Math.hypot(noise[0], rest[0]) / Math.SQRT2, 12);
    expect(totals.denoisedRms).toBeCloseTo(Math.hypot(noise[1], rest[1]) / Math.SQRT2, 12);
    expect(totals.tokenAccuracyBefore).toBeCloseTo((Number(a.correctBefore) + Number(b.correctBefore)) / 14, 12);
    expect(err).toContain("of 14 tokens were read off before denoising");
  });

  it("takes the noise of a seed, and leaves less of it in a flow that mixes over words", async () => {
    const one = records((await run(addReconstruct, args(models.causal, "--json"), lines)).out);
    expect(records((await run(addReconstruct, args(models.causal, "--json", "--seed", "1"), lines)).out)).toEqual(one);
    const other = records((await run(addReconstruct, args(models.causal, "--seed", "2"), lines)).out);
    expect(other[0].noiseRms).not.toBe(one[0].noiseRms);
    expect(Number(one[2].denoisedRms)).toBeLessThan(0.5 * Number(one[2].noiseRms));
    expect(one[2].tokenAccuracy).toBe(1);
    const plain = records((await run(addReconstruct, ["reconstruct", "--model", models.causal], lines)).out);
    expect(Object.keys(plain[0])).not.toContain("noiseRms");
  });

  it("is refused by Language Flow+, whose words do not come from points", async () => {
    const refused = await run(addReconstruct, args(models.plus), lines);
    expect(refused).toMatchObject({ code: 2, out: "", err: expect.stringContaining("take its flow") });
    expect((await run(addReconstruct, args(join(models.plus, "flow")), lines)).code).toBe(0);
  });
});

describe("Language Flow+", () => {
  it("is trained by one command, with a report of both parts", async () => {
    expect(existsSync(join(models.plus, "flow", "model.safetensors"))).toBe(true);
    const again = await run(addTrain, [
      ...training("tiny-plus", models.plus, [
        "train.maxSteps=3",
        "attentionDecoder.flowTrain.maxSteps=2",
        "flow.steps=1",
      ]),
      "--resume",
    ]);
    expect(again.err).toContain("the training is finished");
    expect(again.err).not.toContain("bits per dimension");
    expect(records(again.out)[0]).toMatchObject({ step: 3, decoderNatsPerToken: expect.any(Number) });
    const report = readFileSync(join(models.plus, "report.html"), "utf8");
    expect(report).toContain("held-out nats per token of the decoder");
  });

  it("reconstructs and rewrites by its decoder, with or without a beam", async () => {
    const args = ["reconstruct", "--model", models.plus, "--json"];
    const rows = records((await run(addReconstruct, args, lines)).out);
    expect(rows).toHaveLength(3);
    expect(rows[2]).toMatchObject({ texts: 2, tokens: 14 });
    expect(Number(rows[2].maxAbsError)).toBeLessThan(1e-3);
    const rewrite = ["perturb", "--model", models.plus, "--variants", "2"];
    const rewrites = records((await run(addPerturb, rewrite, lines)).out);
    expect(rewrites.map(({ source, variant }) => [source, variant])).toEqual([
      [texts[0], 0],
      [texts[0], 1],
      [texts[1], 0],
      [texts[1], 1],
    ]);
    const model = loadModel(models.plus);
    const prepared = texts.map((text) => model.prepare(text));
    for (const beam of [1, 5]) {
      const own = perturbTexts(model, prepared, { noiseVariance: 0.5, variants: 2, seed: 1, beam });
      const said = records((await run(addPerturb, [...rewrite, "--beam", String(beam)], lines)).out);
      expect(said.map(({ text }) => text)).toEqual(own.map(({ text }) => text));
      if (beam === 5) expect(rewrites).toEqual(said);
    }
  });

  it("loses no line to latents that no word can be read off", async () => {
    const found = records((await run(addEncode, ["encode", "--model", models.plus], lines)).out);
    const decode = async (rows: readonly object[]): ReturnType<typeof run> =>
      run(addDecode, ["decode", "--model", models.plus], rows.map((row) => JSON.stringify(row)).join("\n"));
    const values = (found[1].values as number[]).map(() => 3e38);
    const { code, out } = await decode([found[0], { ...found[1], id: "far", values }, { id: 7 }, found[1]]);
    expect(code).toBe(0);
    const [first, second] = records((await decode(found)).out);
    const error = expect.stringContaining("far too large");
    expect(records(out)).toEqual([
      first,
      { id: "far", line: 2, error },
      { id: 7, line: 3, error: expect.any(String) },
      second,
    ]);
  });

  it("scores by its flow, and says so", async () => {
    const { code, out, err } = await run(addScore, ["score", "--model", models.plus], lines);
    expect(code).toBe(0);
    expect(err).toContain("the scores are those of the flow");
    const flow = await run(addScore, ["score", "--model", join(models.plus, "flow")], lines);
    expect(flow.err).not.toContain("the scores are those of the flow");
    expect(records(out)).toEqual(records(flow.out));
  });

  it("stands on a flow of another training by --flow, which other presets refuse", async () => {
    const out = join(folder, "on");
    const given = await run(addTrain, [...training("tiny-plus", out, ["train.maxSteps=2"]), "--flow", models.tiny]);
    expect(given).toMatchObject({ code: 0, err: expect.not.stringContaining("first the flow") });
    expect(loadModel(out).config.flow.steps).toBe(1);
    const refused = await run(addTrain, [...tinyTraining(data, join(folder, "x")), "--flow", models.tiny]);
    expect(refused).toMatchObject({ code: 2, err: expect.stringContaining("tiny has no attention decoder") });
    const nothing = await run(addTrain, [...training("tiny-plus", join(folder, "x"), []), "--flow", "/nowhere"]);
    expect(nothing).toMatchObject({ code: 3, err: expect.stringContaining("does not exist") });
    const causal = await run(addTrain, [...training("tiny-plus", join(folder, "x"), []), "--flow", models.causal]);
    expect(causal).toMatchObject({ code: 2, err: expect.stringContaining("latents of a non-autoregressive flow") });
  });
});
