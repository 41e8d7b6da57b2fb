/** A language flow: text to tokens, tokens to noisy points, points to latents by a bijection, with a likelihood. */
import { UsageError } from "../base/errors.ts";
import { InitContext, Module, type NetworkPrecision, NetworkSettings } from "../nn/index.ts";
import { type Codebook, codebookOf, Embedder } from "../text/embedder.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { tokenizerOf } from "../text/tokenizer-names.ts";
import { Vocabulary } from "../text/vocabulary.ts";
import { WordPiece } from "../text/wordPiece.ts";
import { type DType, Generator, noGrad, scope, type Tensor, tensor } from "../torch/index.ts";
import { ArFlow } from "./ar/index.ts";
import { AttentionDecoder, spokenIds } from "./attentionDecoder.ts";
import type { Bijection } from "./bijection.ts";
import { BilstmDensity } from "./bilstmDensity.ts";
import { CausalFlow, causalFlow, tarFlow, type WordPoints } from "./causal/index.ts";
import type { Config } from "./config.ts";
import { FlowContext, type PassSettings } from "./context.ts";
import { noiseLogDensity } from "./gaussian.ts";
import { lengthLogProbabilities, lengthNats } from "./lengthModel.ts";
import { multiScaleFlow } from "./multiScale.ts";

/** One text as the model reads it. */
export interface PreparedText {
  readonly text: string;
  readonly tokens: readonly string[];
  /** Ids of every position the density runs over: `<sos>` (fixed length only), words, `<eos>`, `<pad>`... */
  readonly ids: readonly number[];
  /** n: words and the closing `<eos>`; never `<sos>` or `<pad>`. The divisor of nats per token. */
  readonly tokensCounted: number;
  /** N = ids.length. */
  readonly positions: number;
  /** The text was longer than the model and was cut. */
  readonly truncated: boolean;
  /** Words within the model's length that are not in the vocabulary. */
  readonly unknown: number;
  /** Words of the whole text, of those too that were cut, that are in the vocabulary. */
  readonly known: number;
}

/** Texts side by side. */
export interface TextBatch {
  readonly texts: readonly PreparedText[];
  /** (B, T) int64; 0 beyond a text's positions. */
  readonly ids: Tensor;
  readonly context: FlowContext;
}

/**
 * The parts of the bound on -log P(text), each (B), float64, nats, summed over a text's positions:
 * NELBO = negLogDensity + lengthNats + logNoise + decodeNats.
 */
export interface Likelihood {
  /** -log p(x~ | N). */
  readonly negLogDensity: Tensor;
  /** -log p(N); 0 for fixed length and where `<eos>` ends a text. */
  readonly lengthNats: Tensor;
  /** log q(x~ | w), the density of the noise that was drawn. */
  readonly logNoise: Tensor;
  /** -sum_t log p(w_t | x~_t) by the Bayes rule; in a flow that mixes over words with its own prior, p(w_t | x~_<t). */
  readonly decodeNats: Tensor;
}

/** What a new model is made of. */
export interface BuildOptions {
  readonly config: Config;
  readonly vocabulary: Vocabulary;
  /** What cuts texts where `data.tokenizer` is "wordpiece". */
  readonly wordPiece?: WordPiece;
  /** Word vectors, V x D row-major, before scaling. */
  readonly table: Float32Array;
  /** N of every training text, for the length model; not needed for fixed length. */
  readonly positionCounts?: readonly number[];
  readonly dtype?: DType;
  readonly device?: string;
}

/** The flow that a configuration describes. */
function bijectionOf(
  init: InitContext,
  { data: { positions, dimensions }, flow }: Config,
  codebook: WordPoints,
): Bijection {
  const input = { positions, channels: dimensions, codebook };
  if (flow.couplings === "causal") return causalFlow(init, input, flow);
  if (flow.couplings === "tarflow") return tarFlow(init, input, flow);
  if (flow.couplings === "bilstm") return new BilstmDensity(init, dimensions, flow);
  if (flow.couplings === "autoregressive") return new ArFlow(init, positions, dimensions, flow);
  return multiScaleFlow(init, positions, dimensions, flow);
}

/** The model that a folder holds. Its parameters are the bijection's; codebook, priors and lengths are buffers. */
export class TextFlow extends Module {
  readonly config: Config;
  readonly vocabulary: Vocabulary;
  readonly tokenizer: Tokenizer;
  readonly dtype: DType;
  readonly device: string;
  readonly embedder: Embedder;
  readonly flow: Bijection;
  /** What says the words of latents in Language Flow+, where the flow is frozen; none elsewhere. */
  readonly attentionDecoder: AttentionDecoder | undefined;
  /** Where it was read from, which names it in errors. */
  folder: string | undefined;
  readonly #networks = new NetworkSettings();
  readonly #lengthBuffer: Tensor;
  readonly #initialised: Tensor;
  #lengthCache: Float64Array | undefined;

  private constructor(options: Omit<BuildOptions, "table">, codebook: Codebook) {
    super();
    const { config, vocabulary } = options;
    const { data } = config;
    this.config = config;
    this.vocabulary = vocabulary;
    this.tokenizer = tokenizerOf(data.tokenizer, options.wordPiece);
    this.dtype = options.dtype ?? "float32";
    this.device = options.device ?? "cpu";
    const place = { dtype: this.dtype, device: this.device };
    const shape = [vocabulary.size, data.dimensions];
    const logPrior = vocabulary.logPrior({ pad: true, sos: data.fixedLength });
    const points = this.buffer("codebook", tensor(codebook.values, shape, place));
    this.embedder = new Embedder(
      points,
      this.buffer("logPrior", tensor(logPrior, [vocabulary.size], place)),
      data.sigma,
    );
    this.buffer("codebookFactor", tensor([codebook.factor], [1], { dtype: "float64" }));
    const lengths = this.hasLengthModel
      ? lengthLogProbabilities(options.positionCounts ?? [], this.unit, data.positions)
      : new Float64Array(1);
    this.#lengthBuffer = this.buffer("lengthLogProbabilities", tensor(lengths, [lengths.length], { dtype: "float64" }));
    this.#initialised = this.buffer("initialised", tensor([0], [1], { dtype: "bool" }));
    const impossible = [Vocabulary.pad, Vocabulary.sos];
    const generator = new Generator(config.seed);
    this.#networks.recomputes = config.train.recompute;
    const init = new InitContext({ generator, ...place, networks: this.#networks });
    this.flow = this.child("flow", bijectionOf(init, config, { values: points, sigma: data.sigma, impossible }));
    if (config.attentionDecoder) {
      this.flow.setTrainable(false);
      this.attentionDecoder = this.child(
        "attentionDecoder",
        new AttentionDecoder(
          init,
          { codebook: points, positions: data.positions, first: data.fixedLength ? 1 : 0 },
          config.attentionDecoder,
        ),
      );
    }
    generator.dispose();
  }

  /**
   * A new model with parameters drawn from `config.seed`.
   *
   * @throws UsageError where the table does not fit the vocabulary.
   */
  static build(options: BuildOptions): TextFlow {
    const { table, vocabulary } = options;
    const { dimensions, scale, clip, fixedLength } = options.config.data;
    if (table.length !== vocabulary.size * dimensions) {
      throw new UsageError(
        `the table of word vectors has ${table.length} entries; ${vocabulary.size} words of data.dimensions = ${dimensions} need ${vocabulary.size * dimensions}`,
      );
    }
    return new TextFlow(options, codebookOf(table, dimensions, { scale, clip, zeroPad: fixedLength }));
  }

  /** A model whose every number is still to be loaded. */
  static blank(options: Omit<BuildOptions, "table">): TextFlow {
    const values = new Float32Array(options.vocabulary.size * options.config.data.dimensions);
    return new TextFlow(options, { values, factor: 1 });
  }

  /**
   * Language Flow+ with an untrained decoder: the same flow, vocabulary and lengths, frozen. The given model stays.
   *
   * @param config with `attentionDecoder`, and `data` and `flow` as the given model's
   */
  static onFlow(flow: TextFlow, config: Config): TextFlow {
    const { vocabulary, wordPiece, dtype, device } = flow;
    const model = TextFlow.blank({ config, vocabulary, wordPiece, dtype, device });
    model.loadStateDict(new Map([...model.stateDict(), ...flow.stateDict()]));
    return model;
  }

  /**
   * The same parameters, vocabulary and codebook, to be trained further. The given model stays.
   *
   * @param config with `data` and `flow` as the given model's, but for the dropout
   * @param positionCounts N of every text that it will learn from, for the length model
   */
  static startingFrom(given: TextFlow, config: Config, positionCounts: readonly number[]): TextFlow {
    const { vocabulary, wordPiece, dtype, device } = given;
    const model = TextFlow.blank({ config, vocabulary, wordPiece, dtype, device, positionCounts });
    model.loadStateDict(new Map([...given.stateDict(), ["lengthLogProbabilities", model.#lengthBuffer]]));
    return model;
  }

  /** The word pieces that texts are cut into, where they are. */
  get wordPiece(): WordPiece | undefined {
    return this.tokenizer instanceof WordPiece ? this.tokenizer : undefined;
  }

  /** What the networks compute whole texts in; float32 (of a float64 model: float64) unless set. */
  get networkPrecision(): NetworkPrecision {
    return this.#networks.precision;
  }

  /** @throws UsageError for bf16 in a float64 model */
  set networkPrecision(precision: NetworkPrecision) {
    if (precision === "bf16" && this.dtype !== "float32") {
      throw new UsageError(
        `precision bf16: the networks of a ${this.dtype} model compute in ${this.dtype}; expected a model in float32`,
      );
    }
    this.#networks.precision = precision;
  }

  /** Runs `body` with the networks in a precision and puts the one before back, even when it throws. */
  withNetworks<Result>(precision: NetworkPrecision, body: () => Result): Result {
    const before = this.networkPrecision;
    this.networkPrecision = precision;
    try {
      return body();
    } finally {
      this.networkPrecision = before;
    }
  }

  /** Positions are counted in multiples of this, 2^(L-1), so that every squeeze finds whole pairs. */
  get unit(): number {
    return 2 ** (this.config.flow.levels - 1);
  }

  /** Whether the number of positions has a model of its own: not where it is fixed, or where `<eos>` ends a text. */
  get hasLengthModel(): boolean {
    return !this.config.data.fixedLength && this.config.flow.couplings !== "causal";
  }

  /** Whether ActNorm has been set from a first batch. */
  get initialised(): boolean {
    return this.#initialised.toNumbers()[0] !== 0;
  }

  /** log p(N) for N = unit, 2 unit, ..., T. */
  get lengthLogProbabilities(): Float64Array {
    this.#lengthCache ??= this.#lengthBuffer.data() as Float64Array;
    return this.#lengthCache;
  }

  override loadStateDict(...parameters: Parameters<Module["loadStateDict"]>): void {
    super.loadStateDict(...parameters);
    this.#lengthCache = undefined;
  }

  /**
   * Tokens and ids of a text, cut to the model's T positions.
   *
   * @throws UsageError for a text without any token.
   */
  prepare(text: string): PreparedText {
    const tokens = this.tokenizer.tokenize(text);
    if (tokens.length === 0) throw new UsageError("the text is empty: expected at least one word");
    const { positions, fixedLength } = this.config.data;
    const words = this.vocabulary.encode(tokens);
    const whole = fixedLength ? [Vocabulary.sos, ...words, Vocabulary.eos] : [...words, Vocabulary.eos];
    const ids = whole.slice(0, positions);
    const tokensCounted = ids.length - (fixedLength ? 1 : 0);
    // Of a fixed length the end of the text is two <eos>; what follows is <pad>, which is one more word there.
    if (fixedLength && ids.length < positions) ids.push(Vocabulary.eos);
    const filled = fixedLength ? positions : Math.ceil(ids.length / this.unit) * this.unit;
    while (ids.length < filled) ids.push(Vocabulary.pad);
    return {
      text,
      tokens,
      ids,
      tokensCounted,
      positions: filled,
      truncated: whole.length > positions,
      unknown: ids.filter((id) => id === Vocabulary.unk).length,
      known: words.filter((id) => id !== Vocabulary.unk).length,
    };
  }

  /** The context of rows with the given numbers of positions. */
  contextOf(lengths: readonly number[], settings?: PassSettings): FlowContext {
    const { positions, fixedLength } = this.config.data;
    const multiple = 2 * this.unit;
    const longest = fixedLength ? positions : Math.ceil(Math.max(...lengths) / multiple) * multiple;
    return new FlowContext(lengths, longest, { dtype: this.dtype, device: this.device, settings });
  }

  /** Puts texts side by side. @throws UsageError for no text at all. */
  batch(texts: readonly PreparedText[]): TextBatch {
    if (texts.length === 0) throw new UsageError("a batch needs at least one text");
    const context = this.contextOf(texts.map((text) => text.positions));
    const ids = new BigInt64Array(texts.length * context.positions);
    texts.forEach((text, row) => {
      text.ids.forEach((id, position) => {
        ids[row * context.positions + position] = BigInt(id);
      });
    });
    const shape = [texts.length, context.positions];
    return { texts, ids: tensor(ids, shape, { dtype: "int64", device: this.device }), context };
  }

  /** sigma * N(0, I) for a batch, (B, T, D), row i from the stream of `seeds[i]`; zero at the pads. */
  drawNoise({ context }: TextBatch, seeds: readonly bigint[]): Tensor {
    if (seeds.length !== context.lengths.length) {
      throw new UsageError(`${context.lengths.length} texts need as many noise seeds, got ${seeds.length}`);
    }
    return this.embedder.noise(context.lengths, context.positions, seeds, this.dtype);
  }

  /** e_w + noise at the real positions, zero at the pads; (B, T, D). */
  points({ ids, context }: TextBatch, noise?: Tensor): Tensor {
    const points = context.masked(this.embedder.lookUp(ids));
    return noise ? points.add(noise) : points;
  }

  /** Sets ActNorm's scales and biases from a batch; once, before the first step. */
  initialise(batch: TextBatch, noise: Tensor): void {
    noGrad(() =>
      scope(() => {
        this.flow.encode(this.points(batch, noise), batch.context.with({ initialising: true }));
        this.#initialised.fill_(1);
      }),
    );
  }

  /** The parts of the bound for texts with this noise; differentiable in the parameters. */
  likelihood(batch: TextBatch, noise: Tensor, settings: Omit<PassSettings, "initialising"> = {}): Likelihood {
    const context = batch.context.with(settings);
    const points = this.points(batch, noise);
    const length = this.hasLengthModel
      ? lengthNats(this.lengthLogProbabilities, context.lengths, this.unit)
      : context.counts.mul(0);
    const parts = { lengthNats: length, logNoise: noiseLogDensity(noise, this.config.data.sigma, context) };
    if (this.flow instanceof CausalFlow && this.flow.wordHead) {
      const { logDensity, logPosterior } = this.flow.scoreWords(points, batch.ids, context);
      return { ...parts, negLogDensity: logDensity.neg(), decodeNats: logPosterior.neg() };
    }
    const negLogDensity = this.flow.logDensity(points, context).neg();
    return { ...parts, negLogDensity, decodeNats: noGrad(() => scope(() => this.#decodeNats(points, batch))) };
  }

  #decodeNats(points: Tensor, { ids, context }: TextBatch): Tensor {
    const chosen = this.embedder.bayesLogProbabilities(points).gather(2, ids.unsqueeze(2));
    return context.masked(chosen).sum([1, 2]).neg().to("float64");
  }

  /** std * N(0, I) for the latents of a batch, (B, T, D), row i from the stream of `seeds[i]`; zero at the pads. */
  drawLatentNoise(batch: TextBatch, seeds: readonly bigint[], std: number): Tensor {
    return this.drawNoise(batch, seeds).mul(std / this.config.data.sigma);
  }

  /**
   * -log p(w | f(e_w) + z_0) of each text by the attention decoder, (B), float64, nats; differentiable in its parameters.
   *
   * @param noise z_0, (B, T, D)
   * @param streams one a text, for dropout; none outside training
   * @throws UsageError for a model without an attention decoder
   */
  decoderNats(batch: TextBatch, noise: Tensor, streams?: readonly Generator[]): Tensor {
    const decoder = this.attentionDecoder;
    if (!decoder) throw new UsageError(`${this.config.preset} has no attention decoder: it is no Language Flow+`);
    const latents = noGrad(() => scope(() => this.encode(batch).add(noise)));
    const targets = batch.texts.map(({ ids }) => spokenIds(ids));
    return decoder.negLogLikelihood(decoder.memory(latents, batch.context), targets, streams);
  }

  /** Latents of a batch, (B, T, D), standard normal under the model, zero at the pads. */
  encode(batch: TextBatch, noise?: Tensor): Tensor {
    return this.flow.encode(this.points(batch, noise), batch.context).y;
  }

  /** Points of latents, (B, T, D). Pads of `latents` must be zero. */
  decode(latents: Tensor, context: FlowContext): Tensor {
    return this.flow.decode(latents, context).x;
  }
}
