/** Words at white space, as the Python references split them. */

/** What Python's `str.split()` splits at; JavaScript's `\s` lacks U+001C to U+001F and U+0085 and has U+FEFF. */
const spaces = /[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/u;

/** The tokens of a text between white space; none for an empty text. */
export function splitWords(text: string): string[] {
  const words = text.split(spaces);
  if (words[words.length - 1] === "") words.pop();
  if (words[0] === "") words.shift();
  return words;
}
