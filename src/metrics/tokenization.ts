/** The ways of cutting texts into tokens that the metrics of the field use. */
import { UsageError } from "../base/errors.ts";
import { tokenize13a } from "../text/mteval13a.ts";
import { tokenizerByName } from "../text/tokenizer-names.ts";
import { splitWords } from "./words.ts";

/** Names of {@link tokenizationByName}. */
export const tokenizationNames = ["coco", "13a", "ptb", "none"] as const;

/** One of {@link tokenizationNames}. */
export type TokenizationName = (typeof tokenizationNames)[number];

/** What coco-caption drops after tokenising (the PUNCTUATIONS of its tokenizer). */
const dropped = new Set([
  "''",
  "'",
  "``",
  "`",
  "-LRB-",
  "-RRB-",
  "-LCB-",
  "-RCB-",
  ".",
  "?",
  "!",
  ",",
  ":",
  "-",
  "--",
  "...",
  ";",
]);

/** coco-caption's tokens: Penn-Treebank, lower-cased, without {@link dropped}. */
function cocoCaptionTokens(text: string): string[] {
  const tokenizer = tokenizerByName("ptb");
  return tokenizer
    .tokenize(text)
    .map((token) => token.toLowerCase())
    .filter((token) => !dropped.has(token));
}

/**
 * How a text becomes tokens: `coco` and `none` at white space, `13a` by mteval-v13a, `ptb` by coco-caption's tokenizer
 * (Penn-Treebank, lower case, its list of punctuation left out).
 *
 * @throws UsageError for another name.
 */
export function tokenizationByName(name: string): (text: string) => string[] {
  switch (name) {
    case "coco":
    case "none":
      return splitWords;
    case "13a":
      return tokenize13a;
    case "ptb":
      return cocoCaptionTokens;
    default:
      throw new UsageError(`there is no tokenisation "${name}"; expected one of ${tokenizationNames.join(", ")}`);
  }
}
