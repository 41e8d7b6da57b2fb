/** A model's folder with something wrong in it. */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { loadModel, saveModel } from "../../src/flow/index.ts";
import { scope, tensor } from "../../src/torch/index.ts";
import { loadSafetensors, saveSafetensors } from "../../src/torch/safetensors.ts";
import { microModel } from "../train/support.ts";

const folder = mkdtempSync(join(tmpdir(), "riverrun-model-"));
const whole = join(folder, "whole");
const model = join(folder, "model");
beforeAll(() => {
  const made = microModel();
  saveModel(made, whole);
  made.dispose();
});
beforeEach(() => {
  rmSync(model, { recursive: true, force: true });
  cpSync(whole, model, { recursive: true });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const files = ["config.json", "vocabulary.json", "model.safetensors"] as const;

test.each(files)("%s: not there is missing data, a folder and a device in its place are damage", (name) => {
  const path = join(model, name);
  rmSync(path);
  expect(() => loadModel(model)).toThrow(
    expect.objectContaining({ exitCode: 3, message: expect.stringContaining(name) }),
  );
  for (const put of [() => mkdirSync(path), () => symlinkSync("/dev/zero", path)]) {
    put();
    expect(() => loadModel(model)).toThrow(
      expect.objectContaining({ exitCode: 2, message: expect.stringContaining(`${name} is not a file`) }),
    );
    rmSync(path, { recursive: true });
  }
});

test.each(files)("%s cut short is refused by its name, with what to do", (name) => {
  const path = join(model, name);
  const bytes = readFileSync(path);
  // The last byte of a text file ends its line.
  for (const length of [0, 10, Math.floor(bytes.length / 2), bytes.length - 2]) {
    writeFileSync(path, bytes.subarray(0, length));
    const message = expect.stringMatching(
      new RegExp(`^${path}: .*[^.]; copy the folder from where it is whole, or train anew$`),
    );
    expect(() => loadModel(model), `${length} bytes`).toThrow(expect.objectContaining({ exitCode: 2, message }));
  }
});

test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
  "a parameter of %d is refused by name",
  (bad) => {
    scope(() => {
      const path = join(model, "model.safetensors");
      const { tensors } = loadSafetensors(path);
      const [name, value] = [...tensors].find(([key]) => key.startsWith("flow.")) ?? [];
      if (name === undefined || value === undefined) throw new Error("the flow has no parameters");
      const values = value.toNumbers();
      values[0] = bad;
      tensors.set(name, tensor(values, value.shape));
      saveSafetensors(path, tensors);
      expect(() => loadModel(model)).toThrow(
        expect.objectContaining({ exitCode: 2, message: expect.stringContaining(`"${name}"`) }),
      );
    });
  },
);

test("a vocabulary of another model, and a file that is no JSON, are refused by name", () => {
  writeFileSync(
    join(model, "vocabulary.json"),
    '{"version":1,"tokens":["<pad>","<unk>","<eos>","<sos>"],"counts":[0,0,1,1]}',
  );
  expect(() => loadModel(model)).toThrow(/codebook of shape \[4, 8\]/);
  writeFileSync(join(model, "config.json"), "{\n\n");
  expect(() => loadModel(model)).toThrow(/^[^\n]*config\.json: expected JSON: [^\n]*$/);
});

test("a configuration of an earlier version says which keys it lacks, and where their values are", () => {
  const path = join(model, "config.json");
  const config = JSON.parse(readFileSync(path, "utf8")) as { preset: string; flow: Record<string, unknown> };
  const { acContext: _, head: __, ...flow } = config.flow;
  writeFileSync(path, JSON.stringify({ ...config, flow }));
  const said = "missing flow.acContext, flow.head: the model was saved by an earlier version";
  expect(() => loadModel(model)).toThrow(
    expect.objectContaining({ exitCode: 2, message: expect.stringContaining(`config.json: ${said}`) }),
  );
  expect(() => loadModel(model)).toThrow(`"npx riverrun train --preset ${config.preset} --print-config" shows`);
});

test("a model is read in the precision it was saved in, or in the one asked for", () => {
  const double = loadModel(model, { precision: "float64" });
  saveModel(double, model);
  for (const [options, dtype] of [
    [{}, "float64"],
    [{ precision: "float32" }, "float32"],
  ] as const) {
    const loaded = loadModel(model, options);
    expect(loaded.dtype).toBe(dtype);
    expect(new Set(loaded.parameters().map((parameter) => parameter.dtype))).toEqual(new Set([dtype]));
    loaded.dispose();
  }
  double.dispose();
  expect(() => loadModel(model, { precision: "bf16" })).toThrow(/trained in float64.*expected --precision float32 or/);
});

test("bf16 says what the networks compute in; the tensors stay float32", () => {
  const loaded = loadModel(model, { precision: "bf16" });
  expect(loaded.networkPrecision).toBe("bf16");
  expect(new Set(loaded.parameters().map(({ dtype }) => dtype))).toEqual(new Set(["float32"]));
  loaded.dispose();
  const plain = loadModel(model);
  expect(plain.networkPrecision).toBe("float32");
  plain.dispose();
});
