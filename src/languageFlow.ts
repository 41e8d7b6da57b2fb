/** The library's front: a trained flow with plain values in and out. */
import { loadModel, type PreparedText, parseConfig, saveModel, type TextFlow, type TextScore } from "./flow/index.ts";
import * as generate from "./generate/index.ts";
import { type TrainOptions, train } from "./train/index.ts";

/**
 * A trained language flow.
 *
 * @example
 * const flow = LanguageFlow.load("runs/quickstart");
 * const [score] = flow.score(["mara carried a warm pie to the market ."]);
 * console.log(score.nelboPerToken);
 */
export class LanguageFlow {
  /** The model itself, for everything below this front. */
  readonly model: TextFlow;

  private constructor(model: TextFlow) {
    this.model = model;
  }

  /** Reads a model's folder. @throws DataMissingError, UsageError */
  static load(directory: string, options: { readonly device?: string } = {}): LanguageFlow {
    return new LanguageFlow(loadModel(directory, options));
  }

  /**
   * Trains a flow into `options.out`, writes its report.html and returns the best model; rehearsed, writes nothing.
   *
   * @throws what `train` throws, and UsageError naming the key of `options.config` that is wrong
   */
  static async train(options: TrainOptions): Promise<LanguageFlow> {
    const result = await train({ ...options, config: parseConfig(options.config, "config") });
    if (options.out !== undefined && result.reason !== "dryRun") {
      const { writeReport } = await import("./report/index.ts");
      writeReport(options.out, result);
    }
    return new LanguageFlow(result.model);
  }

  /** Writes the model's folder. */
  save(directory: string): void {
    saveModel(this.model, directory);
  }

  #prepare(texts: readonly string[]): PreparedText[] {
    return texts.map((text) => this.model.prepare(text));
  }

  /** The bound on each text's negative log-likelihood, in nats and in bits per dimension. */
  score(texts: readonly string[], options: { readonly seed?: number } = {}): TextScore[] {
    return generate.scoreTexts(this.model, this.#prepare(texts), { seed: options.seed ?? this.model.config.seed });
  }

  /** Latents of texts: `positions` x D numbers each, standard normal under the model. */
  encode(texts: readonly string[]): generate.Latent[] {
    return generate.encodeTexts(this.model, this.#prepare(texts));
  }

  /** Texts of latents. */
  decode(latents: readonly generate.Latent[]): generate.GeneratedText[] {
    return generate.decodeLatents(this.model, latents);
  }

  /** New texts. */
  sample(options: generate.SampleOptions): generate.Sample[] {
    return generate.sampleTexts(this.model, options);
  }

  /** Texts between two texts; ratio 1 is the first. */
  interpolate(first: string, second: string, options: generate.InterpolateOptions): generate.Interpolation[] {
    return generate.interpolateTexts(this.model, this.model.prepare(first), this.model.prepare(second), options);
  }

  /** Rewrites by noise in latent space. */
  perturb(texts: readonly string[], options: generate.PerturbOptions): generate.Rewrite[] {
    return generate.perturbTexts(this.model, this.#prepare(texts), options);
  }

  /** What comes back of texts. */
  reconstruct(texts: readonly string[]): generate.Reconstruction[] {
    return generate.reconstructTexts(this.model, this.#prepare(texts));
  }

  /** Frees the model's memory now. */
  dispose(): void {
    this.model.dispose();
  }
}
