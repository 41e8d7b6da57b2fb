/** What the leading process tells the others at the start of a stage: everything but texts and tensors. */
import { UsageError } from "../base/errors.ts";
import { type Config, TextFlow } from "../flow/index.ts";
import { numbersOf } from "../nn/index.ts";
import { Vocabulary } from "../text/vocabulary.ts";
import { parseWordPieceJson, wordPieceJson } from "../text/wordPieceFile.ts";
import type { TrainingState } from "./checkpoint.ts";
import { versions } from "./versions.ts";

/** A stage about to begin. */
export interface Opening {
  readonly model: TextFlow;
  readonly state: TrainingState;
  /** Whether no other follows it. */
  readonly isLast: boolean;
}

interface Told {
  readonly riverrun: string;
  readonly config: Config;
  readonly vocabulary: string;
  readonly wordPieces: string | undefined;
  readonly state: TrainingState;
  readonly isLast: boolean;
}

/** A stage as text. */
export function openingText({ model, state, isLast }: Opening): string {
  const told: Told = {
    riverrun: versions().riverrun,
    config: model.config,
    vocabulary: JSON.stringify(model.vocabulary.toJSON()),
    wordPieces: model.wordPiece && wordPieceJson(model.wordPiece),
    state,
    isLast,
  };
  return JSON.stringify(told);
}

/** The stage of a text, its model's numbers still to be loaded. @throws UsageError where it is another version's. */
export function openingFrom(text: string, device: string | undefined): Opening {
  const { riverrun, config, vocabulary, wordPieces, state, isLast } = JSON.parse(text) as Told;
  const own = versions().riverrun;
  if (riverrun !== own) {
    throw new UsageError(`this process runs riverrun ${own}, but rank 0 ${riverrun}: install the same on all machines`);
  }
  const { dtype, networks } = numbersOf(state.precision);
  const model = TextFlow.blank({
    config,
    vocabulary: Vocabulary.parse(vocabulary, "the vocabulary of rank 0"),
    wordPiece: wordPieces === undefined ? undefined : parseWordPieceJson(wordPieces, "the word pieces of rank 0"),
    device,
    dtype,
  });
  model.networkPrecision = networks;
  return { model, state, isLast };
}
