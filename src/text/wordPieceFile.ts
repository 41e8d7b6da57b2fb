/** The word pieces of a trained model, in its own folder. */
import { z } from "zod";
import { messageOf, UsageError } from "../base/errors.ts";
import { WordPiece } from "./wordPiece.ts";

const fileSchema = z.strictObject({
  version: z.literal(1),
  options: z.strictObject({
    lowerCase: z.boolean(),
    stripAccents: z.boolean(),
    splitIdeographs: z.boolean(),
    unknown: z.string(),
    continuation: z.string(),
    longestWord: z.int().positive(),
    special: z.array(z.string()),
  }),
  pieces: z.array(z.string()),
});

/** A WordPiece as the JSON text of a file. */
export function wordPieceJson({ options, pieces }: WordPiece): string {
  return `${JSON.stringify({ version: 1, options, pieces })}\n`;
}

/**
 * The WordPiece of such a text.
 *
 * @throws UsageError naming `path` where it is damaged
 */
export function parseWordPieceJson(text: string, path: string): WordPiece {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new UsageError(`${path}: expected JSON: ${messageOf(error)}`);
  }
  const result = fileSchema.safeParse(value);
  if (!result.success) {
    const problems = result.error.issues
      .slice(0, 3)
      .map((issue) => `${issue.path.join(".") || "(top level)"}: ${issue.message}`);
    throw new UsageError(`${path}: expected the word pieces of a model: ${problems.join("; ")}`);
  }
  try {
    return new WordPiece(result.data.pieces, result.data.options);
  } catch (error) {
    throw new UsageError(`${path}: ${messageOf(error)}`, { cause: error });
  }
}
