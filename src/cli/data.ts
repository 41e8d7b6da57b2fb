/** Texts that a command line names. */
import { UsageError } from "../base/errors.ts";
import { builtinCorpus, readTexts } from "../corpora/index.ts";
import { isStream, linesOf } from "./lines.ts";

/** All texts of a pipe or a device, one a line. @throws UsageError */
async function textsOfStream(path: string): Promise<string[]> {
  const texts: string[] = [];
  for await (const item of linesOf(path)) {
    if ("error" in item) throw new UsageError(`${path}:${item.line}: ${item.error}`);
    if (item.text !== "") texts.push(item.text);
  }
  if (texts.length === 0) throw new UsageError(`${path}: the stream holds no text`);
  return texts;
}

async function textsOfFile(path: string): Promise<string[]> {
  const texts = await readTexts([path]);
  const binary = texts.findIndex((text) => text.includes("\0"));
  if (binary >= 0) throw new UsageError(`${path}: text ${binary + 1} holds a NUL byte: expected text in UTF-8`);
  return texts;
}

/**
 * The texts of files and of pipes, or the built-in corpus for the one word `builtin`.
 *
 * @throws UsageError, DataMissingError
 */
export async function readData(paths: readonly string[]): Promise<string[]> {
  if (paths.includes("builtin")) {
    if (paths.length > 1) throw new UsageError("builtin is a corpus of its own: give it alone, without files");
    return [...builtinCorpus().sentences];
  }
  const parts: string[][] = [];
  for (const path of paths) parts.push(await (isStream(path) ? textsOfStream(path) : textsOfFile(path)));
  return parts.flat();
}
