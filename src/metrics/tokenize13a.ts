/** The tokenizer of NIST's mteval-v13a, as sacrebleu 2.6.0 runs it. */
import { splitWords } from "./words.ts";

/** ASCII punctuation except the apostrophe, the comma, the hyphen and the full stop. */
const punctuation = /([{-~[-` -&(-+:-@/])/gu;

/**
 * Tokens of mteval-v13a: `<skipped>` deleted, line ends joined, the entities `&quot; &amp; &lt; &gt;` read (in this
 * order, so that `&amp;lt;` becomes `<`), a space around ASCII punctuation, around a comma or full stop on the side of
 * a character that is no ASCII digit, and around a hyphen after a digit. Case is kept.
 */
export function tokenize13a(text: string): string[] {
  let line = text.replaceAll("<skipped>", "").replaceAll("-\n", "").replaceAll("\n", " ");
  if (line.includes("&")) {
    line = line.replaceAll("&quot;", '"').replaceAll("&amp;", "&").replaceAll("&lt;", "<").replaceAll("&gt;", ">");
  }
  line = ` ${line} `
    .replace(punctuation, " $1 ")
    .replace(/([^0-9])([.,])/gu, "$1 $2 ")
    .replace(/([.,])([^0-9])/gu, " $1 $2")
    .replace(/([0-9])(-)/gu, "$1 $2 ");
  return splitWords(line);
}
