// @ts-check
import fs from "node:fs";
import path from "node:path";
import { SetupError } from "../setup/errors.mjs";
import { withLock } from "../setup/lock.mjs";
import { ask, findProgram, onInterrupt, run } from "../setup/processes.mjs";
import { hashFiles, stampMatches, writeJson } from "../setup/stamps.mjs";
import { hint } from "../setup/tools.mjs";

/**
 * @typedef {import("../setup/reporter.mjs").Reporter} Reporter
 * @typedef {{ requirements: string, modules: string[], java: boolean, about: string }} Group what is installed together:
 *   a file of pinned packages, the modules that must then import, and whether they call Java
 */

/** Every group has an environment of its own, so that none needs another's gigabytes. @type {Record<string, Group>} */
export const GROUPS = {
  torch: {
    requirements: "test/peer/requirements.txt",
    modules: ["torch", "safetensors", "numpy"],
    java: false,
    about: "densities, latents and gradients in PyTorch (the default; 6 GB on Linux)",
  },
  metrics: {
    requirements: "test/peer/requirements-metrics.txt",
    modules: ["sacrebleu", "pycocoevalcap", "nltk"],
    java: true,
    about: "BLEU, ROUGE-L, METEOR, Penn-Treebank words (needs Java)",
  },
  tokenizers: {
    requirements: "test/peer/requirements-tokenizers.txt",
    modules: ["tokenizers"],
    java: false,
    about: "WordPiece and BPE",
  },
  spark: {
    requirements: "test/peer/requirements-spark.txt",
    modules: ["pyspark"],
    java: true,
    about: "corpus-scale runs (needs Java 17)",
  },
};

const OLDEST_PYTHON = [3, 10];

/**
 * A python3 that can make virtual environments.
 *
 * @param {readonly string[]} candidates
 * @returns {{ command: string, version: string }}
 * @throws SetupError that says what is missing: Python, a newer one, or its venv
 */
export function demandPython(candidates = ["python3", "/usr/bin/python3"]) {
  const present = candidates.filter((name) => findProgram([name]) !== undefined);
  let fault = hint(`python3 (${OLDEST_PYTHON.join(".")} or newer)`, ["python3", "python3-venv"]);
  for (const command of present) {
    const version = ask(command, ["-c", "import platform; print(platform.python_version())"]);
    if (version === undefined) continue;
    const [major, minor] = version.split(".").map(Number);
    if (major < OLDEST_PYTHON[0] || (major === OLDEST_PYTHON[0] && minor < OLDEST_PYTHON[1])) {
      fault = `${command} is Python ${version}, and the oracles need ${OLDEST_PYTHON.join(".")} or newer: put a newer python3 on the PATH`;
    } else if (ask(command, ["-c", "import venv, ensurepip"]) === undefined) {
      fault = hint(`the venv module of ${command} (Python ${version})`, ["python3-venv"]);
    } else return { command, version };
  }
  throw new SetupError(fault);
}

/**
 * The interpreter of a group's environment below `.oracle/`, which is made where it is missing, was made from other
 * requirements or was left half made.
 *
 * @param {Reporter} reporter
 * @param {string} root the clone
 * @param {string} name of the group
 * @returns {Promise<string>} the path of its python
 * @throws SetupError
 */
export async function provideEnvironment(reporter, root, name) {
  const { requirements } = GROUPS[name];
  const folder = path.join(root, ".oracle", name);
  const python = path.join(folder, "bin", "python");
  const stampFile = path.join(folder, "riverrun-oracle.json");
  const stamp = { requirements: hashFiles(root, [requirements]) };
  const isReady = () => stampMatches(stampFile, stamp) && ask(python, ["-c", ""]) !== undefined;
  if (isReady()) return python;
  await withLock(
    path.join(root, ".oracle", `${name}.lock`),
    () => reporter.say(`oracle ${name}: another set-up makes the environment: waiting for it`),
    async () => {
      if (isReady()) return;
      const base = demandPython();
      const title = `oracle ${name}: Python ${base.version} environment of ${requirements}`;
      await reporter.step(title, async () => {
        // Without its stamp an environment is half made or outdated; pip's own cache keeps what was downloaded.
        const discard = () => fs.rmSync(folder, { recursive: true, force: true });
        discard();
        fs.mkdirSync(path.dirname(folder), { recursive: true });
        const forget = onInterrupt(discard);
        try {
          await install(reporter, { root, name, base: base.command, folder, python, title });
        } finally {
          forget();
        }
        writeJson(stampFile, stamp);
      });
    },
  );
  return python;
}

/**
 * Makes a group's environment in an empty place and installs its packages.
 *
 * @param {Reporter} reporter
 * @param {{ root: string, name: string, base: string, folder: string, python: string, title: string }} place
 * @throws SetupError
 */
async function install(reporter, { root, name, base, folder, python, title }) {
  const { requirements, modules } = GROUPS[name];
  const log = (/** @type {string} */ text) => {
    reporter.log(text);
    const line = /^\s*(Downloading \S+ \([^)]*\)|Installing collected packages)/m.exec(text)?.[1];
    if (line !== undefined) reporter.progress(title, `oracle ${name}: ${line}`);
  };
  const options = { log, cwd: root };
  const made = await run(base, ["-m", "venv", folder], options);
  if (made.code !== 0) throw new SetupError(`${base} -m venv ${path.relative(root, folder)} failed`, made.tail);
  const pip = ["-m", "pip", "install", "--disable-pip-version-check", "--no-input", "-r", requirements];
  const installed = await run(python, pip, options);
  if (installed.code !== 0) {
    throw new SetupError(
      `pip could not install ${requirements}: check the network (or pip's settings) and the space on the disk, then run the same command again`,
      installed.tail,
    );
  }
  const imported = await run(python, ["-c", `import ${modules.join(", ")}`], options);
  if (imported.code !== 0) throw new SetupError(`what ${requirements} installs cannot be imported`, imported.tail);
}
