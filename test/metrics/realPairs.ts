/** Pairs of real texts, derived from the data beside the clone; the repository holds how, not the texts. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { RandomStream } from "../../src/base/random.ts";
import { sharedLines, sharedPath } from "../support/sharedData.ts";

/** Hypotheses and references, line by line. */
export interface Pairs {
  readonly hypotheses: readonly string[];
  readonly references: readonly string[];
  /** SHA-256 of all texts. */
  readonly sha256: string;
}

/** A hash that tells whether the texts are those of the golden figures. */
export function hashTexts(...texts: readonly (readonly string[])[]): string {
  return createHash("sha256").update(JSON.stringify(texts)).digest("hex");
}

/** Words lost, swapped and moved: what a translation might have done to its reference. */
function perturb(text: string, random: RandomStream): string {
  let words = text.split(" ").filter(() => random.uniform() > 0.12);
  if (words.length === 0) words = text.split(" ");
  if (random.uniform() < 0.3) {
    const cut = random.integer(words.length);
    words = [...words.slice(cut), ...words.slice(0, cut)];
  }
  const at = random.integer(words.length);
  words.splice(at, 2, ...words.slice(at, at + 2).reverse());
  return words.join(" ");
}

/**
 * 2,000 pairs: 1,200 times two questions about the same sentence (the first such neighbours of squad-qg's development
 * set, tokenised and lower-cased), 800 times a line of newstest2016.en, perturbed, against itself.
 */
export function realPairs(): Pairs {
  const sources = sharedLines("squad-qg/src-dev.txt");
  const questions = sharedLines("squad-qg/tgt-dev.txt").map((line) => line.trim());
  const hypotheses: string[] = [];
  const references: string[] = [];
  for (let i = 0; hypotheses.length < 1200; i++) {
    if (sources[i] !== sources[i + 1]) continue;
    hypotheses.push(questions[i]);
    references.push(questions[i + 1]);
  }
  const random = new RandomStream(2007);
  for (const line of sharedLines("wmt/newstest2016.en").slice(0, 800)) {
    hypotheses.push(perturb(line, random));
    references.push(line);
  }
  return { hypotheses, references, sha256: hashTexts(hypotheses, references) };
}

/** Questions of SQuAD's development set with predictions. */
export interface Answers {
  readonly questions: readonly { readonly id: string; readonly answers: readonly string[] }[];
  readonly predictions: ReadonlyMap<string, string>;
  readonly sha256: string;
}

interface SquadFile {
  readonly data: readonly {
    readonly paragraphs: readonly {
      readonly context: string;
      readonly qas: readonly { readonly id: string; readonly answers: readonly { readonly text: string }[] }[];
    }[];
  }[];
}

/**
 * The first question of each of the first 1,010 paragraphs, and predictions for 1,000 of them: a gold answer whole, with
 * other case, an article, punctuation or white space, with the words before it lost, or a span of the paragraph that
 * begins near an answer.
 */
export function realAnswers(): Answers {
  const { data } = JSON.parse(readFileSync(sharedPath("squad/dev-v1.1.rebuilt.json"), "utf8")) as SquadFile;
  const random = new RandomStream(11);
  const questions: { id: string; answers: string[] }[] = [];
  const predictions = new Map<string, string>();
  for (const { context, qas } of data.flatMap(({ paragraphs }) => paragraphs).slice(0, 1010)) {
    const { id, answers } = qas[0];
    const texts = answers.map(({ text }) => text);
    questions.push({ id, answers: texts });
    if (predictions.size === 1000) continue;
    const text = texts[random.integer(texts.length)];
    const words = context.split(" ");
    const from = Math.max(0, words.indexOf(text.split(" ")[0]) - random.integer(3));
    const variants = [
      text,
      text.toUpperCase(),
      `the ${text}`,
      `“${text}”, (An) a-${text}!`,
      ` ${text.replaceAll(" ", "  ")}\n`,
      text.split(" ").slice(1).join(" "),
      words.slice(from, from + 1 + random.integer(8)).join(" "),
      text.normalize("NFD"),
    ];
    predictions.set(id, variants[random.integer(variants.length)]);
  }
  return {
    questions,
    predictions,
    sha256: hashTexts(
      questions.map(({ id }) => id),
      [...predictions].flat(),
    ),
  };
}
