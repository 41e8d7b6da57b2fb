/** Beam search over the words of a causal flow: each chosen word is snapped to and decides how later latents are read. */
import { UsageError } from "../base/errors.ts";
import { CausalBijection, type IncrementalDecoder, type TextFlow } from "../flow/index.ts";
import { Vocabulary } from "../text/vocabulary.ts";
import { arange, noGrad, scope, type Tensor, tensor, zeros } from "../torch/index.ts";
import type { TokenRule } from "./tokens.ts";

/** Hypotheses of a text where the caller does not say (the released code's number). */
export const defaultBeam = 5;

/** Choices of `beamDecode`. */
export interface BeamOptions {
  /** Hypotheses kept of each text; 1 takes the best word at every position. */
  readonly beam?: number;
  /** A text may not end before it has this many words; 0 unless given (the paper's contexts: 8). */
  readonly minTokens?: number;
  readonly decoder?: TokenRule;
}

/** The best hypothesis of one text. */
export interface BeamResult {
  /** Token ids from `<sos>` on, up to the second of two `<eos>` or to T. */
  readonly ids: readonly number[];
  /** Mean log-probability of the chosen tokens, nats. */
  readonly score: number;
}

/** Whether a model's flow can be decoded word by word. */
export function decodesByWord(model: TextFlow): boolean {
  return model.flow instanceof CausalBijection;
}

interface Hypothesis {
  readonly ids: readonly number[];
  /** Sum of the log-probabilities of all ids but `<sos>`. */
  readonly sum: number;
  /** Row of the decoder; undefined for a text that has ended. */
  readonly row: number | undefined;
}

const scoreOf = ({ sum, ids }: Hypothesis): number => sum / Math.max(1, ids.length - 1);

/** A hypothesis and a token that may follow it. */
interface Candidate extends Hypothesis {
  /** The decoder's row that it branches from; undefined for a text that had ended before. */
  readonly parent: number | undefined;
}

/** log p(w | x) of every word for rows of points, (R, D) to (R, V), by the model's rule; banned words are -infinity. */
class WordScorer {
  readonly #model: TextFlow;
  readonly #rule: TokenRule;
  /** e_w / |e_w| transposed, (D, V), for the cosine rule. */
  readonly #directions: Tensor;
  /** (V), -infinity where a word may not be chosen. */
  readonly #banned: Tensor;

  constructor(model: TextFlow, rule: TokenRule) {
    this.#model = model;
    this.#rule = rule;
    const size = model.vocabulary.size;
    const words = arange(0, size, 1, { device: model.device }).unsqueeze(0);
    const codebook = model.embedder.lookUp(words).squeeze(0);
    this.#directions = unit(codebook).transpose().contiguous();
    this.#banned = zeros([size], { dtype: model.dtype, device: model.device });
    for (const id of [Vocabulary.unk, Vocabulary.pad, Vocabulary.sos]) {
      this.#banned.slice(0, id, id + 1).fill_(Number.NEGATIVE_INFINITY);
    }
  }

  logProbabilities(points: Tensor): Tensor {
    const scores =
      this.#rule === "bayes"
        ? this.#model.embedder.bayesScores(points)
        : unit(points).matmul(this.#directions).mul(this.#model.config.generate.kappa);
    return scores.logSoftmax(-1).add(this.#banned);
  }
}

/** Rows by their lengths; norms get 1e-12 added, as in the paper's code. */
function unit(rows: Tensor): Tensor {
  return rows.div(rows.square().sum(-1, true).sqrt().add(1e-12));
}

/** The `most` best words of every row with their log-probabilities. */
function bestWords(logProbabilities: Tensor, most: number): { readonly id: number; readonly value: number }[][] {
  const { values, indices } = logProbabilities.topk(Math.min(most, logProbabilities.size(1)));
  const [rows, count] = values.shape;
  const [flatValues, flatIds] = [values.toNumbers(), indices.toNumbers()];
  return Array.from({ length: rows }, (_, row) =>
    Array.from({ length: count }, (_unused, place) => ({
      id: flatIds[row * count + place],
      value: flatValues[row * count + place],
    })).filter(({ value }) => Number.isFinite(value)),
  );
}

/** Whether a token ends a text: the second of two adjacent `<eos>`. */
function ends(ids: readonly number[], next: number): boolean {
  return next === Vocabulary.eos && ids.at(-1) === Vocabulary.eos;
}

function wordsIn(ids: readonly number[]): number {
  return ids.filter((id) => id !== Vocabulary.eos && id !== Vocabulary.sos).length;
}

/** One search over a batch of latents. */
class BeamSearch {
  readonly #model: TextFlow;
  readonly #latents: Tensor;
  readonly #beam: number;
  readonly #minTokens: number;
  readonly #scorer: WordScorer;
  readonly #decoder: IncrementalDecoder;
  /** By text, best first. */
  #beams: readonly (readonly Hypothesis[])[];

  constructor(model: TextFlow, flow: CausalBijection, latents: Tensor, options: Required<BeamOptions>) {
    this.#model = model;
    this.#latents = latents;
    this.#beam = options.beam;
    this.#minTokens = options.minTokens;
    this.#scorer = new WordScorer(model, options.decoder);
    const texts = latents.size(0);
    this.#decoder = flow.decoder(texts);
    this.#beams = Array.from({ length: texts }, (_, row) => [{ ids: [Vocabulary.sos], sum: 0, row }]);
  }

  #wordsOf(ids: readonly number[]): Tensor {
    const row = tensor(ids, [1, ids.length], { dtype: "int64", device: this.#model.device });
    return this.#model.embedder.lookUp(row).squeeze(0);
  }

  /** The best continuations of a text's hypotheses; texts that have ended compete with the score they have. */
  #continued(hypotheses: readonly Hypothesis[], words: ReturnType<typeof bestWords>): Candidate[] {
    const candidates = hypotheses.flatMap((hypothesis): Candidate[] => {
      const { row, ids, sum } = hypothesis;
      if (row === undefined) return [{ ...hypothesis, parent: undefined }];
      const tooShort = wordsIn(ids) < this.#minTokens;
      return words[row]
        .filter(({ id }) => !(tooShort && ends(ids, id)))
        .map(({ id, value }) => ({
          ids: [...ids, id],
          sum: sum + value,
          row: ends(ids, id) ? undefined : row,
          parent: row,
        }));
    });
    return candidates.sort((a, b) => scoreOf(b) - scoreOf(a)).slice(0, this.#beam);
  }

  /** One position of all texts. */
  #advance(t: number): void {
    const live = this.#beams.flatMap((hypotheses, text) =>
      hypotheses.flatMap(({ row }) => (row === undefined ? [] : [{ row, text }])),
    );
    const textOfRow = new Array<number>(this.#decoder.rows).fill(0);
    for (const { row, text } of live) textOfRow[row] = text;
    const words = scope(() => {
      const rows = tensor(textOfRow, [textOfRow.length], { dtype: "int64", device: this.#model.device });
      const z = this.#latents.select(1, t).indexSelect(0, rows);
      const points = this.#decoder.invert(z);
      return bestWords(this.#scorer.logProbabilities(points), 2 * this.#beam);
    });
    const parents: number[] = [];
    const chosen: number[] = [];
    this.#beams = this.#beams.map((hypotheses) =>
      this.#continued(hypotheses, words).map(({ ids, sum, row, parent }): Hypothesis => {
        if (row === undefined || parent === undefined) return { ids, sum, row: undefined };
        parents.push(parent);
        chosen.push(ids[ids.length - 1]);
        return { ids, sum, row: parents.length - 1 };
      }),
    );
    if (parents.length === 0) return;
    this.#decoder.select(parents);
    scope(() => void this.#decoder.commit(this.#wordsOf(chosen)));
  }

  run(): BeamResult[] {
    try {
      const [texts, positions] = this.#latents.shape;
      scope(() => void this.#decoder.commit(this.#wordsOf(new Array<number>(texts).fill(Vocabulary.sos))));
      for (let t = 1; t < positions && this.#beams.flat().some(({ row }) => row !== undefined); t++) this.#advance(t);
      return this.#beams.map(([best]) => ({ ids: best.ids, score: scoreOf(best) }));
    } finally {
      this.#decoder.dispose();
    }
  }
}

/**
 * Words of latents by beam search. At position t each hypothesis gets x^_t = f^-1(z_t) given its own words so far; its
 * words' log-probabilities are log softmax(kappa cos(x^_t, e_w)) (or the Bayes rule's); of the 2 * beam best words of
 * each hypothesis, the `beam` best continuations of a text by mean log-probability are kept, and the chosen word's
 * vector, not x^_t, is what later positions are decoded from. Position 0 is `<sos>`, whatever its latent says. A text
 * ends at the second of two adjacent `<eos>` or at T; `<unk>`, `<pad>` and `<sos>` are never chosen.
 *
 * @param latents (B, T, D)
 * @throws UsageError for a model that is not causal, a beam below 1 or a negative number of tokens.
 */
export function beamDecode(model: TextFlow, latents: Tensor, options: BeamOptions = {}): BeamResult[] {
  const { flow } = model;
  if (!(flow instanceof CausalBijection)) {
    throw new UsageError(
      `beam search needs an autoregressive flow; ${model.config.preset} decodes all positions of a text at once`,
    );
  }
  const { beam = defaultBeam, minTokens = 0, decoder = model.config.generate.decoder } = options;
  if (!Number.isInteger(beam) || beam < 1)
    throw new UsageError(`beam: expected a whole number of at least 1, got ${beam}`);
  if (!Number.isInteger(minTokens) || minTokens < 0) {
    throw new UsageError(`minTokens: expected a whole number of at least 0, got ${minTokens}`);
  }
  return noGrad(() => scope(() => new BeamSearch(model, flow, latents, { beam, minTokens, decoder }).run()));
}
