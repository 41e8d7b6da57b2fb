/** What a trained model can do, tried on held-out texts: everything that a report shows beside the curves. */
import { NonFiniteOutputError } from "../base/finite.ts";
import { namedSeed, RandomStream } from "../base/random.ts";
import type { PreparedText, TextFlow } from "../flow/index.ts";
import {
  type Interpolation,
  interpolateTexts,
  perturbTexts,
  type Reconstruction,
  type ReconstructionTotals,
  type Rewrite,
  reconstructTexts,
  type Sample,
  sampleTexts,
  totalsOf,
} from "../generate/index.ts";
import { Vocabulary } from "../text/vocabulary.ts";

/** The texts on the way between two held-out texts. */
export interface Path {
  readonly first: string;
  readonly second: string;
  readonly between: readonly Interpolation[];
}

/** Results of one model. */
export interface Findings {
  readonly samples: readonly Sample[];
  readonly paths: readonly Path[];
  readonly noiseVariance: number;
  readonly rewrites: readonly Rewrite[];
  readonly reconstructions: readonly Reconstruction[];
  readonly totals: ReconstructionTotals;
  /** H of the training tokens' frequencies, nats: what a model of single tokens would need for each. */
  readonly unigramEntropy: number;
  /** Of what the model's numbers said no word, where the lists above are empty. */
  readonly faults: readonly string[];
}

/** How much is tried. */
export interface FindingsOptions {
  readonly seed: number;
  readonly samples?: number;
  readonly paths?: number;
  readonly rewrittenTexts?: number;
  readonly variants?: number;
  readonly noiseVariance?: number;
  /** Most texts that go to latent space and back. */
  readonly reconstructed?: number;
}

/** Weights of the first text on the way to the second. */
const ratios = [1, 0.8, 0.6, 0.5, 0.4, 0.2, 0];

/** -sum p ln p over the frequencies of words and `<eos>` in the training text, nats a token. */
export function unigramEntropy(vocabulary: Vocabulary): number {
  const counts = vocabulary.counts.filter((_, id) => id !== Vocabulary.pad && id !== Vocabulary.sos);
  const total = counts.reduce((sum, count) => sum + count, 0);
  return -counts.reduce((sum, count) => sum + (count > 0 ? (count / total) * Math.log(count / total) : 0), 0);
}

/** Samples, interpolations, rewrites and reconstructions; the same for a model, texts and a seed. */
export function findingsOf(model: TextFlow, heldOut: readonly PreparedText[], options: FindingsOptions): Findings {
  const { seed, noiseVariance = 0.1, variants = 2 } = options;
  const faults: string[] = [];
  // A report is of what a training came to, also where that is not good.
  const tried = <Row>(what: string, body: () => readonly Row[]): readonly Row[] => {
    try {
      return body();
    } catch (error) {
      if (!(error instanceof NonFiniteOutputError)) throw error;
      faults.push(`${what}: ${error.message}`);
      return [];
    }
  };
  const random = new RandomStream(namedSeed(seed, "report"));
  const order = random.shuffle(heldOut.map((_, index) => index)).map((index) => heldOut[index]);
  const pairs = Math.min(options.paths ?? 5, Math.floor(order.length / 2));
  const paths = Array.from({ length: pairs }, (_, pair) => {
    const [first, second] = order.slice(2 * pair, 2 * pair + 2);
    const between = tried("interpolations", () => interpolateTexts(model, first, second, { ratios }));
    return { first: first.text, second: second.text, between };
  });
  const sources = order.slice(-Math.min(options.rewrittenTexts ?? 5, order.length));
  const reconstructions = reconstructTexts(model, order.slice(0, options.reconstructed ?? 200));
  return {
    samples: tried("samples", () => sampleTexts(model, { count: options.samples ?? 20, seed })),
    paths,
    noiseVariance,
    rewrites: tried("rewrites", () => perturbTexts(model, sources, { noiseVariance, variants, seed })),
    reconstructions,
    totals: totalsOf(reconstructions),
    unigramEntropy: unigramEntropy(model.vocabulary),
    faults: [...new Set(faults)],
  };
}
