/** decode(encode(x)): what comes back of a text. */
import { UsageError } from "../base/errors.ts";
import type { PreparedText, TextFlow } from "../flow/index.ts";
import { defaultBatch, overBatches } from "./batches.ts";
import { beamDecode } from "./beam.ts";
import { type TokenRule, textOf, tokensOf, wordsOf } from "./tokens.ts";

/** What came back of one text. */
export interface Reconstruction {
  /** The text as it came in. */
  readonly text: string;
  /** The text as the model reads it: cut to its length, unknown words as `<unk>`, detokenised. */
  readonly expected: string;
  /** The text that came back, detokenised as `expected` is: up to the first `<eos>`. */
  readonly reconstruction: string;
  /** Whether `reconstruction` has the words of `expected`, all of them and no others. */
  readonly exact: boolean;
  /** Tokens compared: those within the model's length, `<eos>` included. */
  readonly tokens: number;
  /** How many came back with the same id, also behind an `<eos>` that came too early; `<unk>` returned as `<unk>` counts. */
  readonly correct: number;
  /** Largest |x - f^-1(f(x))| over the text's positions and channels. */
  readonly maxAbsError: number;
  readonly truncated: boolean;
  /** Words that the vocabulary does not know. */
  readonly unknown: number;
}

/** Sums over many texts. */
export interface ReconstructionTotals {
  readonly texts: number;
  readonly tokens: number;
  /** Share of the tokens that came back. */
  readonly tokenAccuracy: number;
  readonly maxAbsError: number;
  /** Share of the texts of which every word came back, and no other. */
  readonly exactShare: number;
  /** Share of the tokens that the vocabulary does not know. */
  readonly unknownShare: number;
  /** Share of the texts that were cut to the model's length. */
  readonly truncatedShare: number;
}

/** x, z = f(x), x^ = f^-1(z) without noise, then words by the token rule; in Language Flow+ by its decoder of z. */
export function reconstructTexts(
  model: TextFlow,
  texts: readonly PreparedText[],
  options: { readonly decoder?: TokenRule; readonly batchSize?: number } = {},
): Reconstruction[] {
  return overBatches(model, texts, options.batchSize ?? defaultBatch, (batch) => {
    const points = model.points(batch);
    const latents = model.encode(batch);
    const back = model.decode(latents, batch.context);
    const errors = back.sub(points).abs().amax([1, 2]).toNumbers();
    const ids = model.attentionDecoder
      ? beamDecode(model, latents, { lengths: batch.context.lengths, unknown: true }).map((row) => row.ids)
      : tokensOf(model, back, batch.context, { rule: options.decoder });
    return batch.texts.map((text, row) => compared(model, text, ids[row], errors[row]));
  });
}

/** How many of a text's tokens came back, place by place. */
export function correctOf(model: TextFlow, text: PreparedText, ids: readonly number[]): number {
  const first = model.config.data.fixedLength ? 1 : 0;
  const own = text.ids.slice(first, first + text.tokensCounted);
  return own.filter((id, index) => ids[first + index] === id).length;
}

/** A text beside the ids that came back. */
export function compared(model: TextFlow, text: PreparedText, ids: readonly number[], error: number): Reconstruction {
  const [expected, words] = [text.ids, ids].map((own) => wordsOf(model, own));
  return {
    text: text.text,
    expected: textOf(model, expected),
    reconstruction: textOf(model, words),
    exact: words.length === expected.length && words.every((word, place) => word === expected[place]),
    tokens: text.tokensCounted,
    correct: correctOf(model, text, ids),
    maxAbsError: error,
    truncated: text.truncated,
    unknown: text.unknown,
  };
}

/** The summary of many reconstructions, which are counted and not kept. */
export class ReconstructionTally {
  #texts = 0;
  #tokens = 0;
  #correct = 0;
  #exact = 0;
  #unknown = 0;
  #truncated = 0;
  #maxAbsError = 0;

  add({ tokens, correct, exact, unknown, truncated, maxAbsError }: Reconstruction): void {
    this.#texts++;
    this.#tokens += tokens;
    this.#correct += correct;
    this.#exact += exact ? 1 : 0;
    this.#unknown += unknown;
    this.#truncated += truncated ? 1 : 0;
    this.#maxAbsError = Math.max(this.#maxAbsError, maxAbsError);
  }

  /** @throws UsageError where nothing was added: there are no shares of nothing. */
  totals(): ReconstructionTotals {
    if (this.#texts === 0) throw new UsageError("there is no text to reconstruct");
    return {
      texts: this.#texts,
      tokens: this.#tokens,
      tokenAccuracy: this.#correct / this.#tokens,
      maxAbsError: this.#maxAbsError,
      exactShare: this.#exact / this.#texts,
      unknownShare: this.#unknown / this.#tokens,
      truncatedShare: this.#truncated / this.#texts,
    };
  }
}

/** The summary of many reconstructions. @throws UsageError where there is none. */
export function totalsOf(rows: readonly Reconstruction[]): ReconstructionTotals {
  const tally = new ReconstructionTally();
  for (const row of rows) tally.add(row);
  return tally.totals();
}
