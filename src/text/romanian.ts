/** The two ways in which Romanian's s and t with a mark below are written. */

const COMMA_BELOW: Readonly<Record<string, string>> = {
  "\u015e": "\u0218",
  "\u015f": "\u0219",
  "\u0162": "\u021a",
  "\u0163": "\u021b",
};
const CEDILLA: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(COMMA_BELOW).map(([cedilla, comma]) => [comma, cedilla]),
);

/**
 * The older letters with cedilla (\u015f \u0163, of Turkish and of old code pages) as the right ones with comma below
 * (\u0219 \u021b), also where the mark is a combining character. Lengths do not change but for combining marks, which are
 * composed.
 */
export function withCommaBelow(text: string): string {
  return text
    .replace(/[\u015e\u015f\u0162\u0163]/g, (letter) => COMMA_BELOW[letter])
    .replace(/([SsTt])[\u0326\u0327]/g, (_, letter: string) => `${letter}\u0326`.normalize("NFC"));
}

/** The letters with comma below as those with cedilla, for models whose vocabulary has only these. */
export function withCedilla(text: string): string {
  return text.replace(/[\u0218\u0219\u021a\u021b]/g, (letter) => CEDILLA[letter]);
}
