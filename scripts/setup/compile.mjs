// @ts-check
import fs from "node:fs";
import path from "node:path";
import { SetupError } from "./errors.mjs";
import { run } from "./processes.mjs";
import { filesBelow, hashFiles, stampMatches, writeJson } from "./stamps.mjs";

/** @typedef {import("./reporter.mjs").Reporter} Reporter */

const INPUTS = ["src", "tsconfig.json", "tsconfig.build.json", "package-lock.json"];
const PROGRAM = "cli/main.js";

/**
 * The file of dist/ that a file of src/ becomes.
 *
 * @param {string} source relative to src/
 * @returns {string} relative to dist/
 */
export function outputOf(source) {
  return source.endsWith(".d.ts") ? source : source.replace(/\.ts$/, ".js");
}

/**
 * Which files of dist/ come from no file of src/ any more?
 *
 * @param {readonly string[]} sources relative to src/
 * @param {readonly string[]} outputs relative to dist/
 * @returns {string[]}
 */
export function orphans(sources, outputs) {
  const expected = new Set(sources.map(outputOf));
  return outputs.filter(
    (file) =>
      !file.startsWith(".") && !expected.has(file.replace(/\.d\.ts(\.map)?$/, ".js").replace(/\.js\.map$/, ".js")),
  );
}

/**
 * Compiles src/ into dist/ unless dist/ was made from the same sources, and makes `npx riverrun` work in the clone.
 *
 * @param {Reporter} reporter
 * @param {string} root
 */
export async function compileSources(reporter, root) {
  const source = path.join(root, "src");
  const dist = path.join(root, "dist");
  const stampFile = path.join(dist, ".stamp.json");
  const stamp = { inputs: hashFiles(root, INPUTS) };
  const sources = filesBelow(source);
  const isComplete = sources.every((file) => file.endsWith(".d.ts") || fs.existsSync(path.join(dist, outputOf(file))));
  if (!isComplete || !stampMatches(stampFile, stamp)) {
    await reporter.step("TypeScript: compiling src/ into dist/", async () => {
      fs.rmSync(stampFile, { force: true });
      // What the compiler remembers must not make it skip a file that is gone.
      if (!isComplete) fs.rmSync(path.join(dist, ".tsbuildinfo"), { force: true });
      const compiler = path.join(root, "node_modules", "typescript", "bin", "tsc");
      const { code, tail } = await run(process.execPath, [compiler, "-p", "tsconfig.build.json", "--pretty", "false"], {
        cwd: root,
        log: (text) => reporter.log(text),
      });
      if (code !== 0) throw new SetupError("src/ does not compile", tail);
      for (const file of orphans(sources, filesBelow(dist))) fs.rmSync(path.join(dist, file), { force: true });
      for (const file of sources.filter((name) => !name.endsWith(".ts"))) {
        fs.mkdirSync(path.dirname(path.join(dist, file)), { recursive: true });
        fs.copyFileSync(path.join(source, file), path.join(dist, file));
      }
      writeJson(stampFile, stamp);
    });
  }
  linkProgram(root);
}

/**
 * Makes the program executable and links it where `npx` looks first.
 *
 * @param {string} root
 */
function linkProgram(root) {
  const program = path.join(root, "dist", PROGRAM);
  if (!fs.existsSync(program)) return;
  fs.chmodSync(program, 0o755);
  const link = path.join(root, "node_modules", ".bin", "riverrun");
  const target = path.join("..", "..", "dist", PROGRAM);
  const present = fs.lstatSync(link, { throwIfNoEntry: false });
  if (present?.isSymbolicLink() && fs.readlinkSync(link) === target) return;
  fs.mkdirSync(path.dirname(link), { recursive: true });
  fs.rmSync(link, { force: true });
  fs.symlinkSync(target, link);
}
