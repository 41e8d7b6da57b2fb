/** The texts of a training: what is learnt from, what is held out, and a number that tells whether they are the same. */
import { createHash } from "node:crypto";
import { UsageError } from "../base/errors.ts";
import { splitHeldOut } from "../corpora/index.ts";
import type { Config, PreparedText, TextFlow } from "../flow/index.ts";
import { tokenizerOf } from "../text/tokenizer-names.ts";
import type { WordPiece } from "../text/wordPiece.ts";
import { weightOf } from "./gradients.ts";

/** Share of the different texts that is held out, each with its copies, where no validation texts are given. */
export const heldOutShare = 0.1;

/** Texts with at least one token, and how many had none. */
export interface TrainingTexts {
  readonly training: readonly string[];
  readonly validation: readonly string[];
  readonly skipped: number;
}

/**
 * Splits texts, unless validation texts are given, by `splitHeldOut` with the configuration's seed; texts without any
 * token are left out and counted.
 *
 * @throws UsageError where fewer than 2 texts are left to train on or none to validate on.
 */
export function trainingTexts(
  config: Config,
  texts: readonly string[],
  validation?: readonly string[],
  wordPiece?: WordPiece,
): TrainingTexts {
  const tokenizer = tokenizerOf(config.data.tokenizer, wordPiece);
  const hasTokens = (text: string): boolean => tokenizer.tokenize(text).length > 0;
  const usable = texts.filter(hasTokens);
  const usableValidation = validation?.filter(hasTokens);
  const split = usableValidation
    ? { training: usable, validation: usableValidation }
    : splitHeldOut(usable, heldOutShare, config.seed);
  if (split.training.length < 2) {
    throw new UsageError(
      `the training data has ${usable.length} text${usable.length === 1 ? "" : "s"} with words (of ${texts.length} given)${usable.length > split.training.length ? `, ${split.training.length} of them left to learn from beside the held-out ones` : ""}: expected at least 2, better thousands`,
    );
  }
  if (split.validation.length === 0) {
    throw new UsageError(
      validation
        ? `the validation data has no text with words (of ${validation.length} given): expected at least 1`
        : `none of the ${usable.length} texts (different ones: ${new Set(usable).size}) falls into the 10 % that are held out: give more texts, or validation texts of their own (--validation)`,
    );
  }
  const skipped = texts.length - usable.length + (validation?.length ?? 0) - (usableValidation?.length ?? 0);
  return { ...split, skipped };
}

/** SHA-256 over all texts and which side they are on; a resume with others would not continue the same training. */
export function fingerprintOf({ training, validation }: TrainingTexts): string {
  const hash = createHash("sha256");
  for (const texts of [training, validation]) {
    hash.update(`${texts.length}\n`);
    for (const text of texts) hash.update(`${text.length} ${text}\n`);
  }
  return hash.digest("hex");
}

/** Training texts by index. Only their sizes stand in memory; a text is prepared when its batch comes. */
export class TrainingSet {
  readonly #model: TextFlow;
  readonly #texts: readonly string[];
  /** N of every text. */
  readonly positions: readonly number[];
  /** How much every text counts in a step's divisor. */
  readonly weights: readonly number[];
  /** Texts cut to the model's length. */
  readonly truncated: number;
  /** Share of the words, of those too that were cut, that the vocabulary knows. */
  readonly knownShare: number;

  constructor(model: TextFlow, texts: readonly string[]) {
    this.#model = model;
    this.#texts = texts;
    let truncated = 0;
    let known = 0;
    let words = 0;
    const weights: number[] = [];
    this.positions = texts.map((text) => {
      const prepared = model.prepare(text);
      if (prepared.truncated) truncated++;
      known += prepared.known;
      words += prepared.tokens.length;
      weights.push(weightOf(model, prepared));
      return prepared.positions;
    });
    this.weights = weights;
    this.truncated = truncated;
    this.knownShare = known / words;
  }

  get size(): number {
    return this.#texts.length;
  }

  at(index: number): PreparedText {
    return this.#model.prepare(this.#texts[index]);
  }
}
