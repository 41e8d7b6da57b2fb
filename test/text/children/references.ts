/** Runs the independent implementations of tokenizers on the chosen real lines. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RiverrunError } from "../../../src/base/errors.ts";
import { Bpe } from "../../../src/text/bpe/bpe.ts";
import { trainBpe } from "../../../src/text/bpe/train.ts";
import { sharedPath } from "../../support/sharedData.ts";
import { bpeMerges, bpeTraining, type GoldenSource } from "../golden/choices.ts";
import { chosenLines, type GoldenFile, lineHash, wholeHash } from "../golden/lines.ts";

/** What stands for PYTHON and CORENLP in the commands. */
export interface Programs {
  /** An interpreter with test/peer/requirements-tokenizers.txt. */
  readonly python: string;
  /** stanford-corenlp-3.4.1.jar, which pycocoevalcap 1.2 brings. */
  readonly coreNlp: string;
}

/** The lines of a source and what its program makes of each. @throws RiverrunError where the program fails */
export function runReference(source: GoldenSource, { python, coreNlp }: Programs): { lines: string[]; rows: string[] } {
  const { name, files, command, isLearning = false } = source;
  const folder = mkdtempSync(join(tmpdir(), "riverrun-golden-"));
  try {
    const codes = join(folder, "codes");
    if (command.includes("CODES")) {
      writeFileSync(codes, new Bpe(trainBpe(chosenLines(bpeTraining), { merges: bpeMerges })).toString());
    }
    const lines = chosenLines({ files });
    const [program, ...rest] = command.map((part) =>
      part
        .replace(/^PYTHON$/, python)
        .replace("CORENLP", coreNlp)
        .replace("DATA/", sharedPath(""))
        .replace("CODES", codes),
    );
    const { status, stdout, error } = spawnSync(program, rest, {
      input: lines.map((line) => `${line}\n`).join(""),
      maxBuffer: 1 << 28,
      stdio: ["pipe", "pipe", "inherit"],
      // subword-nmt draws a bar of progress.
      env: { ...process.env, TQDM_DISABLE: "1" },
    });
    if (error) throw new RiverrunError(`${name}: ${program} could not be started: ${error.message}`);
    const rows = stdout.toString("utf8").split("\n").slice(0, -1);
    if (status !== 0 || (!isLearning && rows.length !== lines.length)) {
      throw new RiverrunError(
        `${name}: ${program} ended with ${status} and ${rows.length} rows for ${lines.length} lines`,
      );
    }
    return { lines, rows };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The golden file of a program's rows. */
export function goldenOf({ command, files }: GoldenSource, rows: readonly string[]): GoldenFile {
  return {
    command: command.join(" "),
    files,
    lines: rows.length,
    tokens: rows.reduce((sum, row) => sum + (row === "" ? 0 : row.split(" ").length), 0),
    sha256: wholeHash(rows),
    tokensSha256: wholeHash(rows.flatMap((row) => row.split(" ").filter((token) => token !== ""))),
    hashes: rows.map(lineHash).join(""),
  };
}
