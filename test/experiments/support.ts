/** Small experiments on text of our own. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { builtinCorpus } from "../../src/corpora/index.ts";
import { type Scale, scaleNamed } from "../../src/experiments/scales.ts";

export { scratch } from "../folders.ts";

/** Sentences of the built-in corpus, one a line. */
export function linesFile(folder: string, sentences = 300): string {
  const path = join(folder, "lines.txt");
  writeFileSync(path, `${builtinCorpus({ sentences }).sentences.join("\n")}\n`);
  return path;
}

/** Paragraphs of four such sentences in SQuAD's schema; the third word of each is the answer of its one question. */
export function squadFile(folder: string, paragraphs = 120): string {
  const { sentences } = builtinCorpus({ sentences: 4 * paragraphs });
  const upper = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
  const data = Array.from({ length: paragraphs }, (_, index) => {
    const context = sentences
      .slice(4 * index, 4 * index + 4)
      .map((sentence) => `${upper(sentence.replace(/\s*\.$/, ""))}.`)
      .join(" ");
    const text = context.split(" ")[2];
    const answers = [{ answer_start: context.indexOf(text), text }];
    return {
      title: `article ${index}`,
      paragraphs: [{ context, qas: [{ id: `q${index}`, question: "What?", answers }] }],
    };
  });
  const path = join(folder, "dev-own.json");
  writeFileSync(path, JSON.stringify({ version: "1.1", data }));
  return path;
}

/** Scale tiny, cut to seconds. */
export function quickScale(over: Partial<Scale["train"]> = {}): Scale {
  const tiny = scaleNamed("tiny");
  return {
    ...tiny,
    vectorIterations: 2,
    reportTexts: 40,
    train: { ...tiny.train, maxSteps: 6, validateEvery: 3, checkpointEvery: 3, validationTexts: 20, ...over },
  };
}
