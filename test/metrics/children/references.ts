/**
 * What the references themselves say of the tests' texts: METEOR's jar, coco-caption, sacrebleu, CoreNLP, SQuAD's script.
 * Needs Java, and the Python of test/peer/requirements-metrics.txt.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { meteorParameters } from "../../../src/metrics/index.ts";
import { sharedLines } from "../../support/sharedData.ts";
import type { Figures, OwnGolden, RealGolden } from "../golden.ts";
import { ownExamples, stemWords, writeOwnTables } from "../ownTexts.ts";
import { realAnswers, realPairs } from "../realPairs.ts";

const large = 1 << 28;
const exactStem = ["-m", "exact stem", "-w", "1.0 0.6"];
const { alpha, beta, gamma, delta } = meteorParameters["2007"];
const of2007 = ["-m", "exact stem synonym", "-w", "1.0 1.0 1.0", "-p", `${alpha} ${beta} ${gamma} ${delta}`];

const sha256 = (value: unknown): string => createHash("sha256").update(JSON.stringify(value)).digest("hex");

/** The references, of which a folder of temporary files is kept until `close`. */
export class References {
  readonly #python: string;
  readonly #jar: string;
  readonly #work = mkdtempSync(join(tmpdir(), "riverrun-golden-"));

  constructor(python: string) {
    this.#python = python;
    this.#jar = this.#run(python, ["-c", "import pycocoevalcap.meteor.meteor as m; print(m.__file__)"])
      .trim()
      .replace(/meteor\.py$/, "meteor-1.5.jar");
  }

  close(): void {
    rmSync(this.#work, { recursive: true, force: true });
  }

  #run(command: string, args: readonly string[], input = ""): string {
    return execFileSync(command, args, { input, cwd: this.#work, maxBuffer: large, encoding: "utf8" });
  }

  /** Segment scores and the system score of METEOR's jar. Folders before the jar on the class path hide its own. */
  #meteor(
    hypotheses: readonly string[],
    references: readonly (readonly string[])[],
    options: readonly string[],
    classPath: readonly string[] = [],
  ): { segments: number[]; system: number } {
    const file = (name: string, lines: readonly string[]): string => {
      const path = join(this.#work, name);
      writeFileSync(path, lines.map((text) => `${text}\n`).join(""));
      return path;
    };
    const output = this.#run("java", [
      ...["-Xmx2G", "-cp", [...classPath, this.#jar].join(":"), "Meteor"],
      ...[file("hyp", hypotheses), file("ref", references.flat())],
      ...["-l", "en", "-norm", "-r", String(references[0].length)],
      ...options,
    ]);
    const last = (line: string): number => Number(line.split(/\s+/).at(-1));
    const lines = output.split("\n");
    return {
      segments: lines.filter((line) => line.startsWith("Segment ")).map((line) => Number(last(line).toFixed(8))),
      system: last(lines.find((line) => line.startsWith("Final score")) ?? ""),
    };
  }

  /** The stems of the jar's Snowball stemmer. Its own program leaves numbers alone; none is in the words. */
  #stems(words: readonly string[]): string[] {
    const args = ["-Dfile.encoding=UTF-8", "-cp", this.#jar, "Stemmer", "en"];
    return this.#run("java", args, `${words.join("\n")}\n`)
      .trim()
      .split("\n");
  }

  /** BLEU-4, ROUGE-L and Penn-Treebank tokens of sets of texts. */
  #scores(sets: Readonly<Record<string, unknown>>): Record<string, Figures> {
    const program = join(import.meta.dirname, "..", "python", "oracle.py");
    return JSON.parse(this.#run(this.#python, [program], JSON.stringify(sets))) as Record<string, Figures>;
  }

  /** Of the texts in ownTexts.ts, with METEOR tables of our own. */
  own(): OwnGolden {
    const hypotheses = ownExamples.map(({ hypothesis }) => hypothesis);
    const references = ownExamples.map((example) => example.references);
    const first = references.map(([text]) => [text]);
    const { own, ownFirst } = this.#scores({
      own: { hypotheses, references },
      ownFirst: { hypotheses, references: first },
    });
    const tables = join(this.#work, "tables");
    writeOwnTables(tables);
    const options = [
      ...["-s", join(tables, "function/english.words"), "-d", join(tables, "synonym")],
      ...["-a", join(tables, "paraphrase-en.gz")],
    ];
    const meteor = (texts: readonly (readonly string[])[], more: readonly string[] = []) =>
      this.#meteor(hypotheses, texts, [...options, ...more], [tables]);
    return {
      scores: { own, ownFirst },
      meteor: {
        own: meteor(references),
        ownFirst: meteor(first),
        exactStem: meteor(first, exactStem),
        of2007: meteor(first, of2007),
      },
      stems: this.#stems(stemWords),
    };
  }

  /** Of the real data's 2,000 pairs and of the words of a corpus. */
  real(): Omit<RealGolden, "squad"> {
    const { hypotheses, references: texts, sha256: pairs } = realPairs();
    const references = texts.map((text) => [text]);
    const { real } = this.#scores({ real: { hypotheses, references } });
    const { coco, ptb, ...sacrebleu } = real;
    const words = [
      ...new Set(
        sharedLines("text/brown.txt")
          .join(" ")
          .toLowerCase()
          .match(/[\p{L}'-]+/gu) ?? [],
      ),
    ].filter((word) => /\p{L}/u.test(word));
    const whole = ({ bleu, rouge }: Figures["coco"]): Figures["coco"] => ({ bleu, rouge });
    return {
      sha256: pairs,
      scores: { coco: whole(coco), ...sacrebleu, ptb: whole(ptb) },
      ptbSha256: sha256(ptb.lines),
      meteor: {
        full: this.#meteor(hypotheses, references, []),
        exactStem: { system: this.#meteor(hypotheses, references, exactStem).system },
        of2007: { system: this.#meteor(hypotheses, references, of2007).system },
      },
      stems: { words: words.length, sha256: sha256(this.#stems(words)) },
    };
  }

  /** Exact match and F1 of 1,000 predictions by SQuAD's evaluate-v1.1.py. */
  squad(evaluate: string): RealGolden["squad"] {
    const answers = realAnswers();
    const qas = answers.questions.map(({ id, answers: texts }) => ({ id, answers: texts.map((text) => ({ text })) }));
    const data = { version: "1.1", data: [{ paragraphs: [{ context: "", qas }] }] };
    writeFileSync(join(this.#work, "data.json"), JSON.stringify(data));
    writeFileSync(join(this.#work, "predictions.json"), JSON.stringify(Object.fromEntries(answers.predictions)));
    const said = JSON.parse(this.#run(this.#python, [evaluate, "data.json", "predictions.json"])) as {
      exact_match: number;
      f1: number;
    };
    return { sha256: answers.sha256, ...said };
  }
}
