/** riverrun vectors train, inspect */
import type { Command } from "commander";
import { integer } from "../options.ts";
import { emit, say } from "../output.ts";
import { example } from "../program.ts";

interface VectorsTrainOptions {
  readonly data: string[];
  readonly out: string;
  readonly tokenizer: string;
  readonly dimensions: number;
  readonly window: number;
  readonly iterations: number;
  readonly minCount: number;
  readonly seed: number;
}

/** Adds `riverrun vectors`. */
export function addVectors(program: Command): void {
  const vectors = program.command("vectors").description("word vectors in GloVe's text format");
  vectors
    .command("train")
    .description("GloVe on your own text")
    .requiredOption("--data <files...>", ".txt (one text a line), .jsonl (objects with text), or builtin")
    .requiredOption("--out <file>", "file to write")
    .option("--tokenizer <name>", "riverrun-words, tvqa-words, ptb", "riverrun-words")
    .option("--dimensions <n>", "D", integer(1), 300)
    .option("--window <n>", "words on each side", integer(1), 10)
    .option("--iterations <n>", "passes", integer(1), 50)
    .option("--min-count <n>", "rarer words become <unk>", integer(1), 2)
    .option("--seed <n>", "of starting values and order", integer(0), 1)
    .addHelpText("after", example("vectors train --data lines.txt --out vectors.txt --dimensions 100"))
    .action(train);
  vectors
    .command("inspect")
    .description("counts and size of a vectors file")
    .argument("<file>", "in GloVe's text format")
    .option("--json", "one JSON line (always so)")
    .addHelpText("after", example("vectors inspect vectors.txt"))
    .action(inspect);
}

async function train(options: VectorsTrainOptions): Promise<void> {
  const { trainGlove } = await import("../../text/glove/train.ts");
  const { tokenizerByName } = await import("../../text/tokenizer-names.ts");
  const { writeVectors } = await import("../../text/vectors.ts");
  const { Vocabulary } = await import("../../text/vocabulary.ts");
  const { readData } = await import("../data.ts");
  const tokenizer = tokenizerByName(options.tokenizer);
  const tokens = (await readData(options.data)).map((text) => tokenizer.tokenize(text));
  const vocabulary = Vocabulary.build(tokens, { minCount: options.minCount });
  const values = await trainGlove(
    tokens.map((words) => [...vocabulary.encode(words), Vocabulary.eos]),
    vocabulary.size,
    {
      ...options,
      xMax: 10,
      learningRate: 0.05,
      onProgress: ({ iteration, iterations, loss }) => {
        say(`iteration ${iteration} of ${iterations}: loss ${loss.toFixed(5)}`);
      },
    },
  );
  const first = 4; // the special tokens are no words of the text
  const words = vocabulary.tokens.slice(first);
  writeVectors(options.out, {
    words,
    dimensions: options.dimensions,
    values: values.subarray(first * options.dimensions),
  });
  say(`${words.length} vectors of ${options.dimensions} dimensions in ${options.out}`);
}

async function inspect(file: string): Promise<void> {
  const { readVectors } = await import("../../text/vectors.ts");
  const { words, dimensions, values } = await readVectors(file);
  const squares = values.reduce((sum, value) => sum + value * value, 0);
  await emit({ words: words.length, dimensions, rootMeanSquare: Math.sqrt(squares / Math.max(1, values.length)) });
}
