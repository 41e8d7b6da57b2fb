/** What proposes the words of a text one after the other, one row a hypothesis. */
import {
  type AttentionReader,
  CausalBijection,
  CausalFlow,
  type IncrementalDecoder,
  type TextFlow,
} from "../flow/index.ts";
import { Vocabulary } from "../text/vocabulary.ts";
import { arange, scope, type Tensor, tensor } from "../torch/index.ts";
import type { TokenRule } from "./tokens.ts";

/** Rows that go on word by word; a row begins as a text of its own. Lives until `dispose`. */
export interface WordReader {
  /** R. */
  readonly rows: number;
  /** log p of every word at the next position of every row, (R, V); `texts[row]` is the text that a row belongs to. */
  logProbabilities(texts: readonly number[]): Tensor;
  /** Goes on with `words[i]` behind row `parents[i]`. */
  advance(parents: readonly number[], words: readonly number[]): void;
  dispose(): void;
}

/** Rows by their lengths; norms get 1e-12 added, as in the paper's code. */
function unit(rows: Tensor): Tensor {
  return rows.div(rows.square().sum(-1, true).sqrt().add(1e-12));
}

function indices(values: readonly number[], device: string): Tensor {
  return tensor(values, [values.length], { dtype: "int64", device });
}

/** How a flow's decoder is used. */
interface FlowReading {
  readonly decoder: IncrementalDecoder;
  /** log p(w | x_t) of rows of points, (R, D) to (R, V). */
  readonly score: (points: Tensor) => Tensor;
  /** Takes the vectors of words, (R, D), as what stands at this position. */
  readonly take: (vectors: Tensor) => void;
}

/**
 * Latents read position by position: x^_t = f^-1(z_t) given the words so far, and the chosen word's vector, not x^_t, is
 * what later positions are decoded from.
 */
class LatentReader implements WordReader {
  readonly #model: TextFlow;
  readonly #latents: Tensor;
  readonly #flow: FlowReading;

  constructor(model: TextFlow, latents: Tensor, flow: FlowReading) {
    this.#model = model;
    this.#latents = latents;
    this.#flow = flow;
  }

  get rows(): number {
    return this.#flow.decoder.rows;
  }

  logProbabilities(texts: readonly number[]): Tensor {
    const { decoder, score } = this.#flow;
    const z = this.#latents.select(1, decoder.position).indexSelect(0, indices(texts, this.#model.device));
    return score(decoder.invert(z));
  }

  /** Takes words without choosing rows. */
  take(words: readonly number[]): void {
    scope(() => {
      this.#flow.take(this.#model.embedder.lookUp(indices(words, this.#model.device).unsqueeze(0)).squeeze(0));
    });
  }

  advance(parents: readonly number[], words: readonly number[]): void {
    this.#flow.decoder.select(parents);
    this.take(words);
  }

  dispose(): void {
    this.#flow.decoder.dispose();
  }
}

/** The scores of words at points by the cosine rule or the Bayes rule with word frequencies. */
function pointScore(model: TextFlow, rule: TokenRule): (points: Tensor) => Tensor {
  if (rule === "bayes") return (points) => model.embedder.bayesLogProbabilities(points);
  const words = arange(0, model.vocabulary.size, 1, { device: model.device }).unsqueeze(0);
  const directions = unit(model.embedder.lookUp(words).squeeze(0)).transpose().contiguous();
  return (points) => unit(points).matmul(directions).mul(model.config.generate.kappa).logSoftmax(-1);
}

/** The paper's autoregressive flow: position 0 is `<sos>`, whatever its latent says. */
function autoregressiveReader(model: TextFlow, flow: CausalBijection, latents: Tensor, rule: TokenRule): WordReader {
  const decoder = flow.decoder(latents.size(0));
  const take = (vectors: Tensor): void => void decoder.commit(vectors);
  const reader = new LatentReader(model, latents, { decoder, score: pointScore(model, rule), take });
  reader.take(new Array<number>(latents.size(0)).fill(Vocabulary.sos));
  return reader;
}

/** The left-to-right flow; where it mixes over words, the Bayes rule takes the mixture's own weights for its prior. */
function causalReader(model: TextFlow, flow: CausalFlow, latents: Tensor, rule: TokenRule): WordReader {
  const decoder = flow.decoder(latents.size(0));
  const head = flow.wordHead;
  const score =
    head && rule === "bayes"
      ? (points: Tensor): Tensor => head.logPosterior(points, decoder.hidden())
      : pointScore(model, rule);
  return new LatentReader(model, latents, { decoder, score, take: (vectors) => decoder.take(vectors) });
}

/** A reader of a flow's latents (B, T, D); undefined where the flow does not run left to right. */
export function latentReader(model: TextFlow, latents: Tensor, rule: TokenRule): WordReader | undefined {
  const { flow } = model;
  if (flow instanceof CausalBijection) return autoregressiveReader(model, flow, latents, rule);
  return flow instanceof CausalFlow ? causalReader(model, flow, latents, rule) : undefined;
}

/** The attention decoder of Language Flow+, which knows its text by its rows. */
export function attentionWords(reader: AttentionReader): WordReader {
  return {
    get rows() {
      return reader.rows;
    },
    logProbabilities: () => reader.logProbabilities(),
    advance: (parents, words) => reader.advance(parents, words),
    dispose: () => reader.dispose(),
  };
}
