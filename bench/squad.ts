/**
 * How fast a file in SQuAD's schema is read, every answer checked against its span: `npx tsx bench/squad.ts FILE` prints
 * one JSON object, of the best of five readings, processor time beside the clock's.
 */
import { statSync } from "node:fs";
import { readSquadParagraphs } from "../src/corpora/index.ts";
import { onlyArgument, programOptions } from "./options.ts";

const { positionals } = programOptions("FILE", { allowPositionals: true, options: {} });
const file = onlyArgument("one FILE in SQuAD's schema", positionals);
let seconds = Number.POSITIVE_INFINITY;
let processorSeconds = Number.POSITIVE_INFINITY;
let questions = 0;
for (let reading = 0; reading < 5; reading++) {
  const started = performance.now();
  const before = process.cpuUsage();
  questions = 0;
  for await (const paragraph of readSquadParagraphs(file)) questions += paragraph.questions.length;
  const { user, system } = process.cpuUsage(before);
  seconds = Math.min(seconds, (performance.now() - started) / 1000);
  processorSeconds = Math.min(processorSeconds, (user + system) / 1e6);
}
const megabytes = statSync(file).size / 1e6;
// resourceUsage gives kibibytes.
const peakMebibytes = Math.round(process.resourceUsage().maxRSS / 1024);
process.stdout.write(`${JSON.stringify({ megabytes, questions, seconds, processorSeconds, peakMebibytes })}\n`);
