/** Discrete language models: p(w_t | w_<t) by a softmax over the vocabulary, with an exact cross-entropy. */
import { RiverrunError, UsageError } from "../base/errors.ts";
import { CausalNetwork } from "../flow/causal/index.ts";
import {
  dropout,
  Embedding,
  InitContext,
  Linear,
  LSTM,
  Module,
  type NetworkPrecision,
  NetworkSettings,
} from "../nn/index.ts";
import { Vocabulary } from "../text/vocabulary.ts";
import { arange, cat, type DType, Generator, noGrad, scope, type Tensor, tensor } from "../torch/index.ts";
import type { LanguageModelConfig } from "./config.ts";

/** Token ids of a text: words and the closing `<eos>`, never `<sos>` or `<pad>`. */
export type TokenIds = readonly number[];

/** Where numbers live. */
export interface LanguageModelPlace {
  readonly dtype?: DType;
  readonly device?: string;
  /** What the networks compute in; of float32 models. Default: float32. */
  readonly networks?: NetworkPrecision;
}

/** Vectors of words (B, T, D) to what is known before each of them, (B, T, width): row t reads words 0..t-1 alone. */
abstract class History extends Module {
  abstract read(words: Tensor, streams?: readonly Generator[]): Tensor;
}

class TransformerHistory extends History {
  readonly #network: CausalNetwork;

  constructor(init: InitContext, { positions, dimensions, width, layers, heads, dropout }: LanguageModelConfig) {
    super();
    const size = { width, layers, heads, dropout, positionEncoding: "learned" } as const;
    this.#network = this.child("network", new CausalNetwork(init, { input: dimensions, positions }, size));
  }

  read(words: Tensor, streams?: readonly Generator[]): Tensor {
    return this.#network.forward(words, { dropout: streams });
  }
}

class LstmHistory extends History {
  readonly #start: Tensor;
  readonly #lstm: LSTM;
  readonly #dropout: number;

  constructor(init: InitContext, config: LanguageModelConfig) {
    super();
    const { dimensions, width, layers } = config;
    this.#dropout = config.dropout;
    this.#start = this.parameter("start", init.normal([dimensions], 1));
    this.#lstm = this.child("lstm", new LSTM(init, dimensions, width, { layers, dropout: config.dropout }));
  }

  read(words: Tensor, streams?: readonly Generator[]): Tensor {
    const [rows, positions] = words.shape;
    const past = cat([this.#start.expand(rows, 1, -1), words.slice(1, 0, positions - 1)], 1);
    const { output } = this.#lstm.forward(past, { dropout: streams });
    return streams && this.#dropout > 0 ? dropout(output, this.#dropout, streams) : output;
  }
}

/**
 * log p(w_t | w_<t) = log softmax(A h_t + b), h_t from the embedded words before t: an LSTM, or the causal transformer
 * that the autoregressive flows use. `<sos>` and `<pad>` can never be predicted: their probability is exactly 0, so that
 * the model's mass lies on what the flows' bound counts too.
 */
export class LanguageModel extends Module {
  readonly config: LanguageModelConfig;
  readonly vocabulary: Vocabulary;
  readonly device: string;
  readonly #settings = new NetworkSettings();
  readonly #embedding: Embedding;
  readonly #history: History;
  readonly #output: Linear;
  /** (V): 0, or -infinity where a token cannot be predicted. */
  readonly #allowed: Tensor;

  constructor(config: LanguageModelConfig, vocabulary: Vocabulary, place: LanguageModelPlace = {}) {
    super();
    const { dtype = "float32", device = "cpu", networks = "float32" } = place;
    if (networks === "bf16" && dtype !== "float32") {
      throw new UsageError(
        `precision bf16: a language model in ${dtype} computes in ${dtype}; expected one in float32`,
      );
    }
    this.#settings.precision = networks;
    this.config = config;
    this.vocabulary = vocabulary;
    this.device = device;
    const generator = new Generator(config.seed);
    const init = new InitContext({ generator, dtype, device, networks: this.#settings });
    const { size } = vocabulary;
    this.#embedding = this.child("embedding", new Embedding(init, size, config.dimensions));
    this.#history = this.child(
      "history",
      config.kind === "lstm" ? new LstmHistory(init, config) : new TransformerHistory(init, config),
    );
    this.#output = this.child("output", new Linear(init, config.width, size));
    const allowed = new Array<number>(size).fill(0);
    for (const id of [Vocabulary.pad, Vocabulary.sos]) allowed[id] = Number.NEGATIVE_INFINITY;
    this.#allowed = tensor(allowed, [size], { dtype, device }).keep();
    generator.dispose();
  }

  override dispose(): void {
    this.#allowed.dispose();
    super.dispose();
  }

  #check(texts: readonly TokenIds[]): void {
    if (texts.length === 0) throw new UsageError("a batch needs at least one text");
    const { positions } = this.config;
    for (const ids of texts) {
      if (ids.length === 0 || ids.length > positions) {
        throw new UsageError(`a text of ${ids.length} tokens: expected from 1 to ${positions}`);
      }
      if (ids.includes(Vocabulary.pad) || ids.includes(Vocabulary.sos)) {
        throw new RiverrunError("internal: <pad> and <sos> are no tokens of a text for a language model");
      }
    }
  }

  /**
   * log p(. | w_<t) at every position, (B, T, V), T the longest text's; rows of pads hold numbers without meaning.
   *
   * @param streams one for each text, for dropout; none outside training
   */
  logProbabilities(texts: readonly TokenIds[], streams?: readonly Generator[]): Tensor {
    this.#check(texts);
    const longest = Math.max(...texts.map((ids) => ids.length));
    const words = this.#embedding.forward(padded(texts, longest, this.device));
    const logits = this.#settings.run(() => this.#output.forward(this.#history.read(words, streams)));
    return logits.add(this.#allowed).logSoftmax(-1);
  }

  /** -sum_t log p(w_t | w_<t) of each text, (B), float64, nats; differentiable in the parameters. */
  negLogLikelihood(texts: readonly TokenIds[], streams?: readonly Generator[]): Tensor {
    const logs = this.logProbabilities(texts, streams);
    const longest = logs.size(1);
    const chosen = logs.gather(2, padded(texts, longest, this.device).unsqueeze(2)).squeeze(2);
    const lengths = tensor(
      texts.map((ids) => ids.length),
      [texts.length, 1],
      { dtype: "int64", device: this.device },
    );
    // <pad> has probability 0: its logarithm is taken out, not multiplied by 0.
    const pads = arange(0, longest, 1, { device: this.device }).ge(lengths);
    return chosen.maskedFill(pads, 0).to("float64").sum(1).neg();
  }
}

/** (B, longest) int64, `<pad>` behind each text. */
function padded(texts: readonly TokenIds[], longest: number, device: string): Tensor {
  const ids = new BigInt64Array(texts.length * longest).fill(BigInt(Vocabulary.pad));
  texts.forEach((text, row) => {
    text.forEach((id, position) => {
      ids[row * longest + position] = BigInt(id);
    });
  });
  return tensor(ids, [texts.length, longest], { dtype: "int64", device });
}

/** -log P(text) of each text in nats, in the order given; texts of similar length go together. */
export function languageModelNats(model: LanguageModel, texts: readonly TokenIds[], batchSize = 32): number[] {
  const order = texts.map((_, index) => index).sort((a, b) => texts[a].length - texts[b].length || a - b);
  const nats = new Array<number>(texts.length).fill(0);
  model.train(false);
  try {
    for (let start = 0; start < order.length; start += batchSize) {
      const part = order.slice(start, start + batchSize);
      const values = noGrad(() => scope(() => model.negLogLikelihood(part.map((index) => texts[index])).toNumbers()));
      part.forEach((index, row) => {
        nats[index] = values[row];
      });
    }
  } finally {
    model.train(true);
  }
  return nats;
}
