/**
 * Writes the golden files of tokenizers anew from independent implementations:
 *
 *   PYTHON=.oracle/tokenizers/bin/python npx tsx test/text/children/makeGolden.ts [NAME...]
 *
 * PYTHON is an interpreter that has the packages named in oracle.py; CORENLP, for the Penn-Treebank file, is
 * stanford-corenlp-3.4.1.jar. With KEEP=DIR the lines and tokens themselves are left there, to look at differences.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Bpe } from "../../../src/text/bpe/bpe.ts";
import { trainBpe } from "../../../src/text/bpe/train.ts";
import { sharedPath } from "../../support/sharedData.ts";
import { bpeMerges, bpeTraining, goldenSources } from "../golden/choices.ts";
import { chosenLines, type GoldenFile, lineHash, wholeHash } from "../golden/lines.ts";

const { PYTHON = "python3", CORENLP = "stanford-corenlp-3.4.1.jar", KEEP } = process.env;
const wanted = process.argv.slice(2);

const folder = mkdtempSync(join(tmpdir(), "riverrun-golden-"));
const codes = join(folder, "codes");
writeFileSync(codes, new Bpe(trainBpe(chosenLines(bpeTraining), { merges: bpeMerges })).toString());

for (const { name, files, command, isLearning = false } of goldenSources) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  const lines = chosenLines({ files });
  const [program, ...rest] = command.map((part) =>
    part
      .replace(/^PYTHON$/, PYTHON)
      .replace("CORENLP", CORENLP)
      .replace("DATA/", sharedPath(""))
      .replace("CODES", codes),
  );
  const run = spawnSync(program, rest, {
    input: lines.map((line) => `${line}\n`).join(""),
    maxBuffer: 1 << 28,
    stdio: ["pipe", "pipe", "inherit"],
  });
  const rows = run.stdout.toString("utf8").split("\n").slice(0, -1);
  if (run.status !== 0 || (!isLearning && rows.length !== lines.length)) {
    throw new Error(`${name}: ${program} ended with ${run.status} and ${rows.length} rows for ${lines.length} lines`);
  }
  if (KEEP) {
    mkdirSync(KEEP, { recursive: true });
    writeFileSync(`${KEEP}/${name}.lines`, lines.map((line) => `${line}\n`).join(""));
    writeFileSync(`${KEEP}/${name}.tokens`, rows.map((row) => `${row}\n`).join(""));
  }
  const golden: GoldenFile = {
    command: command.join(" "),
    files,
    lines: rows.length,
    tokens: rows.reduce((sum, row) => sum + (row === "" ? 0 : row.split(" ").length), 0),
    sha256: wholeHash(rows),
    tokensSha256: wholeHash(rows.flatMap((row) => row.split(" ").filter((token) => token !== ""))),
    hashes: rows.map(lineHash).join(""),
  };
  writeFileSync(
    fileURLToPath(new URL(`../golden/${name}.json`, import.meta.url)),
    `${JSON.stringify(golden, null, 2)}\n`,
  );
  process.stderr.write(`${name}: ${golden.lines} lines, ${golden.tokens} tokens\n`);
}
rmSync(folder, { recursive: true });
