/** A command line as one would type it again. */

/** Quotes a word for a POSIX shell where it needs it. */
export function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** `riverrun` with these arguments and one more option, unless it is there already. */
export function commandAgain(args: readonly string[], option: string): string {
  const all = args.includes(option) ? args : [...args, option];
  return ["riverrun", ...all].map(quote).join(" ");
}
