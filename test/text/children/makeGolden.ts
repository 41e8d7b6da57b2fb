/**
 * Writes the golden files of tokenizers anew from independent implementations:
 *
 *   PYTHON=.oracle/tokenizers/bin/python npx tsx test/text/children/makeGolden.ts [NAME...]
 *
 * PYTHON is an interpreter with test/peer/requirements-tokenizers.txt; CORENLP, for the Penn-Treebank file, is
 * stanford-corenlp-3.4.1.jar. With KEEP=DIR the lines and tokens themselves are left there, to look at differences.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { goldenSources } from "../golden/choices.ts";
import { goldenOf, runReference } from "./references.ts";

const { PYTHON = "python3", CORENLP = "stanford-corenlp-3.4.1.jar", KEEP } = process.env;
const wanted = process.argv.slice(2);

for (const source of goldenSources) {
  const { name } = source;
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  const { lines, rows } = runReference(source, { python: PYTHON, coreNlp: CORENLP });
  if (KEEP) {
    mkdirSync(KEEP, { recursive: true });
    writeFileSync(`${KEEP}/${name}.lines`, lines.map((line) => `${line}\n`).join(""));
    writeFileSync(`${KEEP}/${name}.tokens`, rows.map((row) => `${row}\n`).join(""));
  }
  const golden = goldenOf(source, rows);
  const file = fileURLToPath(new URL(`../golden/${name}.json`, import.meta.url));
  writeFileSync(file, `${JSON.stringify(golden, null, 2)}\n`);
  process.stderr.write(`${name}: ${golden.lines} lines, ${golden.tokens} tokens\n`);
}
