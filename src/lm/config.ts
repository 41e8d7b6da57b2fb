/** What a discrete language model is made of. */
import { z } from "zod";
import { UsageError } from "../base/errors.ts";

const size = (most: number): z.ZodInt => z.int().positive().max(most);

/** Unknown keys are errors, as in a flow's configuration. */
export const languageModelSchema = z
  .strictObject({
    kind: z.enum(["lstm", "transformer"]),
    seed: z.int().min(0),
    /** Name of the tokenizer that the vocabulary was counted with. */
    tokenizer: z.string(),
    /** T, most tokens of a text, `<eos>` included. */
    positions: size(8192),
    /** D, channels of a word's vector. */
    dimensions: size(8192),
    /** Channels of the blocks, or units of the LSTM. */
    width: size(16_384),
    layers: size(128),
    /** Attention heads; the LSTM has none and takes any number. */
    heads: size(1024),
    dropout: z.number().min(0).max(1),
  })
  .refine((config) => config.kind === "lstm" || config.width % config.heads === 0, {
    path: ["heads"],
    message: "the heads must divide the width",
  });

/** A checked configuration. */
export type LanguageModelConfig = z.infer<typeof languageModelSchema>;

/** @throws UsageError naming `where`, the key and what was expected. */
export function parseLanguageModelConfig(value: unknown, where: string): LanguageModelConfig {
  const result = languageModelSchema.safeParse(value);
  if (result.success) return result.data;
  const problems = result.error.issues.map((issue) => `${issue.path.join(".") || "(top level)"}: ${issue.message}`);
  throw new UsageError(`${where}: ${problems.join("; ")}`);
}
