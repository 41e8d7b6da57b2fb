// @ts-check
import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { SetupError } from "./errors.mjs";
import { run } from "./processes.mjs";
import { hashFiles, readJson, stampMatches, writeJson } from "./stamps.mjs";
import { demandBuildTools, findCompiler } from "./tools.mjs";

/**
 * @typedef {import("./reporter.mjs").Reporter} Reporter
 * @typedef {import("./libtorch.mjs").Libtorch} Libtorch
 */

/**
 * Builds the addon with CMake into `build/riverrun.node`, unless one is there that was made from the same sources,
 * libtorch and compiler and can be loaded. Writes `build/libtorch.json`, which says what it was built against. A build
 * that fails leaves the addon of before with its stamp: the new one is made aside and takes its place when it has been
 * loaded once.
 *
 * @param {Reporter} reporter
 * @param {string} root
 * @param {Libtorch} libtorch
 */
export async function buildAddon(reporter, root, libtorch) {
  const buildFolder = path.join(root, "build");
  const addon = path.join(buildFolder, "riverrun.node");
  const aside = path.join(buildFolder, "new");
  const stampFile = path.join(buildFolder, "addon-stamp.json");
  const record = path.join(buildFolder, "libtorch.json");
  const headers = nodeApiHeaders(root);
  const sources = hashFiles(root, ["native"]);
  /** @param {string | undefined} compiler */
  const stampOf = (compiler) => ({
    sources,
    libtorch: { path: libtorch.path, version: libtorch.version },
    headers: headers.version,
    platform: `${process.platform}-${process.arch}`,
    compiler,
  });
  // A compiler that has gone since does not make the addon stale.
  const compilerThen = compilerOf(readJson(stampFile));
  const compilerNow = findCompiler()?.version ?? compilerThen;
  if (!(stampMatches(stampFile, stampOf(compilerNow)) && (await isWhole(reporter, addon, libtorch)))) {
    const { compiler, cmake, generator } = await demandBuildTools(reporter);
    await reporter.step(`addon: building for libtorch ${libtorch.version} with ${compiler.version}`, async () => {
      const folder = binaryFolder(buildFolder, generator);
      const options = { cwd: root, log: (/** @type {string} */ text) => reporter.log(text) };
      /** @param {boolean} collectives */
      const build = async (collectives) => {
        fs.rmSync(aside, { recursive: true, force: true }); // A killed link may have left half of it.
        const configured = await run(
          cmake,
          ["-S", path.join(root, "native"), "-B", folder, "-G", generator, "-DCMAKE_BUILD_TYPE=Release"]
            .concat([`-DCMAKE_CXX_COMPILER=${compiler.command}`, `-DTORCH_ROOT=${libtorch.path}`])
            .concat([`-DRIVERRUN_OUTPUT=${aside}`])
            .concat([`-DNODE_API_HEADERS=${headers.folder}`, `-DRIVERRUN_COLLECTIVES=${collectives ? "ON" : "OFF"}`])
            // Nearly all of the time goes into libtorch's headers: read once for all files, it is a sixth.
            .concat(["-DCMAKE_UNITY_BUILD=ON", "-DCMAKE_UNITY_BUILD_BATCH_SIZE=0"]),
          options,
        );
        if (configured.code !== 0) throw new SetupError("CMake could not configure the addon", configured.tail);
        const built = await run(cmake, ["--build", folder, "--parallel"], options);
        if (built.code !== 0)
          throw new SetupError("the addon could not be compiled", errorsFirst(built.output, built.tail));
        await demandLoadable(reporter, path.join(aside, "riverrun.node"), libtorch);
      };
      try {
        await build(true);
      } catch (error) {
        // A libtorch without c10d, or with another one, still trains in one process. What fails for other reasons (no
        // memory for the compiler, a damaged libtorch) would fail again, or leave an addon that lacks them for good.
        if (!(error instanceof SetupError) || !isOfCollectives(error)) throw error;
        reporter.log(`${error.message}\nonce more, without collectives\n`);
        await build(false);
        reporter.say("the addon was built without collectives: this libtorch trains in one process only");
      }
      // A new addon with the old stamp is built once more; an old one with the new stamp would stay.
      moveInto(buildFolder, aside);
      writeJson(stampFile, stampOf(compiler.version));
    });
  }
  if (!stampMatches(record, libtorch)) writeJson(record, libtorch);
}

/**
 * Does a failed build name what only collectives need?
 *
 * @param {SetupError} error
 */
function isOfCollectives({ message, details }) {
  return [message, ...details].some((line) => /c10d|gloo|nccl|processGroup/i.test(line));
}

/**
 * Puts every file of a folder in the place of that of its name; the addon comes last, since it loads the others.
 *
 * @param {string} target
 * @param {string} folder removed afterwards
 */
function moveInto(target, folder) {
  const names = fs.readdirSync(folder).sort((a, b) => Number(a.endsWith(".node")) - Number(b.endsWith(".node")));
  for (const name of names) fs.renameSync(path.join(folder, name), path.join(target, name));
  fs.rmdirSync(folder);
}

/**
 * @param {unknown} stamp
 * @returns {string | undefined}
 */
function compilerOf(stamp) {
  return typeof stamp === "object" && stamp !== null && "compiler" in stamp && typeof stamp.compiler === "string"
    ? stamp.compiler
    : undefined;
}

/**
 * CMake's own folder, kept between builds so that only what changed is compiled; emptied when the generator changes,
 * which CMake does not allow.
 *
 * @param {string} build
 * @param {string} generator
 */
function binaryFolder(build, generator) {
  const folder = path.join(build, "cmake");
  const cache = path.join(folder, "CMakeCache.txt");
  const text = fs.existsSync(cache) ? fs.readFileSync(cache, "utf8") : "";
  const keeps =
    text.includes(`CMAKE_GENERATOR:INTERNAL=${generator}\n`) &&
    text.includes(`CMAKE_CACHEFILE_DIR:INTERNAL=${folder}\n`);
  if (!keeps) fs.rmSync(folder, { recursive: true, force: true });
  return folder;
}

/**
 * Where the npm package with the headers of Node-API lies.
 *
 * @param {string} root
 */
function nodeApiHeaders(root) {
  const require = createRequire(path.join(root, "package.json"));
  try {
    const manifest = require.resolve("node-api-headers/package.json");
    const { version } = /** @type {{ version: string }} */ (JSON.parse(fs.readFileSync(manifest, "utf8")));
    return { folder: path.join(path.dirname(manifest), "include"), version };
  } catch {
    throw new SetupError(
      "the npm package node-api-headers is missing: run npm install in the folder that depends on riverrun",
    );
  }
}

/**
 * The lines around the compiler's first errors, which its last lines often are not.
 *
 * @param {string} output
 * @param {string[]} tail what to give when no line names an error
 * @returns {string[]}
 */
export function errorsFirst(output, tail) {
  const lines = output.split("\n");
  const first = lines.findIndex((line) => /\berror\b|undefined reference/i.test(line));
  return first < 0 ? tail : lines.slice(first, first + 30);
}

/**
 * Is the addon there, and can it be loaded? One that was cut short or overwritten carries the right stamp all the same.
 *
 * @param {Reporter} reporter
 * @param {string} addon
 * @param {Libtorch} libtorch
 * @throws SetupError where it is its libtorch that is damaged, which building it again would not mend
 */
async function isWhole(reporter, addon, libtorch) {
  if (!fs.existsSync(addon)) return false;
  const fault = await loadingFault(reporter, addon);
  if (fault === undefined) return true;
  refuseDamaged(libtorch, fault);
  reporter.say(`the addon in ${path.dirname(addon)} cannot be loaded (${fault.reason}): building it again`);
  return false;
}

/**
 * Demands that the addon can be loaded, so that a library it does not find is told now and not at first use.
 *
 * @param {Reporter} reporter
 * @param {string} addon
 * @param {Libtorch} libtorch
 */
async function demandLoadable(reporter, addon, libtorch) {
  if (!fs.existsSync(addon)) throw new SetupError(`CMake ended well but ${addon} is not there`);
  const fault = await loadingFault(reporter, addon);
  if (fault === undefined) return;
  refuseDamaged(libtorch, fault);
  throw new SetupError(
    `the addon was built but cannot be loaded (${fault.reason}): set LIBTORCH to another libtorch, or unset it to have one downloaded`,
    fault.tail,
  );
}

/**
 * Loads the addon in a process of its own, which takes a third of a second; what is wrong where that fails. A file that
 * was cut short ends the process by a signal.
 *
 * @typedef {{ reason: string, tail: string[] }} Fault
 * @param {Reporter} reporter
 * @param {string} addon
 * @returns {Promise<Fault | undefined>}
 */
async function loadingFault(reporter, addon) {
  const { code, output, tail } = await run(process.execPath, ["-e", "require(process.argv[1])", addon], {
    log: (text) => reporter.log(text),
  });
  return code === 0 ? undefined : { reason: /Error: (.*)/.exec(output)?.[1] ?? `exit code ${code}`, tail };
}

/**
 * @param {Libtorch} libtorch
 * @param {Fault} fault
 * @throws SetupError where the loader names a library of libtorch that is there: it is damaged
 */
function refuseDamaged({ path: folder, source }, { reason, tail }) {
  const file = reason.slice(0, reason.search(/: |$/));
  if (!file.startsWith(path.join(folder, path.sep)) || !fs.existsSync(file)) return;
  const remedy =
    source === "cache"
      ? `remove ${path.dirname(folder)} and run the same command again, which downloads it`
      : source === "python"
        ? "install python3's torch again, or set LIBTORCH to another libtorch"
        : "set LIBTORCH to another libtorch, or unset it to have one downloaded";
  throw new SetupError(`libtorch is damaged (${reason}): ${remedy}`, tail);
}
