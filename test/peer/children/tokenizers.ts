/**
 * The live check of the tokenizers: runs sacrebleu, CoreNLP, tokenizers, subword-nmt and sacremoses on the chosen real
 * lines and compares what they say with the golden files, with which `npm test` compares riverrun. Started by
 * `npm run oracle -- tokenizers`, which gives the interpreter in ORACLE_PYTHON.
 */
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { messageOf } from "../../../src/base/errors.ts";
import { hasSharedData } from "../../support/sharedData.ts";
import { goldenOf, runReference } from "../../text/children/references.ts";
import { goldenSources } from "../../text/golden/choices.ts";
import type { GoldenFile } from "../../text/golden/lines.ts";

const root = join(import.meta.dirname, "..", "..", "..");

/** The jar that `npm run oracle -- metrics` installs beside, or CORENLP. */
function findCoreNlp(): string | undefined {
  const { CORENLP, ORACLE_PYTHON = "" } = process.env;
  if (CORENLP) return resolve(CORENLP);
  const library = join(ORACLE_PYTHON, "..", "..", "..", "metrics", "lib");
  const versions = existsSync(library) ? ["3.14", "3.13", "3.12", "3.11", "3.10"] : [];
  return versions
    .map((version) =>
      join(library, `python${version}`, "site-packages", "pycocoevalcap", "tokenizer", "stanford-corenlp-3.4.1.jar"),
    )
    .find((path) => existsSync(path));
}

const { ORACLE_PYTHON: python } = process.env;
if (!python) throw new Error("ORACLE_PYTHON is not set: start this check with npm run oracle -- tokenizers");
if (!hasSharedData) {
  process.stdout.write("skipped: the lines are those of the real data at ../shared/data, which is not there\n");
} else {
  const coreNlp = findCoreNlp();
  for (const source of goldenSources) {
    const { name, command } = source;
    if (coreNlp === undefined && command.some((part) => part.includes("CORENLP"))) {
      process.stdout.write(`${name}: skipped, needs "npm run oracle -- metrics --setup-only" or CORENLP=the jar\n`);
      continue;
    }
    try {
      const golden = JSON.parse(
        readFileSync(join(root, "test", "text", "golden", `${name}.json`), "utf8"),
      ) as GoldenFile;
      const { rows } = runReference(source, { python: resolve(python), coreNlp: coreNlp ?? "" });
      const live = goldenOf(source, rows);
      const same = JSON.stringify(live) === JSON.stringify(golden);
      if (!same) process.exitCode = 1;
      const verdict = same ? "as the golden file" : `DIFFERENT from the golden file (${golden.tokens} tokens)`;
      process.stdout.write(`${name}: ${live.lines} lines, ${live.tokens} tokens, ${verdict}\n`);
    } catch (error) {
      process.stderr.write(`oracle: ${messageOf(error)}\n`);
      process.exitCode = 1;
    }
  }
}
