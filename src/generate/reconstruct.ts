/** decode(encode(x)): what comes back of a text. */
import type { PreparedText, TextFlow } from "../flow/index.ts";
import { defaultBatch, overBatches } from "./batches.ts";
import { type TokenRule, textOf, tokensOf, wordsOf } from "./tokens.ts";

/** What came back of one text. */
export interface Reconstruction {
  readonly text: string;
  readonly reconstruction: string;
  /** Tokens compared: those within the model's length, `<eos>` included. */
  readonly tokens: number;
  /** How many came back with the same id; `<unk>` returned as `<unk>` counts. */
  readonly correct: number;
  /** Largest |x - f^-1(f(x))| over the text's positions and channels. */
  readonly maxAbsError: number;
  readonly truncated: boolean;
  readonly unknown: number;
}

/** Sums over many texts. */
export interface ReconstructionTotals {
  readonly texts: number;
  readonly tokens: number;
  /** Share of the tokens that came back. */
  readonly tokenAccuracy: number;
  readonly maxAbsError: number;
  /** Share of the tokens that the vocabulary does not know. */
  readonly unknownShare: number;
  /** Share of the texts that were cut to the model's length. */
  readonly truncatedShare: number;
}

/** x, z = f(x), x^ = f^-1(z) without noise, then words by the token rule. */
export function reconstructTexts(
  model: TextFlow,
  texts: readonly PreparedText[],
  options: { readonly decoder?: TokenRule; readonly batchSize?: number } = {},
): Reconstruction[] {
  return overBatches(model, texts, options.batchSize ?? defaultBatch, (batch) => {
    const points = model.points(batch);
    const back = model.decode(model.encode(batch), batch.context);
    const errors = back.sub(points).abs().amax([1, 2]).toNumbers();
    const ids = tokensOf(model, back, batch.context, options.decoder);
    return batch.texts.map((text, row) => {
      const first = text.ids.length > 0 && model.config.data.fixedLength ? 1 : 0;
      const compared = text.ids.slice(first, first + text.tokensCounted);
      return {
        text: text.text,
        reconstruction: textOf(model, wordsOf(model, ids[row])),
        tokens: compared.length,
        correct: compared.filter((id, index) => ids[row][first + index] === id).length,
        maxAbsError: errors[row],
        truncated: text.truncated,
        unknown: text.unknown,
      };
    });
  });
}

/** The summary of many reconstructions. */
export function totalsOf(rows: readonly Reconstruction[]): ReconstructionTotals {
  const sum = (of: (row: Reconstruction) => number): number => rows.reduce((total, row) => total + of(row), 0);
  const tokens = sum((row) => row.tokens);
  return {
    texts: rows.length,
    tokens,
    tokenAccuracy: sum((row) => row.correct) / tokens,
    maxAbsError: rows.reduce((most, row) => Math.max(most, row.maxAbsError), 0),
    unknownShare: sum((row) => row.unknown) / tokens,
    truncatedShare: sum((row) => (row.truncated ? 1 : 0)) / rows.length,
  };
}
