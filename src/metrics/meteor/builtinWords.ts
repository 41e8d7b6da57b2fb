/** Short lists of our own, for METEOR where its files are not there. */
import type { NonbreakingKind } from "./normalize.ts";

/**
 * Tokens that make up at least one in a thousand tokens of general English (counted over 4 million tokens of news,
 * fiction, speeches, reviews and dialogue), and the brackets as treebanks write them.
 */
export const functionWords: ReadonlySet<string> = new Set(
  (
    "the of to and a in is that it for i 's with he on as was be you this we are have but at by not from what his " +
    "they when an will our has or all one can which their there more had 't who about says so she if been up its her " +
    "out do were no would new after my than said like into did time people them other just some him only now does " +
    `could your me us these how two . , - " ? : ! ( ) ; / ' ’ -lrb- -rrb-`
  ).split(" "),
);

/** Titles and abbreviations that are written with a full stop, and single capital letters, which are initials. */
export const nonbreakingPrefixes: ReadonlyMap<string, NonbreakingKind> = new Map<string, NonbreakingKind>([
  ...[..."ABCDEFGHIJKLMNOPQRSTUVWXYZ"].map((letter): [string, NonbreakingKind] => [letter, "always"]),
  ..."Mr Mrs Ms Dr Prof St Sr Jr Gen Col Capt Lt Sgt Maj Adm Cmdr Rep Reps Sen Sens Gov Rev Hon Supt Insp v vs"
    .split(" ")
    .map((word): [string, NonbreakingKind] => [word, "always"]),
  ..."No Art pp".split(" ").map((word): [string, NonbreakingKind] => [word, "beforeNumber"]),
]);
