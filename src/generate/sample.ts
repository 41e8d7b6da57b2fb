/** New texts from the prior. */
import { UsageError } from "../base/errors.ts";
import { NonFiniteOutputError } from "../base/finite.ts";
import { hashSeed, RandomStream } from "../base/random.ts";
import { CausalFlow, drawLength, sampleWords, type TextFlow, type Truncation, truncationText } from "../flow/index.ts";
import { Vocabulary } from "../text/vocabulary.ts";
import { defaultBatch } from "./batches.ts";
import { isModelAtFault } from "./fault.ts";
import { type DecodeOptions, decodeLatents, drawLatents, type GeneratedText } from "./latents.ts";
import { nonFiniteError } from "./nonFinite.ts";
import { textOf, wordsOf } from "./tokens.ts";

/** Choices of `sampleTexts`. A `Truncation` only where words are drawn one by one. */
export interface SampleOptions extends DecodeOptions, Truncation {
  readonly count: number;
  readonly seed: number;
  /** tau: latents are drawn from N(0, tau^2); in a flow that mixes over words, words from pi^(1/tau). */
  readonly temperature?: number;
}

/** A sample and the number that makes it again. */
export interface Sample extends GeneratedText {
  readonly seed: number;
}

/** The flow where samples are words drawn one by one, from a mixture over them. */
function wordFlowOf({ flow }: TextFlow): CausalFlow | undefined {
  return flow instanceof CausalFlow && flow.wordHead ? flow : undefined;
}

/** Whether samples are words drawn one by one. */
export function drawsWords(model: TextFlow): boolean {
  return wordFlowOf(model) !== undefined;
}

/** Ids of texts drawn word by word. @throws NonFiniteOutputError */
function drawnIds(
  model: TextFlow,
  flow: CausalFlow,
  seeds: readonly number[],
  { topK, topP, minP, temperature, unknown }: Omit<SampleOptions, "count" | "seed">,
): number[][] {
  try {
    return sampleWords(flow, {
      seeds: seeds.map((own) => hashSeed(own, "words")),
      temperature: temperature ?? model.config.generate.temperature,
      topK,
      topP,
      minP,
      positions: model.config.data.positions,
      end: Vocabulary.eos,
      banned: unknown === false ? [Vocabulary.unk] : [],
    });
  } catch (error) {
    throw error instanceof NonFiniteOutputError ? nonFiniteError(model, "logits of words", { cause: error }) : error;
  }
}

/** Words drawn one after the other, in batches. */
function drawnWords(
  model: TextFlow,
  flow: CausalFlow,
  seeds: readonly number[],
  options: Omit<SampleOptions, "count" | "seed">,
): Sample[] {
  const size = options.batchSize ?? defaultBatch;
  const samples: Sample[] = [];
  for (let start = 0; start < seeds.length; start += size) {
    const part = seeds.slice(start, start + size);
    drawnIds(model, flow, part, options).forEach((row, index) => {
      const tokens = wordsOf(model, row);
      samples.push({ text: textOf(model, tokens), tokens, seed: part[index] });
    });
  }
  return samples;
}

/**
 * N from the length model, z ~ N(0, tau^2 I), x = f^-1(z), words by the token rule. Sample i of seed s is the only
 * sample of seed s + i, so each can be made again alone. A flow that mixes over words draws them one after the other up
 * to `<eos>`, which is the same distribution; any other without a length model decodes T positions and ends at `<eos>`.
 * With `topK`, `topP` or `minP` each is drawn from the likely words only, which is another distribution: likely texts get
 * likelier. With `unknown` false no word is `<unk>`: where words are drawn, that is the distribution of each given that it
 * is not.
 *
 * @throws NonFiniteOutputError where the model's numbers say no word, UsageError where the temperature is why
 */
export function sampleTexts(model: TextFlow, { count, seed, ...options }: SampleOptions): Sample[] {
  return samplesOf(
    model,
    Array.from({ length: count }, (_, index) => seed + index),
    options,
  );
}

/** The samples of these seeds, which need not follow each other. */
export function samplesOf(
  model: TextFlow,
  seeds: readonly number[],
  options: Omit<SampleOptions, "count" | "seed">,
): Sample[] {
  const temperature = options.temperature ?? model.config.generate.temperature;
  const wordFlow = wordFlowOf(model);
  if (wordFlow && options.beam === undefined) return drawnWords(model, wordFlow, seeds, options);
  const truncation = truncationText(options);
  if (truncation !== "") {
    throw new UsageError(
      options.beam === undefined
        ? `${truncation}: ${model.config.preset} does not draw words one by one; expected a model like riverrun-ar, whose head mixes over words`
        : `${truncation} and a beam of ${options.beam}: a search draws no words; expected one of them`,
    );
  }
  const positions = seeds.map((own) =>
    model.hasLengthModel
      ? drawLength(model.lengthLogProbabilities, model.unit, new RandomStream(hashSeed(own, "length")).uniform())
      : model.config.data.positions,
  );
  const streams = seeds.map((own) => hashSeed(own, "latent"));
  const latents = drawLatents(model, positions, streams, temperature);
  try {
    return decodeLatents(model, latents, options).map((text, index) => ({ ...text, seed: seeds[index] }));
  } catch (error) {
    const isAsked = error instanceof NonFiniteOutputError && options.temperature !== undefined;
    if (!isAsked || isModelAtFault(model, positions[0], options)) throw error;
    throw new UsageError(
      `temperature: ${temperature} is far too large: the model computes NaN or infinity where words are chosen; expected about 1`,
      { cause: error },
    );
  }
}
