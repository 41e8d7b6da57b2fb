// @ts-check
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { SetupError } from "./errors.mjs";
import { ask } from "./processes.mjs";
import { readJson } from "./stamps.mjs";
import { LIBTORCH_VERSION, OLDEST_LIBTORCH } from "./wheels.mjs";

/**
 * @typedef {{ path: string, version: string, source: "LIBTORCH" | "python" | "cache" }} Libtorch a folder with lib/
 *   and include/, its version, and where it was found
 */

/** The file that says that a libtorch of the cache is whole: written last, before the folder gets its name. */
export const MARKER = "riverrun.json";

/** The library that everything is reached through. */
const CORE_LIBRARY = process.platform === "darwin" ? "libtorch_cpu.dylib" : "libtorch_cpu.so";

/**
 * The per-user cache of riverrun, shared by all clones: `$XDG_CACHE_HOME/riverrun`, else `~/.cache/riverrun`.
 *
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {string}
 */
export function cacheFolder(env = process.env) {
  const base = env.XDG_CACHE_HOME;
  // The XDG specification has relative paths ignored.
  return path.join(base !== undefined && path.isAbsolute(base) ? base : path.join(os.homedir(), ".cache"), "riverrun");
}

/**
 * The folder of the cache that the pinned libtorch lies in.
 *
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {string}
 */
export function cachedLibtorch(env = process.env) {
  return path.join(cacheFolder(env), `libtorch-${LIBTORCH_VERSION}`);
}

/**
 * The version that the headers of a libtorch state, such as "2.15.0"; undefined when they state none.
 *
 * @param {string} root the folder with lib/ and include/
 * @returns {string | undefined}
 */
export function readLibtorchVersion(root) {
  // Since 2.10 the macros live in headeronly/; the older file then only includes it.
  for (const header of ["torch/headeronly/version.h", "torch/csrc/api/include/torch/version.h"]) {
    const version = versionOfHeader(readText(path.join(root, "include", header)));
    if (version !== undefined) return version;
  }
  return /^\d+\.\d+\.\d+/.exec(readText(path.join(root, "build-version")))?.[0];
}

/**
 * @param {string} text of version.h
 * @returns {string | undefined}
 */
export function versionOfHeader(text) {
  const numbers = ["MAJOR", "MINOR", "PATCH"].map(
    (part) => new RegExp(`^#define\\s+TORCH_VERSION_${part}\\s+(\\d+)\\s*$`, "m").exec(text)?.[1],
  );
  return numbers.includes(undefined) ? undefined : numbers.join(".");
}

/**
 * @param {string} version
 * @returns {boolean} whether the addon compiles against it
 */
export function isLibtorchNewEnough(version) {
  const [major, minor] = version.split(".").map(Number);
  return major > OLDEST_LIBTORCH[0] || (major === OLDEST_LIBTORCH[0] && minor >= OLDEST_LIBTORCH[1]);
}

/**
 * Looks at a folder that should hold a libtorch.
 *
 * @param {string} root
 * @returns {{ version: string } | { fault: string }} its version, or what is wrong with it
 */
export function inspectLibtorch(root) {
  for (const part of [path.join("lib", CORE_LIBRARY), "include"]) {
    if (!fs.existsSync(path.join(root, part))) return { fault: `it has no ${part}` };
  }
  const version = readLibtorchVersion(root);
  if (version === undefined) return { fault: "its headers state no version (include/torch/version.h)" };
  if (!isLibtorchNewEnough(version))
    return { fault: `it is version ${version}, and ${OLDEST_LIBTORCH.join(".")} is the oldest that works` };
  return { version };
}

/**
 * Is the libtorch of the cache whole: does it carry its marker, and have the files the sizes that the marker tells?
 *
 * @param {string} folder such as `~/.cache/riverrun/libtorch-2.15.0`
 * @returns {boolean}
 */
export function isWhole(folder) {
  const marker = readJson(path.join(folder, MARKER));
  if (typeof marker !== "object" || marker === null || !("version" in marker) || !("files" in marker)) return false;
  const { version, files } = marker;
  if (version !== LIBTORCH_VERSION || typeof files !== "object" || files === null) return false;
  const entries = Object.entries(files);
  return (
    entries.length > 0 &&
    entries.every(([file, size]) => fs.statSync(path.join(folder, file), { throwIfNoEntry: false })?.size === size)
  );
}

/**
 * The folder of the `torch` that `python3` would import, without importing it (which takes seconds).
 *
 * @returns {string | undefined}
 */
export function torchOfPython() {
  const program =
    "import importlib.util as u; s = u.find_spec('torch'); print(list(s.submodule_search_locations or [''])[0] if s else '')";
  const answer = ask("python3", ["-c", program]);
  return answer === undefined || answer === "" ? undefined : answer;
}

/**
 * Searches a libtorch: the environment's `LIBTORCH`, the torch of `python3` if it is new enough, the per-user cache.
 *
 * @param {{ env?: NodeJS.ProcessEnv, pythonTorch?: () => string | undefined, note?: (text: string) => void }} [options]
 *   `note` is told why a torch of Python is passed over
 * @returns {Libtorch | undefined} undefined: it is to be downloaded
 * @throws SetupError when `LIBTORCH` is set and does not lead to a libtorch that works
 */
export function findLibtorch({ env = process.env, pythonTorch = torchOfPython, note = () => {} } = {}) {
  if (env.LIBTORCH !== undefined && env.LIBTORCH !== "") {
    const root = path.resolve(env.LIBTORCH);
    const found = inspectLibtorch(root);
    if ("fault" in found)
      throw new SetupError(
        `LIBTORCH=${env.LIBTORCH} cannot be used: ${found.fault}; point it to the folder that holds libtorch's lib/ and include/, or unset it`,
      );
    return { path: root, version: found.version, source: "LIBTORCH" };
  }
  const torch = pythonTorch();
  if (torch !== undefined) {
    const found = inspectLibtorch(torch);
    if ("version" in found) return { path: torch, version: found.version, source: "python" };
    note(`the torch of python3 (${torch}) is passed over: ${found.fault}`);
  }
  const cache = cachedLibtorch(env);
  return isWhole(cache) ? { path: path.join(cache, "torch"), version: LIBTORCH_VERSION, source: "cache" } : undefined;
}

/** @param {string} file */
function readText(file) {
  try {
    return fs.readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
