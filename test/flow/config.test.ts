/** Configurations whose keys do not fit together. */
import { describe, expect, test } from "vitest";
import { type FlowConfig, parseConfig, presetConfig, presetNames } from "../../src/flow/index.ts";

const parsed = (preset: string, flow: Partial<FlowConfig>): unknown => {
  const config = presetConfig(preset);
  return parseConfig({ ...config, flow: { ...config.flow, ...flow } }, "a configuration");
};

test.each(presetNames)("%s is a configuration", (preset) => {
  expect(parsed(preset, {})).toEqual(presetConfig(preset));
});

test("a decoder in bf16 on a flow in float64 is refused before the flow is trained", () => {
  const { attentionDecoder, train, ...config } = presetConfig("tiny-plus");
  const withFlow = (precision: "float32" | "float64"): unknown => ({
    ...config,
    train: { ...train, precision: "bf16" },
    attentionDecoder: attentionDecoder && {
      ...attentionDecoder,
      flowTrain: { ...attentionDecoder.flowTrain, precision },
    },
  });
  expect(() => parseConfig(withFlow("float64"), "a configuration")).toThrow(
    /train\.precision: a decoder in bf16 cannot stand on a flow in float64/,
  );
  expect(() => parseConfig(withFlow("float32"), "a configuration")).not.toThrow();
});

describe("a key that the flow has no use for is refused, so that nobody trains another model than was meant", () => {
  test.each([
    ["paper-nar", { hidden: 600 }, /flow\.hidden: .* as wide as their input: expected null, got 600/],
    ["paper-nar-channel", { hidden: 150 }, /flow\.hidden/],
    ["paper-nar", { layers: 4 }, /flow\.layers: .* have 1, got 4/],
    ["paper-nar", { dropout: 0.1 }, /flow\.dropout: .* expected 0, got 0\.1/],
    [
      "paper-nar",
      { positionEncoding: "learned" },
      /flow\.positionEncoding: .* none or sinusoidal positions, got learned/,
    ],
    ["bilstm-density", { layers: 2 }, /flow\.layers/],
    ["bilstm-density", { positionEncoding: "sinusoidal" }, /flow\.positionEncoding: .* have none, got sinusoidal/],
    ["paper-ar", { dropout: 0.1 }, /flow\.couplings: .* dropout 0/],
  ] as const)("%s with %j", (preset, flow, message) => {
    expect(() => parsed(preset, flow)).toThrow(message);
  });

  test.each([
    ["paper-nar", { network: "lstm", layers: 2 }],
    ["paper-nar", { positionEncoding: "sinusoidal" }],
    ["bilstm-density", { hidden: 64 }],
    ["paper-ar", { hidden: 64, layers: 2 }],
    ["riverrun-nar", { hidden: 96, heads: 6, layers: 3, dropout: 0.2 }],
  ] as const)("but not one that it has: %s with %j", (preset, flow) => {
    expect(() => parsed(preset, flow)).not.toThrow();
  });
});

describe("a number that no model could compute with is refused by its name", () => {
  const huge = ["data.sigma", "data.scale", "data.clip", "flow.alpha", "flow.softClip", "generate.kappa"];
  const most = ["flow.dropout", "train.ema", "train.momentum"].map((key) => [key, 1] as const);
  const cases = [
    ...[...huge, "generate.temperature", "train.weightDecay", "vectors.xMax", "vectors.learningRate"].flatMap((key) => [
      [key, 1e308] as const,
      [key, Number.NaN] as const,
    ]),
    ...["data.sigma", "data.scale", "flow.softClip", "generate.temperature"].map((key) => [key, 1e-300] as const),
    ...most,
    ["vectors.window", 1e9] as const,
    ["data.tokenizer", "nobody's"] as const,
  ];
  test.each(cases)("%s: %s", (key, value) => {
    const [part, name] = key.split(".") as ["data", string];
    const config = presetConfig("tiny");
    const changed = { ...config, [part]: { ...config[part], [name]: value } };
    expect(() => parseConfig(changed, "a configuration")).toThrow(`a configuration: ${key}: `);
  });
});

test("the heads of a causal network divide its own width, which is a whole vector's where none is said", () => {
  const { data, flow, ...rest } = presetConfig("tiny-ar");
  const sized = (heads: number): unknown => ({
    ...rest,
    data: { ...data, dimensions: 20 },
    flow: { ...flow, hidden: null, heads },
  });
  expect(() => parseConfig(sized(4), "a configuration")).not.toThrow();
  expect(() => parseConfig(sized(3), "a configuration")).toThrow(
    "a configuration: flow.heads: 3 heads do not divide the width 20",
  );
});
