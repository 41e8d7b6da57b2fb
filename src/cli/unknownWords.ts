/** Words that a model does not know are read as another, and never silently. */
import { counted } from "./counted.ts";
import { say } from "./output.ts";
import type { TextTally } from "./texts.ts";

/** Warns on stderr where texts of a run have unknown words. */
export function sayUnknownOf({ unknown: { words, texts } }: TextTally): void {
  sayUnknown([{ unknown: words, of: counted(texts, "text") }]);
}

/**
 * Warns on stderr where words are unknown.
 *
 * @param groups numbers of unknown words, and whose they are: "the first text", "3 texts"
 */
export function sayUnknown(groups: readonly { readonly unknown: number; readonly of: string }[]): void {
  const [first, ...others] = groups.filter(({ unknown }) => unknown > 0);
  if (!first) return;
  const rest = others.map(({ unknown, of }) => ` and ${unknown} of ${of}`).join("");
  const them = first.unknown === 1 && others.length === 0 ? "it" : "them";
  say(
    `warning: the model does not know ${counted(first.unknown, "word")} of ${first.of}${rest}: it reads ${them} as <unk>`,
  );
}
