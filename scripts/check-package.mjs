// @ts-check
// Packs the library, installs it into an empty folder, sets it up there, and uses it as its users do: by import (also
// with types) and on the command line. Minutes, network: beside the unit tests, not among them.
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { demandNode } from "./setup/node-version.mjs";

demandNode();
const { ROOT } = await import("./setup/run.mjs");
const { interruptible, onInterrupt, run } = await import("./setup/processes.mjs");

const manifest = JSON.parse(fs.readFileSync(path.join(ROOT, "package.json"), "utf8"));
const folder = fs.mkdtempSync(path.join(os.tmpdir(), "riverrun-package-"));
const discard = () => fs.rmSync(folder, { recursive: true, force: true });

/**
 * Runs a command that must succeed, and gives what it printed.
 *
 * @param {string} what
 * @param {string} cwd
 * @param {string} command
 * @param {...string} args
 */
async function demand(what, cwd, command, ...args) {
  process.stderr.write(`[package] ${what} ...\n`);
  const start = Date.now();
  // npm tells its children about the package that it runs in; the empty folder must not hear of it.
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^npm_(package|lifecycle|command)/.test(name)),
  );
  const { code, output, tail } = await run(command, args, { cwd, env });
  if (code !== 0) {
    for (const line of tail) process.stderr.write(`  ${line}\n`);
    throw new Error(`${what} failed with exit code ${code}`);
  }
  process.stderr.write(`[package] ${what}: good, ${((Date.now() - start) / 1000).toFixed(1)} s\n`);
  return output;
}

/** @param {string[]} files of the package */
function demandContents(files) {
  const required = [
    "dist/index.js",
    "dist/index.d.ts",
    "dist/cli/main.js",
    "native/CMakeLists.txt",
    "scripts/setup.mjs",
    "examples/train-and-score.ts",
  ];
  for (const file of [...required, "README.md", "LICENSE"])
    if (!files.includes(file)) throw new Error(`the package lacks ${file}`);
  const stray = files.find((file) => /(^|\/)(test|build|node_modules|src)\/|\.tsbuildinfo|\.stamp|\.log$/.test(file));
  if (stray !== undefined) throw new Error(`the package holds ${stray}, which is not for its users`);
}

async function check() {
  const packed = await demand("npm pack", ROOT, "npm", "pack", "--json", "--pack-destination", folder);
  // The build that npm runs first may print; the report is the array at the end.
  const [report] = JSON.parse(packed.slice(packed.search(/^\[\s*\{/m)));
  demandContents(report.files.map((/** @type {{ path: string }} */ file) => file.path));

  const user = path.join(folder, "user");
  fs.mkdirSync(user);
  fs.writeFileSync(
    path.join(user, "package.json"),
    `${JSON.stringify({ name: "user", private: true, type: "module" })}\n`,
  );
  await demand(
    "npm install of the package",
    user,
    "npm",
    "install",
    "--no-audit",
    "--no-fund",
    path.join(folder, report.filename),
  );

  const early = await run("node", ["--input-type=module", "-e", 'import "riverrun"'], { cwd: user });
  if (early.code === 0 || !early.output.includes("npx riverrun setup"))
    throw new Error("an import before set-up should fail and name `npx riverrun setup`");

  await demand("npx riverrun setup", user, "npx", "--no-install", "riverrun", "setup");
  const version = await demand("npx riverrun --version", user, "npx", "--no-install", "riverrun", "--version");
  if (!version.includes(manifest.version)) throw new Error(`--version does not say ${manifest.version}: ${version}`);
  const names = await demand(
    'import { LanguageFlow } from "riverrun"',
    user,
    "node",
    "--input-type=module",
    "-e",
    'import * as riverrun from "riverrun"; if (typeof riverrun.LanguageFlow !== "function") process.exit(1); console.log(Object.keys(riverrun).length)',
  );
  process.stderr.write(`[package] ${names.trim()} names exported\n`);

  const tiny = ["--preset", "tiny", "--set", "train.maxSteps=20", "--set", "vectors.iterations=2"];
  await demand(
    "npx riverrun train",
    user,
    "npx",
    "--no-install",
    "riverrun",
    "train",
    ...tiny,
    "--data",
    "builtin",
    "--out",
    "model",
  );
  fs.writeFileSync(path.join(user, "lines.txt"), "the doctor cleaned a heavy spade .\n");
  const scored = await demand(
    "npx riverrun score",
    user,
    "npx",
    "--no-install",
    "riverrun",
    "score",
    "--model",
    "model",
    "lines.txt",
  );
  if (!/"nelboPerToken":[\d.]+/.test(scored)) throw new Error(`score does not print a record: ${scored}`);

  // The examples are the package's own words on how to use it: they run on what is installed, types stripped.
  for (const name of ["sample-interpolate-rewrite", "latents"]) {
    const source = fs.readFileSync(path.join(user, "node_modules", "riverrun", "examples", `${name}.ts`), "utf8");
    fs.writeFileSync(path.join(user, `${name}.mjs`), source);
    await demand(`examples/${name}`, user, "node", `${name}.mjs`, "model");
  }

  fs.writeFileSync(
    path.join(user, "use.ts"),
    'import { LanguageFlow } from "riverrun";\nexport const flow: typeof LanguageFlow = LanguageFlow;\n',
  );
  const compiler = path.join(ROOT, "node_modules", "typescript", "bin", "tsc");
  const options = ["--noEmit", "--strict", "--module", "nodenext", "--target", "es2023", "--skipLibCheck", "false"];
  const types = ["--types", "node", "--typeRoots", path.join(ROOT, "node_modules", "@types")];
  await demand("types of the package", user, process.execPath, compiler, ...options, ...types, "use.ts");
}

const forget = onInterrupt(discard);
try {
  await interruptible(check);
  process.stderr.write("[package] all good\n");
} catch (error) {
  process.stderr.write(`[package] ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
} finally {
  forget();
  discard();
}
