/** Beam search over the words of a text: each hypothesis is read on from the words that it chose. */
import { UsageError } from "../base/errors.ts";
import { type AttentionDecoder, CausalBijection, FlowContext, type TextFlow } from "../flow/index.ts";
import { Vocabulary } from "../text/vocabulary.ts";
import { noGrad, scope, type Tensor, zeros } from "../torch/index.ts";
import { nonFiniteError } from "./nonFinite.ts";
import type { TokenRule } from "./tokens.ts";
import { attentionWords, latentReader, type WordReader } from "./wordReaders.ts";

/** Hypotheses of a text where neither the caller nor the model says (the released code's number). */
export const defaultBeam = 5;

/** Choices of `beamDecode`. */
export interface BeamOptions {
  /** Hypotheses kept of each text; 1 takes the best word at every position. */
  readonly beam?: number;
  /** A text may not end before it has this many words; 0 unless given or the model says (the paper's contexts: 8). */
  readonly minTokens?: number;
  readonly decoder?: TokenRule;
}

/** What `beamDecode` is told beside. */
export interface BeamInput extends BeamOptions {
  /** Positions of each text's latents; all T unless given. */
  readonly lengths?: readonly number[];
  /** `<unk>` may be chosen, as where it is measured what comes back of texts. */
  readonly unknown?: boolean;
}

/** The best hypothesis of one text. */
export interface BeamResult {
  /** Token ids, from `<sos>` on where texts have a fixed length, up to the end of the text or to its last position. */
  readonly ids: readonly number[];
  /** Mean log-probability of the chosen tokens, nats. */
  readonly score: number;
}

/** Whether a model's latents are always decoded word by word: each word depends on the one chosen before it. */
export function decodesByWord(model: TextFlow): boolean {
  return model.flow instanceof CausalBijection;
}

interface Hypothesis {
  readonly ids: readonly number[];
  /** Sum of the log-probabilities of the chosen ids. */
  readonly sum: number;
  /** Row of the reader; undefined for a text that has ended. */
  readonly row: number | undefined;
}

/** A hypothesis and a token that may follow it. */
interface Candidate extends Hypothesis {
  /** The reader's row that it branches from; undefined for a text that had ended before. */
  readonly parent: number | undefined;
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

function wordsIn(ids: readonly number[]): number {
  return ids.filter((id) => id !== Vocabulary.eos && id !== Vocabulary.sos).length;
}

/** What one search obeys. */
interface Rules {
  readonly beam: number;
  readonly minTokens: number;
  readonly unknown: boolean;
  /** Most ids of each text, `<sos>` included where it stands. */
  readonly lengths: readonly number[];
  /** Tokens of log-probability 0 that count in the mean: the `<sos>` of the paper's LSTM decoder. */
  readonly free: number;
}

/** One search over a batch of texts. */
class BeamSearch {
  readonly #model: TextFlow;
  readonly #reader: WordReader;
  readonly #rules: Rules;
  /** Ids of a text before the first choice. */
  readonly #start: readonly number[];
  /** (V), -infinity where a word may not be chosen. */
  readonly #banned: Tensor;
  /** By text, best first. */
  #beams: readonly (readonly Hypothesis[])[];

  constructor(model: TextFlow, reader: WordReader, rules: Rules) {
    this.#model = model;
    this.#reader = reader;
    this.#rules = rules;
    this.#start = model.config.data.fixedLength ? [Vocabulary.sos] : [];
    this.#banned = zeros([model.vocabulary.size], { dtype: model.dtype, device: model.device });
    const banned = [Vocabulary.pad, Vocabulary.sos, ...(rules.unknown ? [] : [Vocabulary.unk])];
    for (const id of banned) this.#banned.slice(0, id, id + 1).fill_(Number.NEGATIVE_INFINITY);
    this.#beams = Array.from({ length: reader.rows }, (_, row) => [{ ids: this.#start, sum: 0, row }]);
  }

  #score({ sum, ids }: Hypothesis): number {
    return sum / Math.max(1, ids.length - this.#start.length + this.#rules.free);
  }

  /** Whether a token ends a text: the second of two adjacent `<eos>` of a fixed length, where one parts sentences. */
  #ends(ids: readonly number[], next: number): boolean {
    if (next !== Vocabulary.eos) return false;
    return !this.#model.config.data.fixedLength || ids.at(-1) === Vocabulary.eos;
  }

  /** The best continuations of a text's hypotheses; texts that have ended compete with the score they have. */
  #continued(hypotheses: readonly Hypothesis[], words: ReturnType<typeof bestWords>, length: number): Candidate[] {
    const candidates = hypotheses.flatMap((hypothesis): Candidate[] => {
      const { row, ids, sum } = hypothesis;
      if (row === undefined) return [{ ...hypothesis, parent: undefined }];
      const tooShort = wordsIn(ids) < this.#rules.minTokens;
      return words[row]
        .filter(({ id }) => !(tooShort && this.#ends(ids, id)))
        .map(({ id, value }) => ({
          ids: [...ids, id],
          sum: sum + value,
          row: this.#ends(ids, id) || ids.length + 1 >= length ? undefined : row,
          parent: row,
        }));
    });
    return candidates.sort((a, b) => this.#score(b) - this.#score(a)).slice(0, this.#rules.beam);
  }

  /** One position of all texts. */
  #advance(): void {
    const textOfRow = new Array<number>(this.#reader.rows).fill(0);
    this.#beams.forEach((hypotheses, text) => {
      for (const { row } of hypotheses) if (row !== undefined) textOfRow[row] = text;
    });
    const words = scope(() => {
      const scores = this.#reader.logProbabilities(textOfRow);
      return bestWords(scores.add(this.#banned.to(scores.dtype)), 2 * this.#rules.beam);
    });
    const parents: number[] = [];
    const chosen: number[] = [];
    this.#beams = this.#beams.map((hypotheses, text) =>
      this.#continued(hypotheses, words, this.#rules.lengths[text]).map(({ ids, sum, row, parent }): Hypothesis => {
        if (row === undefined || parent === undefined) return { ids, sum, row: undefined };
        parents.push(parent);
        chosen.push(ids[ids.length - 1]);
        return { ids, sum, row: parents.length - 1 };
      }),
    );
    if (parents.length > 0) this.#reader.advance(parents, chosen);
  }

  run(): BeamResult[] {
    while (this.#beams.flat().some(({ row }) => row !== undefined)) this.#advance();
    return this.#beams.map(([best], text) => {
      if (best) return { ids: best.ids, score: this.#score(best) };
      throw nonFiniteError(this.#model, `log-probabilities of the words of text ${text + 1} in the beam search`);
    });
  }
}

function requireWhole(name: string, value: number, least: number): void {
  if (Number.isInteger(value) && value >= least) return;
  throw new UsageError(`${name}: expected a whole number of at least ${least}, got ${value}`);
}

/** Reads the words of latents by the model's attention decoder. */
function attentionReader(
  model: TextFlow,
  decoder: AttentionDecoder,
  latents: Tensor,
  lengths: readonly number[],
): WordReader {
  const context = new FlowContext(lengths, latents.size(1), { dtype: model.dtype, device: model.device });
  try {
    return attentionWords(scope(() => decoder.reader(decoder.memory(latents, context))));
  } finally {
    context.release();
  }
}

/**
 * Words of latents by beam search. Of the 2 * beam best words of each hypothesis, the `beam` best continuations of a text
 * by mean log-probability are kept.
 *
 * In a flow that runs left to right, at position t each hypothesis gets x^_t = f^-1(z_t) given its own words so far, and
 * log p(w | x^_t) is log softmax(kappa cos(x^_t, e_w)) or the Bayes rule's, whose prior is the mixture's own where the flow
 * mixes over words; the chosen word's vector, not x^_t, is what later positions are decoded from. In the paper's
 * autoregressive flow position 0 is `<sos>`, whatever its latent says. In Language Flow+ it is the attention decoder that
 * gives log p(w | w_<t, z), and `<sos>` counts as one more token of log-probability 0.
 *
 * A text ends at `<eos>` (of a fixed length at the second of two adjacent ones) or at its last position, in Language Flow+
 * at the model's; `<unk>`, `<pad>` and `<sos>` are never chosen.
 *
 * @param latents (B, T, D)
 * @throws UsageError for a flow that does not run left to right, a beam below 1 or a negative number of tokens;
 *   NonFiniteOutputError where latents leave no word a probability.
 */
export function beamDecode(model: TextFlow, latents: Tensor, options: BeamInput = {}): BeamResult[] {
  const { attentionDecoder: decoder, config } = model;
  const own = config.attentionDecoder;
  const { beam = own?.beam ?? defaultBeam, minTokens = own?.minTokens ?? 0, unknown = false } = options;
  requireWhole("beam", beam, 1);
  requireWhole("minTokens", minTokens, 0);
  const lengths = options.lengths ?? new Array<number>(latents.size(0)).fill(latents.size(1));
  return noGrad(() =>
    scope(() => {
      const reader = decoder
        ? attentionReader(model, decoder, latents, lengths)
        : latentReader(model, latents, options.decoder ?? config.generate.decoder);
      if (!reader) {
        throw new UsageError(
          `beam search needs an autoregressive flow; ${config.preset} decodes all positions of a text at once`,
        );
      }
      try {
        const rules = { beam, minTokens, unknown };
        const most = decoder ? lengths.map(() => config.data.positions) : lengths;
        return new BeamSearch(model, reader, { ...rules, lengths: most, free: decoder ? 1 : 0 }).run();
      } finally {
        reader.dispose();
      }
    }),
  );
}
