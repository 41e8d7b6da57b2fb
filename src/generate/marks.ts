/** What a record says of the texts that it was made from, where the model did not read them as they stand. */
import type { PreparedText } from "../flow/index.ts";

/** Fields of a record; absent where there is nothing to say. */
export interface TextMarks {
  /** A text was longer than the model and was cut. */
  readonly truncated?: true;
  /** How many of the texts' words the vocabulary does not know. */
  readonly unknown?: number;
}

/** The marks of the texts together. */
export function marksOf(...texts: readonly PreparedText[]): TextMarks {
  const unknown = texts.reduce((sum, text) => sum + text.unknown, 0);
  return {
    ...(texts.some(({ truncated }) => truncated) ? { truncated: true } : {}),
    ...(unknown > 0 ? { unknown } : {}),
  };
}
