import { UsageError } from "../base/errors.ts";
import { mosesTokenizer } from "./moses.ts";
import { pennTreebank } from "./penn-treebank.ts";
import { riverrunWords } from "./riverrun-words.ts";
import type { Tokenizer } from "./tokenizer.ts";
import { tvqaWords } from "./tvqa-words.ts";
import type { WordPiece } from "./wordPiece.ts";

const TOKENIZERS: ReadonlyMap<string, Tokenizer> = new Map(
  [
    riverrunWords(),
    tvqaWords(),
    tvqaWords({ keepCommas: true }),
    pennTreebank(),
    pennTreebank({ lowerCase: false }),
    mosesTokenizer("en"),
    mosesTokenizer("ro"),
  ].map((tokenizer) => [tokenizer.name, tokenizer]),
);

/** The names that {@link tokenizerByName} knows. */
export const tokenizerNames: readonly string[] = [...TOKENIZERS.keys()];

/**
 * The tokeniser of a name: `riverrun-words`, `tvqa-words`, `tvqa-words-commas`, `ptb`, `ptb-cased`, `moses-en` or `moses-ro`.
 *
 * @throws UsageError for any other name.
 */
export function tokenizerByName(name: string): Tokenizer {
  const tokenizer = TOKENIZERS.get(name);
  if (tokenizer === undefined) {
    throw new UsageError(`There is no tokenizer "${name}"; expected one of ${tokenizerNames.join(", ")}.`);
  }
  return tokenizer;
}

/**
 * The tokenizer of a model: one of those names, or `wordpiece` with the word pieces that go with the model.
 *
 * @throws UsageError for another name, or `wordpiece` without its pieces
 */
export function tokenizerOf(name: string, wordPiece: WordPiece | undefined): Tokenizer {
  if (name !== "wordpiece") return tokenizerByName(name);
  if (wordPiece) return wordPiece;
  throw new UsageError(
    'data.tokenizer is "wordpiece", but nothing says which word pieces: give the folder of a BERT-family model as word vectors (--vectors DIR)',
  );
}
