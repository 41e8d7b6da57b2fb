/**
 * The texts of table1-questions.md, one a line: node docs/results/table1-questions.mjs DATA OUT
 *
 * TVQA's questions are split as `riverrun experiment table1` splits them (seeds 2020 and 2021), and of the candidate
 * answers only those of questions to learn from are taken.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { corpora, text } from "riverrun";

const [data, out] = process.argv.slice(2);
const words = text.tokenizerByName("riverrun-words");
const key = (line) => words.tokenize(line).join(" ");
const oneLine = (line) => line.replace(/\s+/g, " ").trim();

const all = await corpora.readTexts([`${data}/text/tvqa_questions.txt`]);
const { training: rest, validation: report } = corpora.splitHeldOut(all, 0.1, 2020);
const { training: learn, validation } = corpora.splitHeldOut(rest, 0.1, 2021);

const learnt = new Set(learn.map(key));
const answers = [];
for (const file of ["tvqa_test_public.jsonl", "tvqa_plus_val.nobbox.json"]) {
  for await (const record of corpora.readTvqaQuestions(`${data}/tvqa/${file}`)) {
    if (learnt.has(key(record.question))) answers.push(...record.answers.map(oneLine).filter((line) => line !== ""));
  }
}

const tvr = [];
for await (const { description } of corpora.readMomentDescriptions(`${data}/tvqa/tvr_val_release.jsonl`)) {
  tvr.push(oneLine(description));
}

async function questionsOf(files) {
  const found = [];
  for (const file of files) {
    for await (const { paragraphs } of corpora.readSquad(`${data}/squad/${file}`)) {
      for (const { questions } of paragraphs) found.push(...questions.map(({ question }) => oneLine(question)));
    }
  }
  return found;
}

const texts = {
  learn,
  validation,
  report,
  answers,
  tvr,
  dialogue: await questionsOf(["friendsqa.dev.squad.json", "friendsqa.tst.squad.json", "molweni.test.squad.json"]),
  squad: await questionsOf(["train-v1.1.rebuilt.json"]),
};
mkdirSync(out, { recursive: true });
for (const [name, lines] of Object.entries(texts)) {
  writeFileSync(`${out}/${name}.txt`, `${lines.join("\n")}\n`);
  console.log(`${out}/${name}.txt: ${lines.length}`);
}
