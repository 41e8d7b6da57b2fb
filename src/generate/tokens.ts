/** From points to token ids and from ids to text. */
import type { FlowContext, TextFlow } from "../flow/index.ts";
import { Vocabulary } from "../text/vocabulary.ts";
import { noGrad, scope, type Tensor } from "../torch/index.ts";
import { nonFiniteError } from "./nonFinite.ts";

/** How a point becomes a word: the most probable one under the noise model, or the nearest in angle (the paper's). */
export type TokenRule = "bayes" | "cosine";

/** The rules for points; `nearest` is that of Bayes without noise and without word frequencies: argmin_w |x - e_w|. */
export type PointRule = TokenRule | "nearest";

/** Most scores (positions x words) held at once. */
const mostScores = 1 << 24;

/** What `tokensOf` may be told. */
export interface PointOptions {
  readonly rule?: PointRule;
  /** Whether `<unk>` may be said; it may unless this is false. */
  readonly unknown?: boolean;
  /** Points that no word has a finite score at are refused, not read as some word. */
  readonly finite?: boolean;
}

/**
 * The word of every position: argmax_w log pi_w - |x - e_w|^2 / (2 sigma^2) (bayes), argmax_w cos(x, e_w) (cosine) or
 * argmin_w |x - e_w| (nearest).
 *
 * @param points (B, T, D)
 * @returns ids of the real positions of each row
 * @throws NonFiniteOutputError with `finite`
 */
export function tokensOf(
  model: TextFlow,
  points: Tensor,
  context: FlowContext,
  { rule, unknown = true, finite = false }: PointOptions = {},
): number[][] {
  const chosen = rule ?? model.config.generate.decoder;
  const { embedder } = model;
  return noGrad(() =>
    scope(() => {
      const rows = points.reshape(-1, points.size(2));
      const part = Math.max(1, Math.floor(mostScores / model.vocabulary.size));
      const best: number[] = [];
      for (let start = 0; start < rows.size(0); start += part) {
        const piece = rows.slice(0, start, start + part);
        const scores =
          chosen === "cosine"
            ? embedder.cosines(piece)
            : chosen === "bayes"
              ? embedder.bayesScores(piece)
              : embedder.nearness(piece);
        if (!unknown) scores.slice(1, Vocabulary.unk, Vocabulary.unk + 1).fill_(Number.NEGATIVE_INFINITY);
        const chosenIds = scores.argmax(-1);
        // What NaN is among is NaN's place, so the scores of the chosen words tell of all.
        if (finite && !scores.gather(1, chosenIds.unsqueeze(1)).isFinite().all().item()) {
          throw nonFiniteError(model, "scores of words");
        }
        for (const id of chosenIds.toNumbers()) best.push(id);
      }
      return context.lengths.map((length, row) =>
        best.slice(row * context.positions, row * context.positions + length),
      );
    }),
  );
}

/**
 * The words of a text: up to the first `<eos>`, or for fixed-length models, where one `<eos>` parts sentences, up to
 * `<pad>` or the second of two adjacent `<eos>`. Specials are left out.
 */
export function wordsOf(model: TextFlow, ids: readonly number[]): string[] {
  const { fixedLength } = model.config.data;
  const { eos, pad, sos } = Vocabulary;
  const end = ids.findIndex((id, index) =>
    fixedLength ? id === pad || (id === eos && ids[index - 1] === eos) : id === eos,
  );
  return ids
    .slice(0, end < 0 ? ids.length : end)
    .filter((id) => id !== pad && id !== sos && id !== eos)
    .map((id) => model.vocabulary.token(id));
}

/** Words joined as the model's tokenizer writes them. */
export function textOf(model: TextFlow, words: readonly string[]): string {
  return model.tokenizer.detokenize(words);
}
