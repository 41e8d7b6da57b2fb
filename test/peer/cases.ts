/** The small models and texts that riverrun and its independent implementation both compute. */
import { createHash } from "node:crypto";
import { hashSeed, RandomStream } from "../../src/base/random.ts";
import { type Config, type PreparedText, presetConfig, type TextBatch, TextFlow } from "../../src/flow/index.ts";
import { tokenizerByName } from "../../src/text/tokenizer-names.ts";
import { Vocabulary } from "../../src/text/vocabulary.ts";
import { isFloating, noGrad, scope, type Tensor, tensor } from "../../src/torch/index.ts";

/** A model to be built and the texts to be scored under it. */
export interface PeerCase {
  readonly name: string;
  readonly about: string;
  readonly config: Config;
}

const words = ["the", "river", "ran", "under", "a", "low", "bridge", "and", "old", "mill", "stood", "by", "it", "."];

/** Texts of several lengths; "heron" is in no vocabulary, and the last text is longer than any of the models. */
export const peerTexts: readonly string[] = [
  "the old mill stood by a low bridge .",
  "it ran .",
  "the river ran under the heron , and the bridge stood .",
  "a river and a mill and a bridge and it stood by the low old mill and ran and ran and ran .",
];

function riverrunCase(name: string, about: string, flow: Partial<Config["flow"]>, dimensions = 8): PeerCase {
  const tiny = presetConfig("tiny");
  const config: Config = {
    ...tiny,
    preset: name,
    data: { ...tiny.data, dimensions, positions: 16, sigma: 0.25 },
    flow: { ...tiny.flow, ...flow },
  };
  return { name, about, config };
}

function paperCase(name: string, about: string, flow: Partial<Config["flow"]>): PeerCase {
  const paper = presetConfig("paper-nar");
  const config: Config = {
    ...paper,
    preset: name,
    data: { ...paper.data, dimensions: 8, positions: 16, minCount: 1 },
    flow: { ...paper.flow, levels: 2, steps: 2, heads: 2, ...flow },
  };
  return { name, about, config };
}

/** Every family, coupling, network, layout and kind of positions, each at least once. */
export const peerCases: readonly PeerCase[] = [
  riverrunCase(
    "riverrun-alternating-attention",
    "three levels of layout paper (the shortest text has one position in the last), learned positions, two blocks",
    { levels: 3, steps: 4, hidden: 6, layers: 2, heads: 2 },
  ),
  riverrunCase("riverrun-alternating-lstm", "layout wide, learned positions, two LSTM layers", {
    levels: 2,
    steps: 4,
    layout: "wide",
    network: "lstm",
    hidden: 4,
    layers: 2,
  }),
  riverrunCase("riverrun-time-attention", "layout wide, sinusoidal positions, networks as wide as their input", {
    levels: 3,
    steps: 2,
    layout: "wide",
    couplings: "time",
    hidden: null,
    positionEncoding: "sinusoidal",
    heads: 4,
    softClip: 1,
  }),
  riverrunCase("riverrun-channel-lstm", "layout paper, no positions", {
    levels: 2,
    steps: 2,
    couplings: "channel",
    network: "lstm",
    hidden: null,
    layers: 1,
    positionEncoding: "none",
  }),
  paperCase("paper-time-attention", "Att-S, layout paper, three levels", { levels: 3 }),
  paperCase("paper-time-lstm", "RNN-S, layout wide, another offset of the sigmoid", {
    network: "lstm",
    layout: "wide",
    alpha: 0.5,
  }),
  paperCase("paper-channel-attention", "Att-C, layout wide, sinusoidal positions", {
    couplings: "channel",
    layout: "wide",
    positionEncoding: "sinusoidal",
  }),
  paperCase("paper-channel-lstm", "RNN-C, layout paper", { couplings: "channel", network: "lstm" }),
];

const streamOf = (name: string, part: string): RandomStream => new RandomStream(hashSeed("peer", name, part));

function normals(stream: RandomStream, count: number): Float64Array {
  return Float64Array.from({ length: count }, () => stream.normal());
}

/** Values far enough from a new model's that no part of the flow is the identity, and tame enough for float32. */
function disturbedValues(name: string, shape: readonly number[], stream: RandomStream): Float64Array {
  const count = shape.reduce((product, size) => product * size, 1);
  const values = normals(stream, count);
  // ActNorm's raw scale of the paper's family may have either sign.
  if (name.endsWith(".scale")) return values.map((value, index) => (1 + 0.2 * Math.tanh(value)) * (index % 3 ? 1 : -1));
  if (/norm\.weight$/i.test(name)) return values.map((value) => 1 + 0.2 * value);
  // What scales latents directly stays small: twelve steps multiply, and float32 should still carry five digits.
  const gain = /\.(map|head|prior)\./.test(name) ? 0.3 : 0.6;
  const size = shape.length === 2 ? gain / Math.sqrt(shape[1]) : 0.1;
  return values.map((value) => size * value);
}

/**
 * A float32 model whose every number comes from the case's name by riverrun's own generator, so that it is the same
 * with any version of libtorch (whose orthogonal matrices would not be).
 */
export function buildModel({ name, config }: PeerCase): TextFlow {
  const tokenizer = tokenizerByName(config.data.tokenizer);
  const vocabulary = Vocabulary.build([words, ...peerTexts.slice(0, 2).map((text) => tokenizer.tokenize(text))]);
  const table = Float32Array.from(normals(streamOf(name, "table"), vocabulary.size * config.data.dimensions));
  const model = TextFlow.build({ config, vocabulary, table, positionCounts: [4, 8, 8, 12, 16, 16, 16] });
  noGrad(() =>
    scope(() => {
      for (const [parameter, target] of model.namedParameters()) {
        target.copy_(tensor(disturbedValues(parameter, target.shape, streamOf(name, parameter)), target.shape));
      }
      for (const [buffer, target] of model.namedBuffers()) {
        const stream = streamOf(name, buffer);
        const indices = Array.from({ length: target.numel }, (_, index) => index);
        if (buffer.endsWith(".order")) target.copy_(tensor(stream.shuffle(indices), target.shape, { dtype: "int64" }));
        if (buffer.endsWith(".sign")) {
          target.copy_(
            tensor(
              indices.map(() => (stream.uniform() < 0.5 ? -1 : 1)),
              target.shape,
            ),
          );
        }
      }
      model.namedBuffers().get("initialised")?.fill_(1);
    }),
  );
  return model;
}

/**
 * SHA-256 over the names, shapes and values of all tensors, in the order of the names. Values count as float32: the last
 * bit of a logarithm in float64 may differ between JavaScript engines.
 */
export function digestOf(model: TextFlow): string {
  const hash = createHash("sha256");
  for (const [name, value] of [...model.stateDict()].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const counted = isFloating(value.dtype) ? value.to("float32") : value;
    hash.update(`${name} ${value.dtype} ${value.shape.join("x")}\n`).update(counted.bytes());
  }
  return hash.digest("hex");
}

/** sigma * N(0, I) for each text, positions x D numbers, from the case's name and the text's place. */
export function noiseOf(name: string, { data }: Config, texts: readonly PreparedText[]): Float64Array[] {
  return texts.map(({ positions }, row) =>
    normals(streamOf(name, `noise ${row}`), positions * data.dimensions).map((value) => value * data.sigma),
  );
}

/** The noise of all texts as one tensor with zeros at the pads, (B, T, D), in the model's precision. */
export function noiseTensor(model: TextFlow, { context }: TextBatch, noise: readonly Float64Array[]): Tensor {
  const size = context.positions * model.config.data.dimensions;
  const values = new Float64Array(noise.length * size);
  noise.forEach((row, index) => {
    values.set(row, index * size);
  });
  const shape = [noise.length, context.positions, model.config.data.dimensions];
  return tensor(values, shape, { dtype: "float64" }).to(model.dtype);
}
