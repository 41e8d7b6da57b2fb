/** `--no-unknown`: texts without `<unk>`. */

/** The option of commands whose words need not be those of a given text. */
export const unknownOption = [
  "--no-unknown",
  "never say <unk>, but another word (a beam search never says it anyhow)",
] as const;

/** The choice of `unknownOption` as `DecodeOptions` take it. */
export function unknownOf({ unknown }: { readonly unknown: boolean }): false | undefined {
  return unknown ? undefined : false;
}
