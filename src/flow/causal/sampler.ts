/** Ancestral sampling of words from a flow whose head mixes over them. */
import { UsageError } from "../../base/errors.ts";
import { RandomStream } from "../../base/random.ts";
import { drawIndices, noGrad, scope, type Tensor, tensor } from "../../torch/index.ts";
import type { CausalFlow } from "./causalFlow.ts";
import type { Codebook } from "./codebookHead.ts";
import { demandTruncation, type Truncation, truncated } from "./truncation.ts";

/** Choices of `sampleWords`. */
export interface WordSampling extends Truncation {
  /** One a text; each decides its text alone. */
  readonly seeds: readonly bigint[];
  /** tau: words are drawn from pi^(1/tau), normalised; 0 takes the likeliest. */
  readonly temperature: number;
  /** Most positions of a text. */
  readonly positions: number;
  /** The word that ends a text. */
  readonly end: number;
  /** Words that are not drawn; the others share their probability in proportion to their own. */
  readonly banned?: readonly number[];
}

/**
 * Texts word by word: w ~ pi(h_t) at the temperature, x_t = e_w + sigma u with u ~ N(0, I) as in training, and x_t is what
 * later positions read. Texts that have ended are left out of the batch.
 *
 * @returns ids of each text, the end included where it came
 * @throws UsageError where the flow's head does not mix over words, or a rule's number is out of range
 */
export function sampleWords(flow: CausalFlow, options: WordSampling): number[][] {
  const head = flow.wordHead;
  if (!head) throw new UsageError("words can only be drawn from a flow whose head mixes over the codebook's words");
  const { seeds, temperature, positions, end, banned = [] } = options;
  demandTruncation(options);
  const texts: number[][] = seeds.map(() => []);
  if (seeds.length === 0) return texts;
  const streams = seeds.map((seed) => new RandomStream(seed));
  let running = seeds.map((_, index) => index);
  const decoder = flow.decoder(seeds.length);
  try {
    for (let position = 0; position < positions && running.length > 0; position++) {
      const words = noGrad(() =>
        scope(() => {
          const uniforms = running.map((text) => streams[text].uniform());
          const logits = head.logits(decoder.hidden());
          for (const word of banned) logits.slice(1, word, word + 1).fill_(Number.NEGATIVE_INFINITY);
          return drawIndices(truncated(logits, temperature, options), uniforms, temperature);
        }),
      );
      const points = scope(() =>
        pointsOf(
          words,
          running.map((text) => streams[text]),
          head.codebook,
        ),
      );
      decoder.take(points);
      points.dispose();
      running.forEach((text, row) => {
        texts[text].push(words[row]);
      });
      const rows = words.flatMap((word, row) => (word === end ? [] : [row]));
      if (rows.length < running.length && rows.length > 0) decoder.select(rows);
      running = rows.map((row) => running[row]);
    }
    return texts;
  } finally {
    decoder.dispose();
  }
}

/** e_w + sigma u of one word a row, (R, D). */
function pointsOf(words: readonly number[], streams: readonly RandomStream[], { values, sigma }: Codebook): Tensor {
  const channels = values.size(1);
  const { dtype, device } = values;
  // Typed and filled in place: a list of numbers takes longer to make and to hand over than the draws themselves.
  const noise = new Float64Array(streams.length * channels);
  streams.forEach((stream, row) => {
    for (let channel = 0; channel < channels; channel++) noise[row * channels + channel] = sigma * stream.normal();
  });
  const ids = tensor(words, [words.length], { dtype: "int64", device });
  return values
    .indexSelect(0, ids)
    .add(tensor(noise, [words.length, channels], { dtype: "float64" }).to(dtype, device));
}
