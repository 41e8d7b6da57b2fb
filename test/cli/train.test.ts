/** riverrun train: configuration, files, resuming, rehearsing. */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { lossWarning } from "../../src/cli/comingBack.ts";
import { addScore } from "../../src/cli/commands/score.ts";
import { addTrain } from "../../src/cli/commands/train.ts";
import { addVectors } from "../../src/cli/commands/vectors.ts";
import { type Config, presetConfig } from "../../src/flow/index.ts";
import { type Ended, records, run, scratch, sentencesFile, tinyTraining } from "./support.ts";

const folder = scratch();
const data = sentencesFile(folder);
const out = join(folder, "model");
let ended: Ended;

beforeAll(async () => {
  ended = await run(addTrain, tinyTraining(data, out));
});

const file = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

describe("a training", () => {
  it("ends with one record on stdout; progress stays on stderr, without escapes in a pipe", () => {
    expect(ended.code).toBe(0);
    expect(records(ended.out)).toMatchObject([
      { step: 20, tokens: expect.any(Number), floorBitsPerDim: expect.any(Number) },
    ]);
    expect(ended.err).not.toContain("\u001b");
    expect(ended.err).not.toContain("\r");
    const steps = ended.err.split("\n").filter((line) => /^step \d+ of 20: /.test(line));
    expect(steps.map((line) => Number(/\d+/.exec(line)?.[0]))).toEqual([1, 5, 10, 15, 20]);
    expect(steps[2]).toMatch(/: [\d.]+ nats per token, [\d.]+ bits per dimension, \d+ tokens\/s, \d+:\d\d left$/);
    expect(ended.err).toMatch(/word vectors: pass 2 of 2, loss [\d.]+\n/);
    expect(ended.err).toContain("100.0 % of the training words are in the vocabulary\n");
    expect(ended.err.match(/\d+ parameters/g)).toHaveLength(1);
  });

  it("leaves model, curves, events and a report", () => {
    const names = readdirSync(out);
    for (const name of ["config.json", "vocabulary.json", "model.safetensors", "metrics.jsonl", "report.html"]) {
      expect(names).toContain(name);
    }
    expect(names.filter((name) => name.startsWith("events.out.tfevents."))).toHaveLength(1);
    expect(readFileSync(join(out, "report.html"), "utf8")).toContain("Trained for all 20 steps.");
  });

  it("says which share of held-out tokens does not come back, where words are too near each other", async () => {
    expect(ended.err).not.toContain("come back");
    const words = ["mara", "a", "oskar", "lene", "sold", "warm", "red", "pie", "."];
    // "mara" stands beside "a", which is three times as frequent.
    const row = (word: string, place: number): string =>
      [word, ...Array.from({ length: 16 }, (_, k) => Math.sin(7 * Math.max(place, 1) + k * k) + 1e-4 * place)].join(
        " ",
      );
    const vectors = file("close.txt", `${words.map(row).join("\n")}\n`);
    const close = [...tinyTraining(data, join(folder, "close"), 2), "--validation", data, "--vectors", vectors];
    const { code, err } = await run(addTrain, close);
    expect(code).toBe(0);
    expect(err).toContain(
      "\nwarning: only 95.24 % of 840 tokens of 120 held-out texts come back from latent space: words whose vectors are too near each other for noise of data.sigma 0.85 are mixed up; train with a smaller data.sigma, or with vectors that are farther apart (--vectors, a larger data.dimensions)\n",
    );
  });

  it("says what else loses tokens", () => {
    const totals = { texts: 9, tokens: 200, exactShare: 0, unknownShare: 0, truncatedShare: 0 };
    const warned = (preset: string, tokenAccuracy: number, maxAbsError: number): string | undefined =>
      lossWarning(presetConfig(preset), { ...totals, tokenAccuracy, maxAbsError });
    expect(warned("tiny", 0.989, 3.14159)).toMatch(
      /^warning: only 98\.90 % of 200 .* errors of up to 3\.1; train with/,
    );
    expect(warned("tiny", 0.5, Number.NaN)).toContain("errors of up to NaN");
    expect(warned("paper-nar", 0.5, 1e-6)).toContain("have nearly one direction are mixed up");
    expect(warned("tiny", 0.99, 1e-6)).toBeUndefined();
    expect(warned("tiny-plus", 0.5, 1e-6)).toBeUndefined();
  });

  it("starts from a trained model, whose configuration is its own but for what is set", async () => {
    const onward = join(folder, "onward");
    const set = ["--set", "train.maxSteps=2", "--set", "flow.dropout=0.2"];
    const started = await run(addTrain, ["train", "--from", out, "--data", data, "--out", onward, ...set]);
    expect(started.code).toBe(0);
    expect(started.err).toContain(`starting from the model in ${out}`);
    expect(started.err).not.toContain("word vectors");
    const [before, after] = [out, onward].map(
      (at) => JSON.parse(readFileSync(join(at, "config.json"), "utf8")) as Config,
    );
    const resumed = await run(addTrain, [
      "train",
      "--from",
      "/gone",
      "--data",
      data,
      "--out",
      onward,
      ...set,
      "--resume",
    ]);
    expect(resumed.err).toContain("the training is finished");
    expect(resumed.code).toBe(0);
    expect(after).toEqual({
      ...before,
      flow: { ...before.flow, dropout: 0.2 },
      train: { ...before.train, maxSteps: 2 },
    });
  });

  it("that is finished says so when it is resumed, and one that has more to do does it", async () => {
    const again = await run(addTrain, [...tinyTraining(data, out), "--resume"]);
    expect(again.code).toBe(0);
    expect(again.err).toContain("the training is finished");
    expect(records(again.out)).toEqual(records(ended.out));
    const longer = await run(addTrain, [...tinyTraining(data, out, 22), "--resume"]);
    expect(longer.code).toBe(0);
    expect(longer.err).toContain("going on after step 20 of 22");
    expect(records(longer.out)[0].step).toBe(22);
    expect(readdirSync(out).filter((name) => name.startsWith("events.out.tfevents."))).toHaveLength(2);
  });

  it("goes on with the configuration in its folder where none is named", async () => {
    const target = join(folder, "stored");
    const first = [...tinyTraining(data, target, 3), "--set", "data.sigma=0.3"];
    expect((await run(addTrain, first)).code).toBe(0);
    const resume = ["train", "--resume", "--out", target];
    const same = await run(addTrain, [...resume, "--data", data]);
    expect(same).toMatchObject({
      code: 0,
      err: expect.stringContaining("the training is finished (maxSteps, step 3)"),
    });
    const beyond = await run(addTrain, [...resume, "--data", data, "--set", "train.maxSteps=2"]);
    expect(beyond).toMatchObject({
      code: 0,
      err: expect.stringContaining("the training stands at step 3, beyond train.maxSteps 2: nothing is left to do"),
    });
    const more = await run(addTrain, [...resume, "--data", data, "--set", "train.maxSteps=4"]);
    expect(more).toMatchObject({ code: 0, err: expect.stringContaining("train.maxSteps: 3 is now 4") });
    const [printed] = records((await run(addTrain, [...resume, "--print-config"])).out);
    expect(printed).toMatchObject({ data: { sigma: 0.3 }, train: { maxSteps: 4 } });
    const other = await run(addTrain, [...resume, "--data", data, "--set", "data.sigma=0.2"]);
    expect(other).toMatchObject({ code: 2, err: expect.stringContaining("data.sigma: 0.3 is now 0.2") });
    const seed = await run(addTrain, [...resume, "--data", data, "--validation", data, "--seed", "9"]);
    expect(seed).toMatchObject({ code: 2, err: expect.stringMatching(/\(seed: \d+ is now 9\)/) });
    const texts = await run(addTrain, resume);
    expect(texts).toMatchObject({ code: 2, err: expect.stringContaining("expected --data") });
    const nowhere = await run(addTrain, ["train", "--resume", "--data", data]);
    expect(nowhere).toMatchObject({ code: 2, err: expect.stringContaining("--resume: expected --out DIR") });
    const empty = await run(addTrain, ["train", "--resume", "--out", join(folder, "none"), "--data", data]);
    expect(empty).toMatchObject({ code: 2, err: expect.stringMatching(/none holds no checkpoint .*--preset NAME/) });
  });

  it("says what a resume does not look at", async () => {
    const resume = ["train", "--resume", "--out", out, "--data", data];
    const vectors = await run(addTrain, [...resume, "--vectors", "/gone.txt"]);
    expect(vectors).toMatchObject({ code: 0, err: expect.stringContaining("--vectors /gone.txt: not looked at") });
    const from = await run(addTrain, [...resume, "--from", "/gone"]);
    expect(from).toMatchObject({ code: 0, err: expect.stringContaining("--from /gone: not looked at") });
  });

  it("of a Language Flow+ that was stopped before its decoder goes on without a configuration", async () => {
    const target = join(folder, "plus");
    const short = ["train.maxSteps=2", "vectors.iterations=2", "attentionDecoder.flowTrain.maxSteps=2"];
    const set = short.flatMap((setting) => ["--set", setting]);
    await run(addTrain, ["train", "--preset", "tiny-plus", "--data", data, "--out", target, ...set]);
    // As where it was stopped between its stages.
    for (const name of readdirSync(target)) {
      if (name !== "flow" && name !== "config.json") rmSync(join(target, name), { recursive: true });
    }
    const resumed = await run(addTrain, ["train", "--resume", "--out", target, "--data", data]);
    expect(resumed.err).toMatch(/the training is finished \(maxSteps, step 2\)[\s\S]*now the decoder/);
    expect(resumed.code).toBe(0);
    expect(records(resumed.out)).toMatchObject([{ step: 2, decoderNatsPerToken: expect.any(Number) }]);
  });

  it("takes held-out texts from files", async () => {
    const held = [file("held1.txt", "mara sold a red pie .\n"), file("held2.jsonl", '{"text": "a warm pie ."}\n')];
    const args = tinyTraining(data, join(folder, "held"), 2);
    const { out: record } = await run(addTrain, [...args, "--validation", ...held]);
    expect(records(record)[0]).toMatchObject({ texts: 2, tokens: 12 });
    const bad = await run(addTrain, [...args, "--validation", file("bad.jsonl", '{"text": "a"}\n{}\n')]);
    expect(bad).toMatchObject({ code: 2, err: expect.stringContaining("bad.jsonl:2: expected an object") });
  });

  it("in float64 is another one, in bf16 one whose folder says so; other precisions are refused", async () => {
    const args = (name: string): string[] => [...tinyTraining(data, join(folder, name), 2), "--precision", name];
    const double = await run(addTrain, args("float64"));
    expect(double.code).toBe(0);
    const single = await run(addTrain, args("float32"));
    const [d, s] = [double, single].map(({ out: record }) => Number(records(record)[0].bitsPerDim));
    expect(d).not.toBe(s);
    expect(d).toBeCloseTo(s, 4);
    expect((await run(addTrain, args("bf16"))).code).toBe(0);
    const saved = JSON.parse(readFileSync(join(folder, "bf16", "config.json"), "utf8")) as Config;
    expect(saved.train.precision).toBe("bf16");
    expect(await run(addTrain, args("int8"))).toMatchObject({
      code: 2,
      err: expect.stringContaining("Allowed choices are float32, bf16, float64"),
    });
  });
});

describe.skipIf(process.platform === "win32")("pipes", () => {
  /** A pipe that a process of its own writes the file into, once. */
  const piped = (path: string): string => {
    const pipe = join(scratch(), "pipe");
    expect(spawnSync("sh", ["-c", 'mkfifo "$0"', pipe]).status).toBe(0);
    spawn("sh", ["-c", 'cat "$0" > "$1"', path, pipe], { stdio: "ignore" }).unref();
    return pipe;
  };

  it("serve as configuration, as data and as texts, and are refused where data are read twice", async () => {
    const config = piped(file("piped.json", JSON.stringify(presetConfig("tiny"))));
    const target = join(folder, "piped");
    const args = tinyTraining(piped(data), target, 2).map((arg) => (arg === "--preset" ? "--config" : arg));
    const trained = await run(addTrain, args.with(args.indexOf("tiny"), config));
    expect(trained.err).toContain("step 2 of 2");
    expect(records(trained.out)).toMatchObject([{ step: 2 }]);
    const scored = await run(addScore, ["score", "--model", target, piped(file("one.txt", "mara sold a pie .\n"))]);
    expect(records(scored.out)).toMatchObject([{ text: "mara sold a pie .", tokens: 6 }]);
    const twice = await run(addVectors, ["vectors", "train", "--data", piped(data), "--out", join(folder, "v.txt")]);
    expect(twice).toMatchObject({
      code: 2,
      err: expect.stringContaining("is a pipe or a device: the data are read twice"),
    });
  });

  it("without an end, without text and with bytes that are none are refused", async () => {
    const endless = await run(addTrain, ["train", "--config", "/dev/zero", "--print-config"]);
    expect(endless).toMatchObject({ code: 2, err: expect.stringContaining("/dev/zero: expected a configuration") });
    const args = (path: string): string[] => ["train", "--preset", "tiny", "--out", join(folder, "x"), "--data", path];
    const nothing = await run(addTrain, args("/dev/null"));
    expect(nothing).toMatchObject({ code: 2, err: expect.stringContaining("/dev/null: the stream holds no text") });
    const zeros = await run(addTrain, args("/dev/zero"));
    expect(zeros).toMatchObject({ code: 2, err: expect.stringContaining("/dev/zero:1: a NUL byte") });
    const binary = await run(addTrain, args(file("binary.txt", "a b\nc\0d\n")));
    expect(binary).toMatchObject({ code: 2, err: expect.stringContaining("binary.txt: text 2 holds a NUL byte") });
  });
});

describe("--dry-run", () => {
  it("writes nothing and says what a training would cost", async () => {
    const target = join(folder, "dry");
    const dry = await run(addTrain, [...tinyTraining(data, target, 1000), "--dry-run"]);
    expect(dry.code).toBe(0);
    expect(existsSync(target)).toBe(false);
    const [record] = records(dry.out);
    expect(record).toMatchObject({ dryRun: true, maxSteps: 1000 });
    expect(record.secondsOfSteps).toBeCloseTo(1000 * Number(record.secondsPerStep), 6);
    expect(dry.err).toContain("nothing was written");
  });

  it("needs no folder", async () => {
    const before = readdirSync(folder);
    const args = tinyTraining(data, "").filter((arg) => arg !== "--out" && arg !== "");
    const dry = await run(addTrain, [...args, "--dry-run"]);
    expect(dry.code).toBe(0);
    expect(records(dry.out)).toMatchObject([{ dryRun: true, maxSteps: 20 }]);
    expect(readdirSync(folder)).toEqual(before);
    expect(await run(addTrain, args)).toMatchObject({ code: 2, err: expect.stringContaining("--out") });
  });

  it("of a resumed training goes on from its last checkpoint, and reads what that reads", async () => {
    const target = join(folder, "rehearsed");
    expect((await run(addTrain, tinyTraining(data, target, 3))).code).toBe(0);
    const resume = ["train", "--resume", "--out", target, "--data", data, "--dry-run"];
    const more = await run(addTrain, [...resume, "--from", "/gone", "--set", "train.maxSteps=10"]);
    expect(more).toMatchObject({ code: 0, err: expect.stringContaining("--from /gone: not looked at") });
    expect(more.err).toContain("going on after step 3 of 10");
    expect(more.err).toContain("7 steps would take roughly");
    const [cost] = records(more.out);
    expect(cost).toMatchObject({ maxSteps: 10, stepsLeft: 7 });
    expect(cost.secondsOfSteps).toBeCloseTo(7 * Number(cost.secondsPerStep), 6);
    const done = await run(addTrain, resume);
    expect(done).toMatchObject({ code: 0, err: expect.stringContaining("no step is left; nothing was written") });
    expect(records(done.out)).toMatchObject([{ stepsLeft: 0, secondsPerStep: 0, secondsOfSteps: 0 }]);
    const other = await run(addTrain, [...resume, "--set", "data.sigma=0.2"]);
    expect(other).toMatchObject({ code: 2, err: expect.stringContaining("is now 0.2") });
  });

  it("refuses what the training would refuse", async () => {
    const dry = await run(addTrain, [...tinyTraining(data, out), "--dry-run"]);
    expect(dry).toMatchObject({ code: 2, err: expect.stringContaining("is not empty") });
  });
});

describe("configuration", () => {
  it("is printed whole, and read back from JSON and YAML", async () => {
    const args = ["train", "--preset", "tiny", "--set", "train.maxSteps=7", "--seed", "5", "--print-config"];
    const printed = records((await run(addTrain, args)).out);
    const { seed, train } = presetConfig("tiny");
    expect(printed).toMatchObject([{ preset: "tiny", seed: 5, train: { ...train, maxSteps: 7 } }]);
    expect(seed).not.toBe(5);
    const json = file("config.json", JSON.stringify(printed[0], null, "\t"));
    const yaml = file(
      "config.yaml",
      Object.entries(printed[0])
        .map(([key, value]) =>
          typeof value === "object"
            ? `${key}: # a comment\n${Object.entries(value as object)
                .map(([inner, leaf]) => `  ${inner}: ${JSON.stringify(leaf)}\n`)
                .join("")}`
            : `${key}: ${JSON.stringify(value)}\n`,
        )
        .join(""),
    );
    for (const path of [json, yaml]) {
      expect(records((await run(addTrain, ["train", "--config", path, "--print-config"])).out)).toEqual(printed);
    }
  });

  const whole = JSON.stringify(presetConfig("tiny"), null, 2);
  const lineOf = (word: string): number => whole.slice(0, whole.indexOf(word)).split("\n").length;
  it.each([
    ["a type", whole.replace(/"sigma": [\d.]+/, '"sigma": "wide"'), `${lineOf('"sigma"')}:5: data.sigma: `],
    [
      "an unknown key",
      whole.replace('"sigma"', '"sgima"'),
      `${lineOf('"sigma"')}:5: there is no key "data.sgima" (did you mean data.sigma?)`,
    ],
    [
      "a key that is like no other",
      whole.replace('"sigma"', '"loudness"'),
      `${lineOf('"sigma"')}:5: there is no key "data.loudness"; `,
    ],
    ["a missing key", whole.replace('"sigma"', '"sgima"'), `${lineOf('"data"')}:3: data.sigma: missing: `],
    [
      "a configuration of few keys, all missing ones at once",
      "preset: tiny\ntrain:\n  maxSteps: ten\n",
      /config\.json:3:3: train\.maxSteps: [^;]* received string; .*config\.json:1:1: seed, data, vectors, flow, train\.batchSize, [\w., ]+ and \d+ more: missing: [^;]+; begin with what "[^"]* train --preset tiny --print-config" prints, or change keys of a preset by --preset tiny --set KEY=VALUE\n$/,
    ],
    [
      "a relation",
      whole.replace('"heads": 2', '"heads": 5'),
      `${lineOf('"heads"')}:5: flow.heads: 5 heads do not divide`,
    ],
    ["JSON", whole.replace('"sigma":', '"sigma"'), /config\.json:\d+:\d+: expected JSON or YAML/],
    ["YAML", "preset: tiny\n  seed: 1\n", /config\.json:1:\d+: expected JSON or YAML/],
    ["a list", "- 1\n", ":1:1: expected an object"],
    ["nothing", "", ":1:1: expected an object"],
  ])("names file, line and column of a fault in %s", async (_, text, words) => {
    const failed = await run(addTrain, ["train", "--config", file("config.json", text), "--print-config"]);
    expect(failed.code).toBe(2);
    expect(failed.out).toBe("");
    if (typeof words === "string") expect(failed.err).toContain(`config.json:${words.replace(/^:/, "")}`);
    else expect(failed.err).toMatch(words);
  });

  it.each([
    ["train.maxStep", "train.maxSteps"],
    ["train.maxsteps", "train.maxSteps"],
    ["trian.maxSteps", "train.maxSteps"],
    ["maxSteps", "train.maxSteps"],
    ["train.sigma", "data.sigma"],
    ["flow.sigam", "data.sigma"],
    ["attentionDecoder.flowTrian.maxStep", "attentionDecoder.flowTrain.maxSteps"],
    ["attentiondecoder", "attentionDecoder"],
    ["seed.first", undefined],
    ["nonsense", undefined],
  ])("--set %s=1 is asked whether it means %s", async (key, meant) => {
    const failed = await run(addTrain, ["train", "--preset", "tiny-plus", "--set", `${key}=1`, "--print-config"]);
    expect(failed.code).toBe(2);
    expect(/did you mean (.*)\?/.exec(failed.err)?.[1]).toBe(meant);
  });

  it.each([
    [["--preset", "nope"], 2, "unknown preset"],
    [["--preset", "tiny", "--config", data], 2, "one of --preset NAME, --config FILE and --from DIR"],
    [["--preset", "tiny", "--from", out], 2, "one of --preset NAME, --config FILE and --from DIR"],
    [["--from", "/nowhere"], 3, "/nowhere/config.json does not exist"],
    [["--from", out, "--set", "flow.hidden=2", "--data", data, "--out", join(folder, "x")], 2, "flow.hidden is"],
    [["--config", "/nowhere.json"], 3, "/nowhere.json does not exist"],
    [["--preset", "tiny"], 2, "--data"],
    [
      ["--preset", "tiny", "--set", "train.lr=3", "--print-config"],
      2,
      'no key "train.lr"; train has the keys maxSteps, ',
    ],
    [["--preset", "tiny", "--set", "train", "--print-config"], 2, "expected key=value"],
    [["--preset", "tiny", "--set", "train.maxSteps=-3", "--print-config"], 2, "train.maxSteps"],
    [["--preset", "tiny", "--data", "/nowhere.txt", "--out", join(folder, "x")], 3, "does not exist"],
    [["--preset", "tiny", "--data", "builtin", data, "--out", join(folder, "x")], 2, "builtin is a corpus of its own"],
    [["--preset", "tiny", "--data", data, "--out", join(folder, "x"), "--vectors", "/nowhere"], 3, "/nowhere"],
    [["--preset", "tiny", "--data", data, "--out", data], 2, "is a file"],
  ])("%j ends with %i and says %s", async (args, code, words) => {
    const failed = await run(addTrain, ["train", ...args]);
    expect(failed.err).toContain(words);
    expect(failed.err).not.toMatch(/\n\s+at /);
    expect(failed.code).toBe(code);
    rmSync(join(folder, "x"), { recursive: true, force: true });
  });
});
