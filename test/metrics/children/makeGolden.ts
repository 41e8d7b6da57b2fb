/**
 * Writes test/metrics/golden/ anew, from the references themselves; docs/metrics.md says how it is run.
 *
 *   npx tsx test/metrics/children/makeGolden.ts PYTHON EVALUATE
 *
 * PYTHON is a Python with test/peer/requirements-metrics.txt, EVALUATE is SQuAD's evaluate-v1.1.py. Needs Java and the
 * real data at ../shared/data.
 */
import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { References } from "./references.ts";

const command =
  "npx tsx test/metrics/children/makeGolden.ts PYTHON EVALUATE; pycocoevalcap 1.2 (METEOR 1.5), sacrebleu 2.6.0, SQuAD's evaluate-v1.1.py";
const [python, evaluate] = process.argv.slice(2);
const write = (name: string, value: object): void => {
  const text = JSON.stringify({ command, ...value }, null, 1);
  writeFileSync(join(import.meta.dirname, "..", "golden", name), `${text}\n`);
};

const references = new References(resolve(python));
try {
  write("own.json", references.own());
  write("real.json", { ...references.real(), squad: references.squad(resolve(evaluate)) });
} finally {
  references.close();
}
