import fc from "fast-check";

/**
 * Ordinary prose, for which every detokeniser must undo its tokeniser: lower case, single spaces, ASCII quotes in pairs,
 * punctuation spaced as in print, dashes as " -- ".
 */
const word = fc.constantFrom(
  ...["the", "sheldon", "well-known", "naïve", "łódź", "köln", "a", "i", "x2", "at&t", "mid-1990s", "word_2", "ok"],
  ...["don't", "can't", "won't", "she's", "they'll", "i'm", "we've", "you're", "he'd", "shouldn't've", "o'brien"],
  ...["3.5", "1,000", "1,000,000.5", "10:30", "u.s.", "e.g.", "a.m.", "50%", "$5", "£2.50", "#1", "'em", "'90s", "1/2"],
  ...["東京", "слово", "λόγος", "and/or", "the dogs' bones", "-5 degrees"],
);
const phrase = fc.array(word, { minLength: 1, maxLength: 6 }).map((words) => words.join(" "));
const wrapped = fc
  .tuple(phrase, fc.constantFrom(["", ""], ["(", ")"], ['"', '"'], ["[", "]"], ["'", "'"]))
  .map(([text, [open, close]]) => {
    // An apostrophe inside single quotes, or one that touches another, is ambiguous in print too.
    if (open === "'" && text.includes("'")) return text;
    return `${open}${text}${close}`;
  });
const clause = fc.array(wrapped, { minLength: 1, maxLength: 3 }).map((parts) => parts.join(" "));
const sentence = fc
  .tuple(
    clause,
    fc.array(fc.tuple(fc.constantFrom(", ", "; ", ": ", " -- ", "... "), clause), { maxLength: 3 }),
    fc.constantFrom("?", "!", "?!", "!!!", ""),
  )
  .map(([first, rest, end]) => first + rest.map(([joint, next]) => joint + next).join("") + end);

/** One or more sentences of prose. */
export const prose: fc.Arbitrary<string> = fc
  .array(sentence, { minLength: 1, maxLength: 3 })
  .map((sentences) => sentences.join(" "));

/**
 * Prose without what the Treebank's rules lose: pounds, ampersands between small letters, and single quotes before
 * anything but a longer ASCII word.
 */
export const treebankProse = prose.filter(
  (text) => !/[\u00a3&]/.test(text) && !/(?:^|[\s([{"])'(?![a-z][^\s])/.test(text),
);
