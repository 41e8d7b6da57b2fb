/** Parsing of option values. */
import { type Command, InvalidArgumentError, Option } from "commander";
import { numberIn } from "../base/numberIn.ts";
import { type Truncation, truncationRules } from "../flow/causal/truncation.ts";
import { noiseVariances } from "../generate/noiseVariance.ts";

/** A whole number from `least` to `most`; beyond the default, numbers are no longer told from their neighbours. */
export function integer(least: number, most = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = numberIn(text);
    if (!Number.isInteger(value) || value < least || value > most) {
      const bounded = most < Number.MAX_SAFE_INTEGER || value > most;
      throw new InvalidArgumentError(
        `Expected a whole number ${bounded ? `from ${least} to ${most}` : `of at least ${least}`}.`,
      );
    }
    return value;
  };
}

/** The variance of the noise on a latent. */
export function noiseVariance(text: string): number {
  const value = numberIn(text);
  if (!noiseVariances.takes(value)) throw new InvalidArgumentError(`Expected ${noiseVariances.expected}.`);
  return value;
}

/** A finite number of at least `least`. */
export function atLeast(least: number): (text: string) => number {
  return (text) => {
    const value = numberIn(text);
    if (!Number.isFinite(value) || value < least)
      throw new InvalidArgumentError(`Expected a number of at least ${least}.`);
    return value;
  };
}

/** Numbers separated by commas. */
export function numbers(text: string): number[] {
  const values = text.split(",").map(numberIn);
  if (values.some((value) => !Number.isFinite(value)))
    throw new InvalidArgumentError("Expected numbers separated by commas.");
  return values;
}

/** `key=value` once more. */
export function collect(text: string, before: readonly string[] = []): string[] {
  return [...before, text];
}

/** What `--precision` takes: the names of src/nn/precision.ts, which loads the engine. */
const precisionNames = ["float32", "bf16", "float64"] as const;
export type Precision = (typeof precisionNames)[number];

/** `--precision` with a description of its own. */
export function precisionOption(description: string): Option {
  return new Option("--precision <name>", description).choices(precisionNames);
}

/** The options of commands that work line by line. */
export interface LineOptions {
  readonly jsonl?: boolean;
  readonly skipLines: number;
  readonly lineNumbers?: boolean;
  readonly batch: number;
}

/** The argument and the options of commands that map texts to records, line by line. */
export function overLinesOfTexts(command: Command): Command {
  return lineOptions(
    command
      .argument("[file]", "one text a line, or .jsonl of objects with text and, if wanted, id; stdin where absent or -")
      .option("--jsonl", "stdin, or a file of another name, holds JSON lines"),
  );
}

/** Where a command begins in its lines, and how it writes them. */
export function lineOptions(command: Command): Command {
  return command
    .option("--skip-lines <n>", "first lines to leave out, as where an earlier run has done them", integer(0), 0)
    .option("--line-numbers", "records say which line they are of")
    .option("--batch <n>", "lines that are worked on, and written, together", integer(1), 64);
}

/** The number of a rule of truncation. */
function ruleNumber(rule: keyof Truncation): (text: string) => number {
  const { takes, expected } = truncationRules[rule];
  return (text) => {
    const value = numberIn(text);
    if (!takes(value)) throw new InvalidArgumentError(`Expected ${expected}.`);
    return value;
  };
}

/** The options of commands that draw words; of several, each is asked of what the ones before it left. */
export function truncationOptions(command: Command): Command {
  return command
    .option(
      "--top-k <k>",
      "draw words only from the k likeliest, in models whose words are drawn one by one (default: 0, all words)",
      ruleNumber("topK"),
    )
    .option(
      "--top-p <p>",
      "draw only from the likeliest that together have this share of the probability, of what --top-k left, as in 0.9 (default: 1, all)",
      ruleNumber("topP"),
    )
    .option(
      "--min-p <p>",
      "draw only words that are at least this share as probable as the likeliest, as in 0.1 (default: 0, all)",
      ruleNumber("minP"),
    );
}

/** The option of commands that write texts. */
export const rawOption = ["--raw", "tokens joined by spaces instead of detokenised text"] as const;

/** The option of commands that decode latents. */
export const beamOption = [
  "--beam <n>",
  "hypotheses of a beam search, in models that run left to right and in Language Flow+ (default: 5 in paper-ar, attentionDecoder.beam in Language Flow+, else no search)",
  integer(1, 1000),
] as const;
