/**
 * Writes test/metrics/golden/ anew, from the references themselves; docs/metrics.md says how it is run.
 *
 *   npx tsx test/metrics/children/makeGolden.ts PYTHON EVALUATE
 *
 * PYTHON is a Python with test/peer/requirements-metrics.txt, EVALUATE is SQuAD's evaluate-v1.1.py. Needs Java and the
 * real data at ../shared/data.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sharedLines } from "../../support/sharedData.ts";
import { ownExamples, stemWords, writeOwnTables } from "../ownTexts.ts";
import { realAnswers, realPairs } from "../realPairs.ts";

const [python, evaluate] = process.argv.slice(2);
const here = import.meta.dirname;
const work = mkdtempSync(join(tmpdir(), "riverrun-golden-"));
const large = 1 << 28;

function run(command: string, args: readonly string[], input = "", cwd = work): string {
  return execFileSync(command, args, { input, cwd, maxBuffer: large, encoding: "utf8" });
}

const jar = run(python, ["-c", "import pycocoevalcap.meteor.meteor as m; print(m.__file__)"])
  .trim()
  .replace(/meteor\.py$/, "meteor-1.5.jar");

/** Segment scores and the system score of the jar. */
function meteorJar(
  hypotheses: readonly string[],
  references: readonly (readonly string[])[],
  options: readonly string[],
  classPath: readonly string[] = [],
): { segments: number[]; system: number } {
  writeFileSync(join(work, "hyp"), hypotheses.map((text) => `${text}\n`).join(""));
  writeFileSync(
    join(work, "ref"),
    references
      .flat()
      .map((text) => `${text}\n`)
      .join(""),
  );
  const output = run("java", [
    "-Xmx2G",
    "-cp",
    [...classPath, jar].join(":"),
    "Meteor",
    join(work, "hyp"),
    join(work, "ref"),
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

const exactStem = ["-m", "exact stem", "-w", "1.0 0.6"];
const of2007 = ["-m", "exact stem synonym", "-w", "1.0 1.0 1.0", "-p", "0.81 0.83 0.28 0.5"];

function stems(words: readonly string[]): string[] {
  // The jar's own program leaves numbers alone, as its scorer does not; none is in the words.
  return run("java", ["-Dfile.encoding=UTF-8", "-cp", jar, "Stemmer", "en"], `${words.join("\n")}\n`)
    .trim()
    .split("\n");
}

try {
  const pairs = realPairs();
  const single = pairs.references.map((text) => [text]);
  const own = {
    hypotheses: ownExamples.map(({ hypothesis }) => hypothesis),
    references: ownExamples.map(({ references }) => references),
  };
  const ownFirst = own.references.map(([first]) => [first]);
  const scores = JSON.parse(
    run(
      python,
      [join(here, "..", "python", "oracle.py")],
      JSON.stringify({
        real: { hypotheses: pairs.hypotheses, references: single },
        own,
        ownFirst: { hypotheses: own.hypotheses, references: ownFirst },
      }),
    ),
  ) as Record<string, Record<string, Record<string, unknown>>>;
  const ptbLines = scores.real.ptb.lines as string[];
  delete scores.real.ptb.lines;
  delete scores.real.coco.rouges;
  delete scores.real.ptb.rouges;

  const tables = join(work, "tables");
  writeOwnTables(tables);
  const ownOptions = [
    ...["-s", join(tables, "function/english.words"), "-d", join(tables, "synonym")],
    ...["-a", join(tables, "paraphrase-en.gz")],
  ];
  // Folders before the jar on the class path hide its own: so come the prefixes.
  const ownMeteor = (references: readonly (readonly string[])[], more: readonly string[] = []): unknown =>
    meteorJar(own.hypotheses, references, [...ownOptions, ...more], [tables]);

  const answers = realAnswers();
  writeFileSync(
    join(work, "data.json"),
    JSON.stringify({
      version: "1.1",
      data: [
        {
          paragraphs: [
            {
              context: "",
              qas: answers.questions.map(({ id, answers: texts }) => ({
                id,
                answers: texts.map((text) => ({ text })),
              })),
            },
          ],
        },
      ],
    }),
  );
  writeFileSync(join(work, "predictions.json"), JSON.stringify(Object.fromEntries(answers.predictions)));
  const squad = JSON.parse(run(python, [evaluate, "data.json", "predictions.json"])) as unknown;

  const vocabulary = [
    ...new Set(
      sharedLines("text/brown.txt")
        .join(" ")
        .toLowerCase()
        .match(/[\p{L}'-]+/gu) ?? [],
    ),
  ].filter((word) => /\p{L}/u.test(word));
  const write = (name: string, value: unknown): void =>
    writeFileSync(join(here, "..", "golden", name), `${JSON.stringify(value, null, 1)}\n`);
  const command =
    "npx tsx test/metrics/children/makeGolden.ts PYTHON EVALUATE; pycocoevalcap 1.2 (METEOR 1.5), sacrebleu 2.6.0, SQuAD's evaluate-v1.1.py";
  write("own.json", {
    command,
    scores: { own: scores.own, ownFirst: scores.ownFirst },
    meteor: {
      own: ownMeteor(own.references),
      ownFirst: ownMeteor(ownFirst),
      exactStem: ownMeteor(ownFirst, exactStem),
      of2007: ownMeteor(ownFirst, of2007),
    },
    stems: stems(stemWords),
  });
  write("real.json", {
    command,
    sha256: pairs.sha256,
    scores: scores.real,
    ptbSha256: createHash("sha256").update(JSON.stringify(ptbLines)).digest("hex"),
    meteor: {
      full: meteorJar(pairs.hypotheses, single, []),
      exactStem: { system: meteorJar(pairs.hypotheses, single, exactStem).system },
      of2007: { system: meteorJar(pairs.hypotheses, single, of2007).system },
    },
    squad: { sha256: answers.sha256, ...(squad as object) },
    stems: {
      words: vocabulary.length,
      sha256: createHash("sha256")
        .update(JSON.stringify(stems(vocabulary)))
        .digest("hex"),
    },
  });
} finally {
  rmSync(work, { recursive: true, force: true });
}
