import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { builtinCorpus } from "../../src/corpora/index.ts";
import { loadModel, noiseFloor, presetConfig } from "../../src/flow/index.ts";
import * as generate from "../../src/generate/index.ts";
import { train } from "../../src/train/index.ts";

const texts = builtinCorpus({ sentences: 400 }).sentences;
const temporary = (): string => mkdtempSync(join(tmpdir(), "riverrun-train-"));

function tiny(maxSteps: number): ReturnType<typeof presetConfig> {
  const config = presetConfig("tiny");
  config.flow.dropout = 0.1;
  Object.assign(config.train, {
    maxSteps,
    validateEvery: 10,
    checkpointEvery: 5,
    logEvery: 5,
    batchSize: 8,
    ema: 0.9,
    validationTexts: 20,
  });
  config.vectors.iterations = 3;
  return config;
}

const withoutWall = (path: string): unknown[] =>
  readFileSync(path, "utf8")
    .trim()
    .split("\n")
    .map(
      (line) =>
        JSON.parse(line, (key, value: unknown) =>
          /^(wall|tokensPerSecond|rss.*)$/i.test(key) ? undefined : value,
        ) as unknown,
    );

test("an interrupted and resumed training gives the same bytes and numbers as an uninterrupted one", async () => {
  const whole = temporary();
  await train({ config: tiny(20), texts, out: whole });
  const parts = temporary();
  const seen: string[] = [];
  let asked = 0;
  const first = await train({
    config: tiny(20),
    texts,
    out: parts,
    interrupted: () => (++asked === 7 ? "SIGTERM" : undefined),
  });
  expect(first.finished).toBe(false);
  expect(first.step).toBeLessThan(20);
  const second = await train({
    config: tiny(20),
    texts,
    out: parts,
    resume: true,
    log: (message) => seen.push(message),
  });
  expect(seen.join()).toContain(`step ${first.step}`);
  expect(second.finished).toBe(true);
  for (const file of ["model.safetensors", "config.json", "vocabulary.json"]) {
    expect(readFileSync(join(parts, file)).equals(readFileSync(join(whole, file)))).toBe(true);
  }
  expect(withoutWall(join(parts, "metrics.jsonl"))).toEqual(withoutWall(join(whole, "metrics.jsonl")));
  const again: string[] = [];
  await train({ config: tiny(20), texts, out: parts, resume: true, log: (message) => again.push(message) });
  expect(again.join()).toContain("finished");
});

test("accumulating a batch in parts changes nothing but rounding", async () => {
  const run = async (accumulate: number): Promise<number> => {
    const config = tiny(10);
    config.train.accumulate = accumulate;
    config.train.ema = 0;
    return (await train({ config, texts, out: temporary() })).validation?.nelboPerToken ?? 0;
  };
  expect(Math.abs((await run(1)) - (await run(4)))).toBeLessThan(1e-3);
});

test("a folder with something in it, other data, and too little text are refused in words", async () => {
  const out = temporary();
  writeFileSync(join(out, "mine.txt"), "x");
  await expect(train({ config: tiny(5), texts, out })).rejects.toThrow("is not empty");
  const other = temporary();
  await train({ config: tiny(5), texts, out: other });
  await expect(train({ config: tiny(5), texts: texts.slice(50), out: other, resume: true })).rejects.toThrow(
    "other texts",
  );
  await expect(train({ config: tiny(5), texts: ["one"], validation: ["one"], out: temporary() })).rejects.toThrow(
    "at least 2",
  );
});

test("a trained model scores, samples, interpolates, rewrites and reconstructs", async () => {
  const out = temporary();
  const config = tiny(60);
  config.train.batchSize = 32;
  const { model, validation } = await train({ config, texts, out });
  expect(validation?.bitsPerDim).toBeGreaterThan(noiseFloor(config.data.sigma));
  const prepared = texts.slice(0, 12).map((text) => model.prepare(text));
  const scores = generate.scoreTexts(model, prepared, { seed: 1 });
  // The same text in another batch, and through save and load: the same score.
  const alone = generate.scoreTexts(loadModel(out), [prepared[5]], { seed: 1 })[0];
  expect(Math.abs(alone.nelbo - scores[5].nelbo)).toBeLessThan(1e-3);
  expect(generate.sampleTexts(model, { count: 3, seed: 4 })[1]).toEqual(
    generate.sampleTexts(model, { count: 1, seed: 5 })[0],
  );
  const [first, last] = generate.interpolateTexts(model, prepared[0], prepared[1], { ratios: [1, 0] });
  const back = generate.reconstructTexts(model, prepared);
  expect(first.text).toBe(back[0].reconstruction);
  expect(last.text).toBe(back[1].reconstruction);
  expect(generate.totalsOf(back).maxAbsError).toBeLessThan(1e-4);
  expect(generate.totalsOf(back).tokenAccuracy).toBeGreaterThan(0.95);
  const still = generate.perturbTexts(model, prepared.slice(0, 2), { noiseVariance: 0, variants: 2, seed: 1 });
  expect(still.map(({ variant }) => variant)).toEqual([0, 1, 0, 1]);
  expect(still[3].text).toBe(back[1].reconstruction);
});
