/** TVQA's tokens: what its preprocessing makes of questions, answers and subtitles. */

const clitics: readonly (readonly [string, string])[] = ["'s", "'ve", "n't", "'re", "'d", "'ll", "'m"].map((end) => [
  end,
  ` ${end}`,
]);

/**
 * Tokens joined by one space (specification, section 13.2): characters other than A-Z a-z 0-9 ( ) , ! ? : . ' ` become
 * spaces; 's 've n't 're 'd 'll 'm are split off wherever they stand; : , ! . ? get spaces around them, "..." first
 * becomes one full stop; parentheses go; runs of spaces shrink to one, and none is left at the ends.
 */
export function cleanText(text: string): string {
  let cleaned = text.replace(/[^A-Za-z0-9(),!?:.'`]/g, " ");
  for (const [end, split] of clitics) cleaned = cleaned.replaceAll(end, split);
  return cleaned
    .replace(/[:,!]/g, " $& ")
    .replaceAll("...", " . ")
    .replaceAll(".", " . ")
    .replace(/[()]/g, " ")
    .replaceAll("?", " ? ")
    .replace(/ {2,}/g, " ")
    .trim();
}
