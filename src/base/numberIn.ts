/** Numbers in texts. */

/** The number that a text states; NaN where it states none, also where it is empty, which `Number` takes for 0. */
export function numberIn(text: string): number {
  return text.trim() === "" ? Number.NaN : Number(text);
}
