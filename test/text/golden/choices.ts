/** The golden files of tokenizers on real lines: what makes each. */
import type { LineChoice } from "./lines.ts";

export interface GoldenSource extends LineChoice {
  /** Name of the golden file, without .json. */
  readonly name: string;
  /**
   * Program and arguments that read lines and write tokens; DATA stands for the folder of the real data, CODES for a file
   * of the merges that riverrun learns from {@link bpeTraining}.
   */
  readonly command: readonly string[];
  /** The rows are merges, not the tokens of a line each. */
  readonly isLearning?: boolean;
}

const python = (...rest: string[]): string[] => ["PYTHON", "test/text/golden/oracle.py", ...rest];

/** Prose, web text, dialogue, questions, news and Romanian, about 10,000 lines. */
const mixed: LineChoice["files"] = {
  "text/brown.txt": 50,
  "text/abc.txt": 20,
  "text/masc.txt": 15,
  "text/meld_utterances.txt": 12,
  "text/movie_reviews.txt": 100,
  "text/product_reviews.txt": 10,
  "text/squad_paragraphs.txt": 5,
  "text/tvqa_questions.txt": 20,
  "wmt/newstest2016.en": 4,
  "wmt/newstest2016.ro": 4,
  "wmt/newstest2019-ntrex.ro": 4,
  "wmt/flores101-devtest.ro": 4,
  "wmt/train.ro": 50,
};

/** English of every kind, about 5,000 lines. */
const english: LineChoice["files"] = {
  "text/brown.txt": 55,
  "text/abc.txt": 50,
  "text/masc.txt": 35,
  "text/meld_utterances.txt": 40,
  "text/movie_reviews.txt": 200,
  "text/product_reviews.txt": 30,
  "text/squad_paragraphs.txt": 6,
  "text/state_union.txt": 30,
  "text/tvqa_questions.txt": 60,
  "wmt/newstest2016.en": 6,
  "wmt/newstest2019-ntrex.en": 6,
  "wmt/flores101-devtest.en": 6,
};

const coreNlp = [
  ...["java", "-Dfile.encoding=UTF-8", "-cp", "CORENLP", "edu.stanford.nlp.process.PTBTokenizer"],
  ...["-preserveLines", "-encoding", "UTF-8"],
];

const news = (language: string): LineChoice["files"] => ({
  [`wmt/newstest2016.${language}`]: 2,
  [`wmt/newstest2019-ntrex.${language}`]: 2,
  [`wmt/flores101-devtest.${language}`]: 2,
  [`wmt/train.${language}`]: 20,
});

/** Both languages, for a shared vocabulary. */
export const bpeTraining: LineChoice = { files: { "wmt/train.ro": 8, "wmt/train.en": 8 } };
export const bpeMerges = 4000;
const fewForBpe: LineChoice["files"] = { "wmt/train.ro": 60, "wmt/train.en": 60 };

export const goldenSources: readonly GoldenSource[] = [
  { name: "13a", files: mixed, command: python("13a") },
  { name: "penn-treebank", files: english, command: coreNlp },
  { name: "wordpiece", files: mixed, command: python("wordpiece", "DATA/minilm/vocab.txt", "uncased") },
  { name: "wordpiece-cased", files: mixed, command: python("wordpiece", "DATA/minilm/vocab.txt", "cased") },
  { name: "moses-en", files: news("en"), command: python("moses", "en") },
  { name: "moses-ro", files: news("ro"), command: python("moses", "ro") },
  { name: "bpe-subword-nmt", files: mixed, command: python("bpe-subword-nmt", "CODES") },
  { name: "bpe-tokenizers", files: mixed, command: python("bpe-tokenizers", "CODES") },
  {
    name: "learn-subword-nmt",
    files: bpeTraining.files,
    command: python("learn-subword-nmt", String(bpeMerges)),
    isLearning: true,
  },
  { name: "learn-plainly", files: fewForBpe, command: python("learn-plainly", "800"), isLearning: true },
];
