/**
 * The live check of densities and gradients: writes models, noise and riverrun's own figures into build/oracle/, has the
 * independent PyTorch implementation read them and compare. Started by `npm run oracle`, which gives the interpreter in
 * ORACLE_PYTHON.
 */
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { messageOf, RiverrunError, UsageError } from "../../../src/base/errors.ts";
import { builtinCorpus, readTexts } from "../../../src/corpora/index.ts";
import { loadModel, modelFiles, saveModel } from "../../../src/flow/index.ts";
import { scope, setThreads, type Tensor, tensor } from "../../../src/torch/index.ts";
import { saveSafetensors } from "../../../src/torch/safetensors.ts";
import { buildModel, digestOf, noiseOf, peerCases, peerTexts } from "../cases.ts";
import { ourFigures } from "../ours.ts";

const root = join(import.meta.dirname, "..", "..", "..");
const work = join(root, "build", "oracle");
const precisions = ["float64", "float32"] as const;

/** Texts of a trained model that are compared; the peer is written to be read, not to be fast. */
const textsOfModel = 4;

/** Writes what the peer reads beside the model that stands in `folder`/model. */
function writeCase(folder: string, name: string, about: string, texts: readonly string[]): void {
  for (const dtype of precisions) {
    scope(() => {
      const model = loadModel(join(folder, "model"), { precision: dtype });
      const prepared = texts.map((text) => model.prepare(text));
      const noise = noiseOf(name, model.config, prepared);
      const { rows, latents, gradients } = ourFigures(model, prepared, noise);
      const named = new Map<string, Tensor>([...Object.entries(rows), ["latents", latents]]);
      for (const [parameter, gradient] of gradients) named.set(`gradient.${parameter}`, gradient);
      saveSafetensors(join(folder, `ours-${dtype}.safetensors`), named);
      if (dtype === "float64") {
        const { dimensions } = model.config.data;
        const perText = noise.map((values, row): [string, Tensor] => [
          String(row),
          tensor(values, [prepared[row].positions, dimensions], { dtype: "float64" }),
        ]);
        saveSafetensors(join(folder, "noise.safetensors"), new Map(perText));
      } else {
        const { data, flow } = model.config;
        const facts = { about, weights: digestOf(model), data, flow, texts: prepared.map(({ ids }) => ids) };
        writeFileSync(join(folder, "case.json"), `${JSON.stringify(facts, null, 2)}\n`);
      }
      model.dispose();
    });
  }
}

function writeOwnCases(): string[] {
  return peerCases.map((peerCase) => {
    const folder = join(work, peerCase.name);
    scope(() => {
      const model = buildModel(peerCase);
      saveModel(model, join(folder, "model"));
      model.dispose();
    });
    writeCase(folder, peerCase.name, peerCase.about, peerTexts);
    return folder;
  });
}

async function writeTrainedModel(directory: string, data: string): Promise<string[]> {
  const folder = join(work, "model");
  mkdirSync(join(folder, "model"), { recursive: true });
  loadModel(directory).dispose(); // A wrong folder gets the usual error, before anything is copied.
  for (const file of Object.values(modelFiles)) cpSync(join(directory, file), join(folder, "model", file));
  const all = data === "builtin" ? builtinCorpus({ sentences: 100 }).sentences : await readTexts([data]);
  writeCase(folder, "model", directory, all.slice(0, textsOfModel));
  return [folder];
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      golden: { type: "boolean", default: false },
      model: { type: "string" },
      data: { type: "string", default: "builtin" },
    },
  });
  const python = process.env.ORACLE_PYTHON;
  if (!python) throw new UsageError("ORACLE_PYTHON is not set: start this check with npm run oracle");
  if (values.golden && values.model !== undefined) {
    throw new UsageError("--golden is of the small models of test/peer/cases.ts: leave --model out");
  }
  setThreads(1);
  rmSync(work, { recursive: true, force: true });
  const folders = values.model === undefined ? writeOwnCases() : await writeTrainedModel(values.model, values.data);
  const golden = join(root, "test", "peer", "golden");
  const writing = values.golden ? ["--golden", golden, "--command", "npm run oracle -- torch --golden"] : [];
  const check = join(root, "test", "peer", "python", "check.py");
  const { status, error } = spawnSync(python, [check, ...writing, ...folders], {
    stdio: "inherit",
    env: { ...process.env, PYTHONDONTWRITEBYTECODE: "1" },
  });
  if (error) throw new RiverrunError(`${python} could not be started: ${messageOf(error)}`, { cause: error });
  return status ?? 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`oracle: ${messageOf(error)}\n`);
  process.exitCode = error instanceof RiverrunError ? error.exitCode : error instanceof TypeError ? 2 : 1;
}
