import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { UsageError } from "../../src/base/errors.ts";
import { type Config, loadModel, presetConfig } from "../../src/flow/index.ts";
import { loadSafetensors } from "../../src/torch/safetensors.ts";
import { findCheckpoint, NonFiniteError, type TrainOptions, type TrainResult, train } from "../../src/train/index.ts";
import { metricsOf, microConfig, sameRun, scratch, texts } from "./support.ts";

/** Trains and says what was logged. */
async function run(
  options: Omit<Partial<TrainOptions>, "out"> & { out: string | undefined },
): Promise<{ result: TrainResult; log: string }> {
  const lines: string[] = [];
  const result = await train({ config: microConfig(), texts, log: (line) => lines.push(line), ...options });
  result.model.dispose();
  return { result, log: lines.join("\n") };
}

/** Stops after a step, as a signal would. */
function stopAfter(step: number): Pick<TrainOptions, "interrupted" | "onEveryStep"> {
  let at = 0;
  return {
    onEveryStep: (report) => {
      at = report.step;
    },
    interrupted: () => (at >= step ? "SIGTERM" : undefined),
  };
}

const whole = join(scratch(), "whole");
let first: { result: TrainResult; log: string };
beforeAll(async () => {
  first = await run({ out: whole });
});

describe("train", () => {
  it("leaves a model that loads, the resume state and the curves", () => {
    const model = loadModel(whole);
    expect(model.initialised).toBe(true);
    model.dispose();
    expect(first.result).toMatchObject({ step: 10, finished: true, reason: "maxSteps", exitCode: 0 });
    expect(first.result.validation?.nelboPerToken).toBeGreaterThan(0);
    const rows = metricsOf(whole) as { step: number; split: string }[];
    expect(rows.map(({ step, split }) => `${split} ${step}`)).toEqual([
      "training 1",
      "training 2",
      "training 4",
      "validation 4",
      "training 6",
      "training 8",
      "validation 8",
      "training 10",
      "validation 10",
    ]);
    expect(readdirSync(join(whole, "training")).sort()).toEqual(["last.json", "step-000000010"]);
    expect(existsSync(join(whole, "vectors.txt"))).toBe(true);
  });

  it("gives the same numbers, to the last bit, when it is interrupted and resumed", async () => {
    const out = join(scratch(), "stopped");
    for (const step of [1, 5]) {
      const { result, log } = await run({ out, resume: true, ...stopAfter(step) });
      expect(result).toMatchObject({ step, finished: false, reason: "interrupted", exitCode: 143 });
      expect(log).toContain("a checkpoint is written");
    }
    const { result } = await run({ out, resume: true });
    expect(result.step).toBe(10);
    expect(sameRun(whole, out)).toBe(true);
  });

  it("says so where there is nothing to resume, and starts", async () => {
    const out = join(scratch(), "new");
    const { log } = await run({ out, resume: true });
    expect(log).toContain("nothing was saved yet");
    expect(sameRun(whole, out)).toBe(true);
  });

  it("can be started again where it was stopped before its first step, or failed", async () => {
    const out = join(scratch(), "again");
    await expect(run({ out, interrupted: () => "SIGINT" })).rejects.toMatchObject({
      name: "InterruptedError",
      message: "stopped by SIGINT before the first step: nothing was saved; start again",
      exitCode: 130,
    });
    await expect(run({ out, vectors: join(out, "none.txt") })).rejects.toThrow(/none\.txt/);
    expect((await run({ out })).result.step).toBe(10);
  });

  it("says so on a finished run and changes nothing", async () => {
    const before = readFileSync(join(whole, "training", "step-000000010", "state.json"), "utf8");
    const { result, log } = await run({ out: whole, resume: true });
    expect(log).toContain("the training is finished");
    expect(result).toMatchObject({ finished: true, exitCode: 0, step: 10 });
    expect(result.validation).toEqual(first.result.validation);
    expect(readFileSync(join(whole, "training", "step-000000010", "state.json"), "utf8")).toBe(before);
  });

  it("goes on with more steps, and refuses another model or other texts", async () => {
    const out = join(scratch(), "longer");
    await run({ out, config: microConfig({ maxSteps: 4 }) });
    const { result, log } = await run({ out, resume: true, config: microConfig({ maxSteps: 6 }) });
    expect(result).toMatchObject({ step: 6, finished: true });
    expect(log).toContain("train.maxSteps: 4 is now 6");
    await expect(run({ out, resume: true, config: microConfig({}, { hidden: 16 }) })).rejects.toThrow(
      /another configuration \(flow\.hidden: 8 is now 16/,
    );
    await expect(run({ out, resume: true, texts: texts.slice(1) })).rejects.toThrow(/other texts/);
  });

  it("refuses a folder that holds something", async () => {
    await expect(run({ out: whole })).rejects.toThrow(/not empty.*--resume/);
    const out = scratch();
    writeFileSync(join(out, "model.safetensors"), "");
    await expect(run({ out, resume: true })).rejects.toThrow(/no state to resume from/);
    writeFileSync(join(out, "file"), "");
    await expect(run({ out: join(out, "file") })).rejects.toThrow(/is a file/);
  });

  it("removes what a killed training left half-written", async () => {
    const out = join(scratch(), "litter");
    await run({ out, ...stopAfter(3) });
    const folder = join(out, "training");
    mkdirSync(join(folder, ".step-000000006.999999"));
    mkdirSync(join(folder, "step-000000006"));
    writeFileSync(join(folder, ".last.json.riverrun-tmp-999999999"), "{");
    await run({ out, resume: true });
    expect(readdirSync(folder).sort()).toEqual(["last.json", "step-000000010"]);
    expect(sameRun(whole, out)).toBe(true);
  });

  it("can be resumed although the model's own file was not written yet", async () => {
    const out = join(scratch(), "early");
    await run({ out, ...stopAfter(1) });
    rmSync(join(out, "model.safetensors"));
    await run({ out, resume: true });
    expect(sameRun(whole, out)).toBe(true);
  });

  it("names what is damaged in a checkpoint", async () => {
    const out = join(scratch(), "damaged");
    await run({ out, ...stopAfter(3) });
    const state = join(out, "training", "step-000000003", "state.json");
    writeFileSync(state, readFileSync(state, "utf8").replace('"step": 3', '"step": -3'));
    await expect(run({ out, resume: true })).rejects.toThrow(/state\.json is damaged.*step/);
    expect(() => findCheckpoint(out)).toThrow(UsageError);
    for (const [step, best] of [
      [2, null],
      [3, { step: 4, nelboPerToken: 1, bitsPerDim: 1, bitsPerDimError: 1, floorBitsPerDim: 1, texts: 1, tokens: 1 }],
    ]) {
      const other = JSON.parse(readFileSync(state, "utf8")) as object;
      writeFileSync(state, JSON.stringify({ ...other, step, best }));
      await expect(run({ out, resume: true })).rejects.toThrow(
        /state\.json is damaged \(it speaks of step \d.*, in the folder of step-000000003\)/,
      );
    }
    const held = readFileSync(state);
    rmSync(state);
    symlinkSync("/dev/zero", state);
    await expect(run({ out, resume: true })).rejects.toThrow(/state\.json is damaged \(.*is not a file/);
    rmSync(state);
    writeFileSync(state, held);
    // What lacks fields and is whole otherwise was written before they were there.
    const older = JSON.parse(readFileSync(state, "utf8")) as Record<string, unknown>;
    delete older.fingerprint;
    writeFileSync(state, JSON.stringify(older));
    await expect(run({ out, resume: true })).rejects.toThrow(
      /state\.json was written by an older version of riverrun \(it has no fingerprint\).*another --out/,
    );
  });

  it("says of a log that is no file just that", async () => {
    const out = join(scratch(), "log");
    await run({ out, ...stopAfter(3) });
    const log = join(out, "metrics.jsonl");
    rmSync(log);
    symlinkSync("/dev/zero", log);
    const failure = run({ out, resume: true });
    await expect(failure).rejects.toBeInstanceOf(UsageError);
    await expect(failure).rejects.toThrow(`${log} is not a file: expected one that riverrun has written`);
    await expect(failure).rejects.not.toThrow("Make room");
  });

  it("names every file of a checkpoint that was cut short, and says what to do", async () => {
    const out = join(scratch(), "cut");
    await run({ out, ...stopAfter(3) });
    const training = join(out, "training");
    const paths = readdirSync(training, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => join(parentPath, name));
    expect(paths.length).toBe(1 + 6); // last.json; configuration, vocabulary, model, optimiser, averages, state.
    for (const path of paths) {
      const bytes = readFileSync(path);
      for (const length of [0, Math.floor(bytes.length / 2), bytes.length - 2]) {
        writeFileSync(path, bytes.subarray(0, length));
        const failure = run({ out, resume: true });
        await expect(failure, `${path}: ${length} bytes`).rejects.toBeInstanceOf(UsageError);
        await expect(failure).rejects.toThrow(
          new RegExp(`^${path}(: | is damaged).*(start anew with another --out|train anew)$`),
        );
      }
      writeFileSync(path, bytes);
    }
    expect((await run({ out, resume: true })).result.finished).toBe(true);
  });

  it("stops when validations do not get better", async () => {
    const config = microConfig({ learningRate: 1e-30, validateEvery: 1, patience: 2, ema: 0 });
    const { result } = await run({ out: join(scratch(), "patience"), config });
    expect(result).toMatchObject({ step: 3, finished: true, reason: "patience", bestStep: 1 });
  });

  it("stops with a named layer where numbers stop being finite, the last checkpoint being whole", async () => {
    const out = join(scratch(), "nan");
    const config = microConfig({ learningRate: 1e20, warmupSteps: 0, schedule: "constant", checkpointEvery: 100 });
    const failure = run({ out, config });
    await expect(failure).rejects.toThrow(NonFiniteError);
    await expect(failure).rejects.toThrow(/first in .*training texts \d+/);
    expect(findCheckpoint(out)?.state.step).toBe(0);
    const { result } = await run({ out, resume: true });
    expect(result.finished).toBe(true);
  });

  it.skipIf(process.platform === "win32")("writes a checkpoint when SIGUSR2 asks for one, and goes on", async () => {
    const written: number[] = [];
    const out = join(scratch(), "asked");
    await run({
      out,
      signals: true,
      onEveryStep: ({ step }) => {
        if (step === 5) process.emit("SIGUSR2", "SIGUSR2");
      },
      onCheckpoint: (step) => written.push(step),
    });
    expect(written).toEqual([0, 3, 5, 6, 9, 10]);
    expect(sameRun(whole, out)).toBe(true);
    expect(process.listenerCount("SIGUSR2")).toBe(0);
  });

  it("trains a flow of fixed length, whose pads are words, and one with recurrent networks", async () => {
    const paper = presetConfig("paper-nar");
    const micro = microConfig({ maxSteps: 3, validateEvery: 3 });
    for (const [name, flow] of [
      ["fixed", { ...paper.flow, levels: 2, steps: 1, heads: 2 }],
      ["lstm", { ...micro.flow, network: "lstm" }],
    ] as const) {
      const data = { ...micro.data, fixedLength: name === "fixed" };
      const out = join(scratch(), name);
      await run({ out, config: { ...micro, data, flow }, ...stopAfter(2) });
      const { result } = await run({ out, resume: true, config: { ...micro, data, flow } });
      expect(result).toMatchObject({ step: 3, finished: true });
      expect(result.validation?.bitsPerDim).toBeGreaterThan(result.validation?.floorBitsPerDim ?? Number.NaN);
    }
  });

  it("takes validation texts and vectors of the caller's", async () => {
    const words = ["the", "a", "in"];
    const values = Float32Array.from({ length: 24 }, (_, index) => Math.cos(index));
    const out = join(scratch(), "given");
    const { result, log } = await run({
      out,
      config: microConfig({ maxSteps: 2 }),
      validation: [...texts.slice(0, 5), "  "],
      vectors: { words, dimensions: 8, values },
    });
    expect(result.validation?.texts).toBe(5);
    expect(log).toContain("texts without any word that were left out: 1");
    expect(log).toMatch(/3 of \d+ words have a vector/);
    expect(existsSync(join(out, "vectors.txt"))).toBe(false);
    const narrow = { words, dimensions: 4, values };
    await expect(run({ out: join(scratch(), "narrow"), vectors: narrow })).rejects.toThrow(/4 dimensions.*is 8/);
  });

  it("refuses texts that are too few", async () => {
    const out = join(scratch(), "few");
    await expect(run({ out, texts: [] })).rejects.toThrow(/0 texts with words/);
    await expect(run({ out, texts: ["", " "] })).rejects.toThrow(/0 texts with words \(of 2 given\): expected/);
    await expect(run({ out, validation: [""] })).rejects.toThrow(/validation data has no text/);
    expect(existsSync(out)).toBe(false);
  });

  it("trains in float64, keeps to it in a resume, and refuses to change it", async () => {
    const out = join(scratch(), "double");
    const config = microConfig({ maxSteps: 4, validateEvery: 2 });
    const { result } = await run({ out, config, precision: "float64", ...stopAfter(2) });
    expect(result.validation?.nelboPerToken).not.toBe(first.result.validation?.nelboPerToken);
    expect(loadSafetensors(join(out, "model.safetensors")).tensors.get("codebook")?.dtype).toBe("float64");
    await expect(run({ out, config, resume: true, precision: "float32" })).rejects.toThrow(/started in float64/);
    await run({ out, config, resume: true });
    const whole = join(scratch(), "whole");
    await run({ out: whole, config, precision: "float64" });
    expect(sameRun(whole, out)).toBe(true);
    const single = join(scratch(), "single");
    const other = await run({ out: single, config });
    const double = await run({ out, config, resume: true });
    const difference = (double.result.validation?.bitsPerDim ?? 0) - (other.result.validation?.bitsPerDim ?? 1);
    expect(Math.abs(difference)).toBeLessThan(1e-4);
    expect(difference).not.toBe(0);
  });

  it("keeps bf16 in a resume that does not name a precision, and refuses to change it", async () => {
    const out = join(scratch(), "bf16");
    // Wide enough for products that are worth rounding for.
    const wide = { hidden: 256, heads: 2 };
    const config = microConfig({ maxSteps: 4, validateEvery: 2, accumulate: 1, batchSize: 40 }, wide);
    await run({ out, config, precision: "bf16", ...stopAfter(2) });
    const { tensors } = loadSafetensors(join(out, "model.safetensors"));
    expect(new Set([...tensors.values()].map(({ dtype }) => dtype))).toEqual(new Set(["float32", "float64", "bool"]));
    const told = JSON.parse(readFileSync(join(out, "config.json"), "utf8")) as Config;
    expect(told.train.precision).toBe("bf16");
    await expect(run({ out, config, resume: true, precision: "float32" })).rejects.toThrow(/started in bf16/);
    const double: Config = { ...config, train: { ...config.train, precision: "float64" } };
    await expect(run({ out, config: double, resume: true })).rejects.toThrow(
      /train.precision: "bf16" is now "float64"/,
    );
    const resumed = await run({ out, config, resume: true });
    // The model that a training hands over computes as one that is loaded does.
    expect(resumed.result.model.networkPrecision).toBe("float32");
    const whole = join(scratch(), "whole");
    await run({ out: whole, config: { ...config, train: { ...config.train, precision: "bf16" } } });
    expect(sameRun(whole, out)).toBe(true);
    const single = join(scratch(), "single");
    const { result } = await run({ out: single, config });
    const difference = (resumed.result.validation?.nelboPerToken ?? 0) / (result.validation?.nelboPerToken ?? 1) - 1;
    expect(Math.abs(difference)).toBeLessThan(5e-3);
    expect(difference).not.toBe(0);
  });

  it("writes nothing in a dry run", async () => {
    const out = join(scratch(), "dry");
    const ends = [0];
    const { result } = await run({ out, dryRun: true, onEveryStep: ({ seconds }) => ends.push(seconds) });
    expect(result).toMatchObject({ step: 6, finished: false, reason: "dryRun" });
    // The third of the five steps after the first, by their time.
    const times = ends.slice(1).map((end, step) => end - ends[step]);
    expect(result.secondsPerStep).toBe(times.slice(1).sort((a, b) => a - b)[2]);
    expect(existsSync(out)).toBe(false);
    await expect(run({ out: whole, dryRun: true })).rejects.toThrow(/not empty/);
    expect((await run({ out: undefined, dryRun: true })).result.validation).toEqual(result.validation);
    await expect(run({ out: undefined })).rejects.toThrow(/expected a folder .*--out/);
  });

  it("can be stopped while word vectors are made", async () => {
    const out = join(scratch(), "soon");
    await expect(run({ out, interrupted: () => "SIGINT" })).rejects.toMatchObject({ exitCode: 130 });
    await run({ out, resume: true });
    expect(sameRun(whole, out)).toBe(true);
  });
});
