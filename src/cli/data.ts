/** Texts that a command line names. */
import { UsageError } from "../base/errors.ts";
import { builtinCorpus, readTexts } from "../corpora/index.ts";

/** The texts of files, or the built-in corpus for the one word `builtin`. @throws UsageError, DataMissingError */
export async function readData(files: readonly string[]): Promise<string[]> {
  if (!files.includes("builtin")) return readTexts(files);
  if (files.length > 1) throw new UsageError("builtin is a corpus of its own: give it alone, without files");
  return [...builtinCorpus().sentences];
}
