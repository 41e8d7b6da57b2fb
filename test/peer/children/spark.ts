/**
 * The live check of integrations/spark: a tiny model over two executor processes of Spark, one of which is killed. Started by
 * `npm run oracle -- spark`, which gives the interpreter in ORACLE_PYTHON.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { messageOf, RiverrunError, UsageError } from "../../../src/base/errors.ts";
import { builtinCorpus } from "../../../src/corpora/index.ts";
import { presetConfig } from "../../../src/flow/index.ts";
import { train } from "../../../src/train/index.ts";

const root = join(import.meta.dirname, "..", "..", "..");

async function main(): Promise<number> {
  const python = process.env.ORACLE_PYTHON;
  if (python === undefined) throw new UsageError("ORACLE_PYTHON is not set: run npm run oracle -- spark");
  const folder = mkdtempSync(join(tmpdir(), "riverrun-spark-"));
  try {
    const config = presetConfig("tiny");
    config.train.maxSteps = 20;
    const model = join(folder, "model");
    const { sentences } = builtinCorpus({ sentences: 500 });
    const trained = await train({ config, texts: sentences, out: model, threads: 1 });
    trained.model.dispose();
    const check = join(root, "integrations", "spark", "check.py");
    const command = `${process.execPath} ${join(root, "dist", "cli", "main.js")}`;
    const args = [check, "--model", model, "--command", command, ...process.argv.slice(2)];
    const { status, error } = spawnSync(python, args, { stdio: ["ignore", "inherit", "inherit"], cwd: folder });
    if (error) throw new RiverrunError(`${python} cannot be run: ${messageOf(error)}`);
    return status ?? 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`oracle: ${messageOf(error)}\n`);
  process.exitCode = error instanceof RiverrunError ? error.exitCode : 1;
}
