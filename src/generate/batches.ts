/** Walking over many texts in parts of bounded memory. */
import type { PreparedText, TextBatch, TextFlow } from "../flow/index.ts";
import { noGrad, scope } from "../torch/index.ts";

/** Texts in one pass where the caller does not say. */
export const defaultBatch = 32;

/**
 * Runs `body` on batches of similar length and puts the results back into the order of the texts. Everything that a
 * batch makes is freed after it; no graph is recorded unless `gradients` is set.
 */
export function overBatches<Result>(
  model: TextFlow,
  texts: readonly PreparedText[],
  batchSize: number,
  body: (batch: TextBatch) => readonly Result[],
  { gradients = false }: { readonly gradients?: boolean } = {},
): Result[] {
  const guarded = gradients ? scope : <Value>(run: () => Value): Value => noGrad(() => scope(run));
  const order = texts.map((_, index) => index).sort((a, b) => texts[a].positions - texts[b].positions || a - b);
  const results = new Array<Result>(texts.length);
  for (let start = 0; start < order.length; start += batchSize) {
    const part = order.slice(start, start + batchSize);
    const rows = guarded(() => {
      const batch = model.batch(part.map((index) => texts[index]));
      try {
        return body(batch);
      } finally {
        batch.context.release();
      }
    });
    part.forEach((index, row) => {
      results[index] = rows[row];
    });
  }
  return results;
}
