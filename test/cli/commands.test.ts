/** The commands that use a model: what they print, and how they end. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
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
import { root } from "../../src/cli/program.ts";
import { loadModel, saveModel } from "../../src/flow/index.ts";
import { perturbTexts } from "../../src/generate/index.ts";
import { noGrad, scope, tensor, zeros } from "../../src/torch/index.ts";
import { saveSafetensors } from "../../src/torch/safetensors.ts";
import { records, run, scratch, sentencesFile, tinyTraining } from "./support.ts";

const folder = scratch();
const model = join(folder, "model");
const long = "a ".repeat(30).trim();

beforeAll(async () => {
  const ended = await run(addTrain, tinyTraining(sentencesFile(folder), model));
  expect(ended.err).toContain("step 20 of 20");
  expect(ended.code).toBe(0);
});

describe("score", () => {
  it("writes a record a line, in order, errors as records", async () => {
    const input = `mara sold a red pie .\n\n   \noskar sold a warm pie .\n${long}\n`;
    const { code, out, err } = await run(addScore, ["score", "--model", model], input);
    expect(code).toBe(0);
    const rows = records(out);
    expect(Object.keys(rows[0])).toEqual([
      "text",
      "tokens",
      "unknown",
      "negLogDensity",
      "nelbo",
      "nelboPerToken",
      "bitsPerDim",
      "bitsPerDimPaper",
      "floorBitsPerDim",
      "truncated",
    ]);
    expect(rows[1]).toMatchObject({ line: 2, error: expect.stringContaining("empty") });
    expect(rows[2]).toMatchObject({ line: 3, error: expect.stringContaining("empty") });
    expect(Object.keys(rows[1])).toEqual(["line", "error"]);
    expect(rows[3]).toMatchObject({ text: "oskar sold a warm pie .", tokens: 7, truncated: false });
    expect(rows[4]).toMatchObject({ text: long, tokens: 16, truncated: true });
    expect(err).toContain("1 of 3 texts was longer than the model's 16 positions");
    expect(err).toContain('2 lines could not be used; their records have "error"');
    expect(err).toMatch(/3 texts, 30 tokens: [\d.]+ nats per token .*\), 0\.00 % unknown words\n/);
    const strange = await run(addScore, ["score", "--model", model], "mara met a grey pie .\nlene sold a red pie .\n");
    expect(strange.err).toMatch(/2 texts, 14 tokens: .*, 14\.29 % unknown words\n$/);
    expect(records(strange.out)).toMatchObject([{ unknown: 2 }, { unknown: 0 }]);
    const cut = await run(addScore, ["score", "--model", model], `${"zebra ".repeat(30)}\n`);
    expect(records(cut.out)).toMatchObject([{ tokens: 16, unknown: 16, truncated: true }]);
    expect(cut.err).toContain("100.00 % unknown words");
  });

  it("gives a text the same score in any company, from stdin and from files", async () => {
    const path = join(folder, "one.jsonl");
    writeFileSync(path, '{"text": "lene sold a red pie ."}\n{"words": 1}\nnot JSON\n');
    const [alone, ...bad] = records((await run(addScore, ["score", "--model", model, path])).out);
    expect(bad).toMatchObject([
      { line: 2, error: 'expected an object with a string "text"' },
      { line: 3, error: expect.stringContaining("expected JSON") },
    ]);
    const input = "mara sold a warm pie .\nlene sold a red pie .\n";
    const together = records((await run(addScore, ["score", "--model", model, "--json", "-"], input)).out);
    expect(together[1].nelbo).toBeCloseTo(Number(alone.nelbo), 3);
    const other = records((await run(addScore, ["score", "--model", model, "--seed", "2", path])).out);
    expect(other[0].nelbo).not.toBeCloseTo(Number(alone.nelbo), 3);
  });

  it("goes on after bytes that are not UTF-8", async () => {
    const input = Buffer.concat([Buffer.from([0xff, 0xfe, 10]), Buffer.from("mara sold a red pie .\n")]);
    const rows = records((await run(addScore, ["score", "--model", model], input)).out);
    expect(rows).toMatchObject([{ line: 1, error: "the line is not UTF-8" }, { text: "mara sold a red pie ." }]);
  });

  it("with weights that have exploded gives errors for figures and texts, and exit code 1", async () => {
    const broken = join(folder, "exploded");
    const flow = loadModel(model);
    noGrad(() => {
      for (const parameter of flow.parameters()) parameter.mul_(1e30);
    });
    saveModel(flow, broken);
    flow.dispose();
    const file = join(folder, "exploded.safetensors");
    const figure = /^\w+: the model computes (NaN|-?Infinity): its weights may be damaged$/;
    const words = /exploded: scores of words are not finite: .*take an earlier model/;
    for (const [command, args, error] of [
      [addScore, ["score"], figure],
      [addReconstruct, ["reconstruct", "--json"], figure],
      [addEncode, ["encode"], figure],
      [addEncode, ["encode", "--out", file], figure],
      [addPerturb, ["perturb", "--variants", "2"], words],
    ] as const) {
      const { code, out, err } = await run(command, [...args, "--model", broken], "mara sold a red pie .\n\n");
      expect([args, code, records(out)]).toEqual([
        args,
        1,
        [
          { line: 1, error: expect.stringMatching(error) },
          { line: 2, error: "the text is empty: expected at least one word" },
        ],
      ]);
      expect(err).toBe(
        "riverrun: stdin: the model computes no numbers for any text: its weights are damaged or have exploded; take an earlier model\n",
      );
    }
    expect(existsSync(file)).toBe(false);
    await run(addEncode, ["encode", "--model", model, "--out", file], "mara sold a red pie .\n");
    for (const [command, args] of [
      [addSample, ["sample"]],
      [addInterpolate, ["interpolate", "mara sold a red pie .", "lene sold a warm pie ."]],
      [addDecode, ["decode", file]],
    ] as const) {
      const { code, out, err } = await run(command, [...args, "--model", broken]);
      expect([args, code, out]).toEqual([args, 1, ""]);
      expect(err).toMatch(words);
    }
    const latents = (await run(addEncode, ["encode", "--model", model], "mara sold a red pie .\n")).out;
    const decoded = await run(addDecode, ["decode", "--model", broken], `${latents}{}\n`);
    expect(records(decoded.out)).toEqual([
      { line: 1, error: expect.stringMatching(words) },
      { line: 2, error: expect.stringContaining('"positions"') },
    ]);
    expect(decoded).toMatchObject({ code: 1, err: expect.stringContaining("stdin: the model computes no numbers") });
  });

  it("that the model makes no words of are one line each, and the others go on", async () => {
    const latents = (await run(addEncode, ["encode", "--model", model], "mara sold a red pie .\n")).out;
    const { positions, values } = records(latents)[0] as { positions: number; values: number[] };
    const far = JSON.stringify({ id: "far", positions, values: values.map(() => 3e38) });
    const { code, out } = await run(addDecode, ["decode", "--model", model], `${far}\n${latents}`);
    expect(code).toBe(0);
    expect(records(out)).toEqual([
      { id: "far", line: 1, error: expect.stringMatching(/^values: far too large, up to 3\.00e\+38: .*N\(0, I\)/) },
      { text: expect.any(String) },
    ]);
    const none = await run(addDecode, ["decode", "--model", model], `${far}\n`);
    expect(none).toMatchObject({ code: 2, err: expect.stringContaining("none of 1 line could be used") });
    const file = join(folder, "far.safetensors");
    const rows = tensor([...values, ...values.map(() => 3e38)], [2, positions, values.length / positions]);
    const lengths = tensor([positions, positions], [2], { dtype: "int64" });
    saveSafetensors(
      file,
      new Map([
        ["latents", rows],
        ["positions", lengths],
      ]),
    );
    for (const held of [rows, lengths]) held.dispose();
    const ofFile = await run(addDecode, ["decode", "--model", model, file]);
    const hot = await run(addSample, ["sample", "--model", model, "--temperature", "1e38"]);
    expect(hot).toMatchObject({
      code: 2,
      out: "",
      err: expect.stringContaining("temperature: 1e+38 is far too large"),
    });
    expect(ofFile).toMatchObject({
      code: 2,
      out: "",
      err: expect.stringMatching(/far\.safetensors: row 1: values: far/),
    });
  });

  it("under noise that the model makes no words of are told so, where words can be read off their own latents", async () => {
    const fragile = join(folder, "fragile");
    const flow = loadModel(model);
    const [, scale] = [...flow.flow.namedParameters()].find(([name]) => name === "0.logScale") ?? [];
    if (!scale) throw new Error("the flow begins with no ActNorm");
    // The inverse ends with a factor of exp(84): a hundred times that is beyond float32.
    noGrad(() => scale.add_(-84));
    saveModel(flow, fragile);
    const texts = ["mara sold a red pie .", "lene sold a warm pie ."].map((text) => flow.prepare(text));
    const message = expect.stringMatching(/^noise-variance: 10000 is far too large: /);
    expect(() => perturbTexts(flow, texts, { noiseVariance: 1e4, variants: 2, seed: 1 })).toThrow(
      expect.objectContaining({ exitCode: 2, message }),
    );
    flow.dispose();
    const perturb = async (variance: string): ReturnType<typeof run> =>
      run(addPerturb, ["perturb", "--model", fragile, "--noise-variance", variance], "mara sold a red pie .\n\n");
    const far = await perturb("10000");
    expect(records(far.out)).toMatchObject([
      {
        line: 1,
        error: expect.stringMatching(/^noise-variance: 10000 is far too large: .* usual noise has 0\.1 to 1$/),
      },
      { line: 2, error: expect.stringContaining("empty") },
    ]);
    expect(far).toMatchObject({ code: 2, err: expect.stringContaining("none of 2 lines could be used") });
    const usual = await perturb("0.5");
    expect(records(usual.out)).toMatchObject([{ variant: 0, text: expect.any(String) }, { line: 2 }]);
    expect(usual.code).toBe(0);
    const beyond = await run(addPerturb, ["perturb", "--model", model, "--noise-variance", "1e6"], "mara\n");
    expect(beyond).toMatchObject({ code: 2, out: "" });
    expect(beyond.err).toMatch(
      /'--noise-variance <v>' argument '1e6' is invalid\. Expected a number from 0 to 10000 .*/,
    );
    for (const noiseVariance of [1e6, -1, Number.NaN]) {
      expect(() => perturbTexts(flow, [], { noiseVariance, variants: 1, seed: 1 })).toThrow(
        /^noise-variance: expected/,
      );
    }
  });

  it("of nothing says so and ends well, as a filter must, also where totals were asked for", async () => {
    const nothing = { code: 0, out: "", err: "no text came in\n" };
    expect(await run(addScore, ["score", "--model", model])).toEqual(nothing);
    const reconstruct = ["reconstruct", "--model", model, "--json"];
    expect(await run(addReconstruct, reconstruct)).toEqual(nothing);
    expect(await run(addReconstruct, [...reconstruct, "--denoise"])).toEqual(nothing);
  });

  it("ends with exit code 2 where there are lines and none can be used", async () => {
    const { code, out, err } = await run(addScore, ["score", "--model", model], "\n\n");
    expect(code).toBe(2);
    expect(records(out)).toHaveLength(2);
    expect(err).toBe("riverrun: stdin: none of 2 lines could be used; the records say why\n");
    const path = join(folder, "unusable.jsonl");
    writeFileSync(path, "{}\n");
    const one = await run(addScore, ["score", "--model", model, path]);
    expect(one).toMatchObject({ code: 2, err: expect.stringContaining(`${path}: none of 1 line could be used`) });
    writeFileSync(path, "");
    const none = await run(addScore, ["score", "--model", model, path]);
    expect(none).toMatchObject({ code: 2, out: "", err: expect.stringContaining(`${path}: the file holds no text`) });
  });

  it("counts one text as one", async () => {
    const { err } = await run(addScore, ["score", "--model", model], `${long}\n\n`);
    expect(err).toContain("1 of 1 text was longer than the model's 16 positions and was cut");
    expect(err).toContain('1 line could not be used; its record has "error"');
    expect(err).toContain("1 text, 16 tokens:");
  });
});

describe("bytes that are no text", () => {
  const binary = Buffer.concat([Buffer.from("mara sold a red pie .\nlene"), Buffer.from([0, 1, 2, 10])]);
  it.each([
    [addScore, ["score"]],
    [addPerturb, ["perturb"]],
    [addReconstruct, ["reconstruct"]],
    [addEncode, ["encode", "--out", join(folder, "never.safetensors")]],
  ] as const)("are refused with the line: %o %j", async (command, args) => {
    const path = join(folder, "binary.txt");
    writeFileSync(path, binary);
    const message = ":2: a NUL byte: the file is binary, or text in UTF-16; expected UTF-8";
    const file = await run(command, [...args, "--model", model, path]);
    expect(file).toMatchObject({ code: 2, out: "", err: expect.stringContaining(`${path}${message}`) });
    const stdin = await run(command, [...args, "--model", model], binary);
    expect(stdin).toMatchObject({ code: 2, out: "", err: expect.stringContaining(`stdin${message}`) });
    expect(existsSync(join(folder, "never.safetensors"))).toBe(false);
  });

  it("come from a device without an end, which is not read to it", async () => {
    const { code, err } = await run(addScore, ["score", "--model", model, "/dev/zero"]);
    expect(err).toContain("/dev/zero:1: a NUL byte");
    expect(code).toBe(2);
  });
});

describe("precision", () => {
  it("is that of the training, unless another is asked for", async () => {
    const double = join(folder, "double");
    const trained = await run(addTrain, [...tinyTraining(sentencesFile(folder), double, 2), "--precision", "float64"]);
    expect(trained.code).toBe(0);
    const bits = async (...args: string[]): Promise<unknown> => {
      const { out } = await run(addScore, ["score", "--model", double, ...args], "mara sold a red pie .\n");
      return records(out)[0].negLogDensity;
    };
    const own = await bits();
    expect(own).toBe(await bits("--precision", "float64"));
    const single = await bits("--precision", "float32");
    expect(single).not.toBe(own);
    expect(single).toBeCloseTo(Number(own), 2);
    const back = await run(addReconstruct, ["reconstruct", "--model", double, "--json"], "mara sold a red pie .\n");
    expect(records(back.out)[1].maxAbsError).toBeLessThan(1e-12);
  });
});

describe("latents", () => {
  it("go to a file and come back as the texts", async () => {
    const latents = join(folder, "z.safetensors");
    const input = `mara sold a red pie .\n\n${long}\n`;
    const encoded = await run(addEncode, ["encode", "--model", model, "--out", latents], input);
    expect(encoded.code).toBe(0);
    expect(records(encoded.out)).toMatchObject([{ line: 2 }]);
    expect(encoded.err).toContain("2 latents of up to 16 x 16 numbers");
    expect(encoded.err).toContain("1 of 2 texts was longer");
    const decoded = records((await run(addDecode, ["decode", "--model", model, latents])).out);
    const back = records((await run(addReconstruct, ["reconstruct", "--model", model], input)).out);
    expect(decoded.map(({ text }) => text)).toEqual([back[0].reconstruction, back[2].reconstruction]);
    const raw = records((await run(addDecode, ["decode", "--model", model, "--raw", latents])).out);
    expect(raw[0].text).toMatch(/ \.$/);
  });

  it("are not what a file of texts or of JSON lines by another name holds, which is said with what to do", async () => {
    for (const [name, text] of [
      ["lines.txt", "mara sold a red pie .\n"],
      ["short.txt", "mara"],
      ["empty.safetensors", ""],
      ["latents.json", '{"positions": 2, "values": [0, 1]}\n'],
    ]) {
      const path = join(folder, `no-${name}`);
      writeFileSync(path, text);
      const { code, err, out } = await run(addDecode, ["decode", "--model", model, path]);
      expect({ code, out }).toEqual({ code: 2, out: "" });
      expect(err).toContain(`${path} holds no latents: expected a safetensors file, or JSON lines`);
      expect(err).toContain(`riverrun encode --model ${model} --out latents.safetensors`);
    }
  });

  it("are what a file of JSON lines by another name holds under --jsonl, and rows that are no lines are not skipped as such", async () => {
    const [lines, rows] = [join(folder, "latents.out"), join(folder, "rows.safetensors")];
    const texts = "mara sold a red pie .\nlene sold a warm pie .\n";
    writeFileSync(lines, (await run(addEncode, ["encode", "--model", model], texts)).out);
    await run(addEncode, ["encode", "--model", model, "--out", rows], texts);
    const decode = async (...args: readonly string[]): ReturnType<typeof run> =>
      run(addDecode, ["decode", "--model", model, ...args]);
    const named = await decode("--jsonl", "--skip-lines", "1", lines);
    expect(named).toMatchObject({ code: 0, err: "" });
    expect(records(named.out)).toEqual(records((await decode(rows)).out).slice(1));
    for (const option of [["--skip-lines", "1"], ["--line-numbers"]]) {
      const refused = await decode(...option, rows);
      expect(refused).toMatchObject({ code: 2, out: "" });
      expect(refused.err).toContain(`${option[0]}: ${rows} is safetensors, which has no lines`);
    }
  });

  it("of a longer model, or of half a pair of positions, are refused by row", async () => {
    const path = join(folder, "long.safetensors");
    for (const length of [32, 15, 0]) {
      scope(() => {
        const positions = tensor([16, length], [2], { dtype: "int64" });
        saveSafetensors(
          path,
          new Map([
            ["latents", zeros([2, 32, 16])],
            ["positions", positions],
          ]),
        );
      });
      const { code, err, out } = await run(addDecode, ["decode", "--model", model, path]);
      expect({ code, out }).toEqual({ code: 2, out: "" });
      expect(err).toContain(`${path}: row 1 has ${length} positions: this model's texts have a multiple of 2 up to 16`);
    }
  });

  it("of nothing are no file", async () => {
    const latents = join(folder, "none.safetensors");
    const ended = await run(addEncode, ["encode", "--model", model, "--out", latents], "\n");
    expect(ended.code).toBe(2);
    expect(ended.err).toContain("none of 1 line could be used");
    const empty = await run(addEncode, ["encode", "--model", model, "--out", latents]);
    expect(empty).toMatchObject({ code: 2, err: expect.stringContaining("there is no text to encode") });
    expect(existsSync(latents)).toBe(false);
  });
});

describe("reconstruct", () => {
  it("ends with totals under --json", async () => {
    const input = "mara sold a red pie .\noskar sold a warm pie .\n";
    const args = ["reconstruct", "--model", model];
    const rows = records((await run(addReconstruct, [...args, "--json"], input)).out);
    expect(Object.keys(rows[2]).slice(0, 4)).toEqual(["texts", "tokens", "tokenAccuracy", "maxAbsError"]);
    expect(rows[2]).toMatchObject({ texts: 2, tokens: 14, truncatedShare: 0, unknownShare: 0 });
    const correct = Number(rows[0].correct) + Number(rows[1].correct);
    expect(rows[2].tokenAccuracy).toBeCloseTo(correct / 14, 12);
    expect(records((await run(addReconstruct, args, input)).out)).toEqual(rows.slice(0, 2));
  });

  it("gives what the model read beside what came back, in the same writing", async () => {
    const input = `mara sold a red pie .\nmara sold a zeppelin .\n${long}\n`;
    const { out, err } = await run(addReconstruct, ["reconstruct", "--model", model, "--json"], input);
    const rows = records(out);
    const totals = rows.pop();
    expect(rows.map(({ expected }) => expected)).toEqual([
      "mara sold a red pie.",
      "mara sold a <unk>.",
      "a ".repeat(16).trim(),
    ]);
    expect(rows[0]).toMatchObject({ text: "mara sold a red pie .", tokens: 7 });
    for (const { exact, expected, reconstruction, correct, tokens } of rows) {
      expect(exact).toBe(expected === reconstruction);
      if (exact) expect(correct).toBe(tokens);
    }
    expect(totals?.exactShare).toBeCloseTo(rows.filter(({ exact }) => exact).length / 3, 12);
    expect(err).toContain("3 texts, ");
  });
});

describe("docs/records.md", () => {
  const page = readFileSync(join(root, "docs", "records.md"), "utf8");
  it.each([
    [addScore, ["score"]],
    [addReconstruct, ["reconstruct", "--json"]],
    [addSample, ["sample", "--count", "1"]],
    [addPerturb, ["perturb"]],
  ] as const)("explains every field: %o %j", async (command, args) => {
    const { out } = await run(command, [...args, "--model", model], `mara sold a red pie .\n\n${long}\n`);
    const names = new Set(records(out).flatMap((record) => Object.keys(record)));
    expect(names.size).toBeGreaterThan(1);
    const missing = [...names].filter((name) => !new RegExp(`[\`{ ]${name}[\`,} ]`).test(page));
    expect(missing).toEqual([]);
  });
});

describe("perturb", () => {
  it("writes the variants of a text together, and marks the texts that were cut", async () => {
    const args = ["perturb", "--model", model, "--variants", "2", "--noise-variance", "0"];
    const rows = records((await run(addPerturb, args, `mara sold a red pie .\n\n${long}\n`)).out);
    expect(rows.map(({ source, variant, line, truncated }) => [source ?? line, variant, truncated])).toEqual([
      ["mara sold a red pie .", 0, undefined],
      ["mara sold a red pie .", 1, undefined],
      [2, undefined, undefined],
      [long, 0, true],
      [long, 1, true],
    ]);
    expect(rows[0].text).toBe(rows[1].text);
  });
});

describe("--no-unknown", () => {
  const text = "mara sold a zebra .";
  it.each([
    [addPerturb, ["perturb", "--noise-variance", "0"], text],
    [addInterpolate, ["interpolate", text, text, "--ratios", "1"], ""],
    [addDecode, ["decode"], "latents"],
  ] as const)("has no command say <unk>: %o %j", async (command, [name, ...rest], input) => {
    const latents = (): Promise<{ out: string }> => run(addEncode, ["encode", "--model", model], text);
    const given = input === "latents" ? (await latents()).out : input;
    const args = [name, "--model", model, ...rest];
    expect(records((await run(command, args, given)).out)[0].text).toContain("<unk>");
    expect(records((await run(command, [...args, "--no-unknown"], given)).out)[0].text).not.toContain("<unk>");
  });
});

describe("words that the model does not know", () => {
  it("are counted by interpolate, once and by whose they are", async () => {
    const between = async (...ends: readonly string[]): ReturnType<typeof run> =>
      run(addInterpolate, ["interpolate", "--model", model, ...ends, "--ratios", "1,0.5"]);
    const both = await between("mara sold a zeppelin", "grey zebra");
    expect(records(both.out)).toMatchObject([{ unknown: 3 }, { unknown: 3 }]);
    expect(both.err).toBe(
      "warning: the model does not know 1 word of the first text and 2 of the second text: it reads them as <unk>\n",
    );
    const one = await between("mara sold a pie .", "mara sold a zebra .");
    expect(one.err).toBe("warning: the model does not know 1 word of the second text: it reads it as <unk>\n");
    const none = await between("mara sold a pie .", "lene sold a pie .");
    expect(none.err).toBe("");
    for (const record of records(none.out)) expect(record).not.toHaveProperty("unknown");
  });

  it.each([
    [addPerturb, ["perturb", "--batch", "1"]],
    [addEncode, ["encode"]],
  ] as const)("are counted by %o %j, for each text and for all", async (command, args) => {
    const lines = "mara sold a zeppelin\nmara sold a pie .\ngrey zebra\n";
    const { code, out, err } = await run(command, [...args, "--model", model], lines);
    expect(code).toBe(0);
    expect(records(out).map(({ unknown }) => unknown)).toEqual([1, undefined, 2]);
    expect(err).toBe("warning: the model does not know 3 words of 2 texts: it reads them as <unk>\n");
  });
});

describe("sample and interpolate", () => {
  it("number the samples, each of which can be made again alone", async () => {
    const args = ["sample", "--model", model, "--temperature", "0.8"];
    const rows = records((await run(addSample, [...args, "--count", "70", "--seed", "7"])).out);
    expect(rows.map(({ seed }) => seed)).toEqual(Array.from({ length: 70 }, (_, i) => 7 + i));
    const again = records((await run(addSample, [...args, "--count", "1", "--seed", "75"])).out);
    expect(again).toEqual([rows[68]]);
  });

  it("names the text of an interpolation that is empty", async () => {
    const args = ["interpolate", "--model", model, "mara sold a red pie .", " "];
    const { code, err } = await run(addInterpolate, args);
    expect([code, err]).toEqual([2, expect.stringContaining("the second text: the text is empty")]);
  });

  it("walk from the second text to the first", async () => {
    const ends = ["mara sold a red pie .", "lene sold a warm pie ."];
    const args = ["interpolate", "--model", model, ...ends, "--ratios", "1,0.5,0"];
    const rows = records((await run(addInterpolate, args)).out);
    expect(rows.map(({ ratio }) => ratio)).toEqual([1, 0.5, 0]);
    const back = records((await run(addReconstruct, ["reconstruct", "--model", model], ends.join("\n"))).out);
    expect([rows[0].text, rows[2].text]).toEqual(back.map(({ reconstruction }) => reconstruction));
    const cut = await run(addInterpolate, ["interpolate", "--model", model, long, ends[0]]);
    expect(cut.err).toContain("1 of 2 texts was longer");
    expect(records(cut.out)[0]).toMatchObject({ truncated: true });
  });
});

describe("wrong usage", () => {
  it.each([
    [addScore, ["score"], 2, "--model"],
    [addScore, ["score", "--model", "/nowhere"], 3, "does not exist"],
    [addScore, ["score", "--model", model, "/nowhere.txt"], 3, "/nowhere.txt does not exist"],
    [addScore, ["score", "--model", model, folder], 2, "is not a file"],
    [addScore, ["score", "--model", model, "--device", "tpu"], 2, "unknown device"],
    [addScore, ["score", "--model", model, "--threads", "0"], 2, "whole number"],
    [addSample, ["sample", "--model", model, "--count", "0"], 2, "whole number"],
    [addSample, ["sample", "--model", model, "--seed", ""], 2, "whole number of at least 0"],
    [addSample, ["sample", "--model", model, "--seed", "1e20"], 2, "whole number from 0 to 9007199254740991"],
    [addSample, ["sample", "--model", model, "--temperature", "-1"], 2, "number of at least 0"],
    [addSample, ["sample", "--model", model, "--top-p", "0"], 2, "above 0, at most 1"],
    [addSample, ["sample", "--model", model, "--top-p", "0.9"], 2, "top-p 0.9: tiny does not draw words one by one"],
    [addSample, ["sample", "--model", model, "--top-k", "1.5"], 2, "whole number of at least 0"],
    [addSample, ["sample", "--model", model, "--min-p", "2"], 2, "from 0 to 1"],
    [
      addSample,
      ["sample", "--model", model, "--top-k", "5", "--min-p", "0.1"],
      2,
      "top-k 5, min-p 0.1: tiny does not draw words one by one",
    ],
    [addInterpolate, ["interpolate", "--model", model, "a", "b", "--ratios", "x"], 2, "numbers separated by commas"],
    [addInterpolate, ["interpolate", "--model", model, "mara", ""], 2, "empty"],
    [addInterpolate, ["interpolate", "--model", model, "mara", "lene", "--ratios", "2"], 2, "from 0 to 1"],
    [addDecode, ["decode", "--model", model, "/nowhere"], 3, "/nowhere"],
  ] as const)("%o %j ends with %i and says %s", async (command, args, code, words) => {
    const ended = await run(command, args);
    expect(ended.err).toContain(words);
    expect(ended.err).not.toMatch(/\n\s+at /);
    expect(ended.out).toBe("");
    expect(ended.code).toBe(code);
  });
});
