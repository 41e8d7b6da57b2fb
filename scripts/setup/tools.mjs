// @ts-check
import fs from "node:fs";
import path from "node:path";
import { SetupError } from "./errors.mjs";
import { cacheFolder } from "./libtorch.mjs";
import { withLock } from "./lock.mjs";
import { ask, findProgram, run } from "./processes.mjs";

/**
 * @typedef {import("./reporter.mjs").Reporter} Reporter
 * @typedef {{ command: string, version: string }} Compiler
 * @typedef {{ compiler: Compiler, cmake: string, generator: string }} BuildTools
 */

/** Oldest major versions that compile C++20 as the addon uses it. */
const OLDEST_GCC = 11;
const OLDEST_CLANG = 14;
const OLDEST_CMAKE = [3, 18];

/**
 * The compiler's name and version, from what it prints for `--version`.
 *
 * @param {string} text such as "g++ (Debian 12.2.0-14) 12.2.0 ..." or "Apple clang version 15.0.0 (...)"
 * @returns {{ name: "gcc" | "clang", version: string } | undefined}
 */
export function parseCompilerVersion(text) {
  const first = text.split("\n")[0];
  const clang = /clang version (\d+[.\d]*)/.exec(first);
  if (clang) return { name: "clang", version: clang[1] };
  // The version follows the distribution's own in brackets; some put a date after it.
  const gcc = /(?:^|\s)(\d+\.\d+(?:\.\d+)?)(?:\s|$)/.exec(first.replace(/\([^)]*\)/g, " "));
  return gcc && /Free Software Foundation/.test(text) ? { name: "gcc", version: gcc[1] } : undefined;
}

/**
 * A C++20 compiler: `CXX` where it is set, else the first new enough of the usual names.
 *
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {Compiler | undefined}
 */
export function findCompiler(env = process.env) {
  const numbered = [15, 14, 13, 12, 11].map((major) => `g++-${major}`);
  const clangs = [20, 19, 18, 17, 16, 15, 14].map((major) => `clang++-${major}`);
  const names = env.CXX ? [env.CXX] : ["g++", "c++", "clang++", ...numbered, ...clangs];
  for (const command of names) {
    if (findProgram([command]) === undefined) continue;
    const found = parseCompilerVersion(ask(command, ["--version"]) ?? "");
    if (found === undefined) continue;
    const major = Number.parseInt(found.version, 10);
    if (major >= (found.name === "gcc" ? OLDEST_GCC : OLDEST_CLANG)) {
      return { command, version: `${found.name} ${found.version}` };
    }
  }
  return undefined;
}

/** @returns {string | undefined} the command of a CMake that is new enough */
function findCmake() {
  if (findProgram(["cmake"]) === undefined) return undefined;
  const version = /version (\d+)\.(\d+)/.exec(ask("cmake", ["--version"]) ?? "");
  if (version === null) return undefined;
  const [major, minor] = [Number(version[1]), Number(version[2])];
  return major > OLDEST_CMAKE[0] || (major === OLDEST_CMAKE[0] && minor >= OLDEST_CMAKE[1]) ? "cmake" : undefined;
}

/** @returns {string | undefined} the CMake generator for the build program that is there */
function findGenerator() {
  if (findProgram(["ninja"])) return "Ninja";
  return findProgram(["make"]) ? "Unix Makefiles" : undefined;
}

/** @returns {string | undefined} a Python that has pip */
function findPythonWithPip() {
  return ["python3", "/usr/bin/python3"].find(
    (python) => findProgram([python]) !== undefined && ask(python, ["-m", "pip", "--version"]) !== undefined,
  );
}

/**
 * Compiler, CMake and make or ninja; installs what is missing where the system lets us.
 *
 * @param {Reporter} reporter
 * @returns {Promise<BuildTools>}
 */
export async function demandBuildTools(reporter) {
  const look = () => ({ compiler: findCompiler(), cmake: findCmake(), generator: findGenerator() });
  let { compiler, cmake, generator } = look();
  if (!compiler || !cmake || !generator) {
    const packages = [...(compiler ? [] : ["g++"]), ...(cmake ? [] : ["cmake"]), ...(generator ? [] : ["make"])];
    await installPackages(reporter, packages);
    ({ compiler, cmake, generator } = look());
  }
  if (!compiler)
    throw new SetupError(hint(`a C++20 compiler (g++ ${OLDEST_GCC} or clang ${OLDEST_CLANG}, or newer)`, ["g++"]));
  if (!cmake) throw new SetupError(hint(`CMake ${OLDEST_CMAKE.join(".")} or newer`, ["cmake"]));
  if (!generator) throw new SetupError(hint("make or ninja", ["make"]));
  return { compiler, cmake, generator };
}

/**
 * A Python that has pip, for the download of libtorch. The user's own Python is never changed: where it has no pip,
 * a private environment below `work` is tried, then the system's packages.
 *
 * @param {Reporter} reporter
 * @param {string} work a folder for the private environment
 * @returns {Promise<string>}
 */
export async function demandPythonWithPip(reporter, work) {
  const present = findPythonWithPip() ?? (await privatePython(reporter, work));
  if (present !== undefined) return present;
  await installPackages(reporter, ["python3", "python3-pip", "python3-venv"]);
  const installed = findPythonWithPip();
  if (installed === undefined) throw new SetupError(hint("python3 with pip", ["python3", "python3-pip"]));
  return installed;
}

/**
 * @param {Reporter} reporter
 * @param {string} work
 * @returns {Promise<string | undefined>}
 */
async function privatePython(reporter, work) {
  if (findProgram(["python3"]) === undefined) return undefined;
  const folder = path.join(work, "python");
  const { code } = await run("python3", ["-m", "venv", folder], { log: (text) => reporter.log(text) });
  return code === 0 ? findProgram([path.join(folder, "bin", "python3")]) : undefined;
}

/** @returns {string[] | undefined} the beginning of a command that may install packages; undefined: we may not */
function installer() {
  if (findProgram(["apt-get"]) === undefined) return undefined;
  if (process.getuid?.() === 0) return ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"];
  const sudo = findProgram(["sudo"]) !== undefined && ask("sudo", ["-n", "true"]) !== undefined;
  return sudo ? ["sudo", "-n", "env", "DEBIAN_FRONTEND=noninteractive", "apt-get"] : undefined;
}

/**
 * Installs packages with apt-get.
 *
 * @param {Reporter} reporter
 * @param {string[]} packages names of Debian and Ubuntu
 */
async function installPackages(reporter, packages) {
  const command = installer();
  if (command === undefined) throw new SetupError(hint(packages.join(", "), packages));
  const options = { log: (/** @type {string} */ text) => reporter.log(text) };
  const [program, ...before] = command;
  const lock = ["-o", "DPkg::Lock::Timeout=300"];
  await withLock(
    path.join(cacheFolder(), "packages.lock"),
    () => reporter.say("another set-up installs system packages: waiting for it"),
    () =>
      reporter.step(`system packages: installing ${packages.join(" ")} with apt-get`, async () => {
        for (let attempt = 1; ; attempt++) {
          const update = await run(program, [...before, "update", ...lock], options);
          const install = await run(
            program,
            [...before, "install", "-y", "--no-install-recommends", ...lock, ...packages],
            options,
          );
          if (install.code === 0) return;
          if (attempt === 2) {
            const why = update.code === 0 ? "" : " (its package lists could not be updated either)";
            throw new SetupError(
              `apt-get could not install ${packages.join(" ")}${why}: install them yourself and run the same command again`,
              install.tail,
            );
          }
        }
      }),
  );
}

/**
 * One line that says what is missing and how this system installs it.
 *
 * @param {string} what
 * @param {string[]} packages names of Debian and Ubuntu
 * @param {NodeJS.Platform} [platform]
 * @param {string} [release] the text of /etc/os-release
 * @returns {string}
 */
export function hint(what, packages, platform = process.platform, release = readRelease()) {
  return `${what} is missing: ${advice(packages, platform, release)}, then run the same command again`;
}

/**
 * @param {string[]} packages
 * @param {NodeJS.Platform} platform
 * @param {string} release
 */
function advice(packages, platform, release) {
  if (platform === "darwin") return "xcode-select --install && brew install cmake python";
  if (platform === "win32") return "riverrun runs on Linux and macOS; use the Windows Subsystem for Linux";
  const ids = /^ID(?:_LIKE)?=(.*)$/gm;
  const family = [...release.matchAll(ids)].map((match) => match[1]).join(" ");
  const fedora = packages.map((name) => (name === "g++" ? "gcc-c++" : name)).filter((name) => name !== "python3-venv");
  if (/debian|ubuntu/.test(family)) return `as root, apt-get install ${packages.join(" ")}`;
  if (/fedora|rhel|centos/.test(family)) return `as root, dnf install ${fedora.join(" ")}`;
  if (/arch/.test(family)) return "as root, pacman -S gcc cmake make python-pip";
  if (/suse/.test(family)) return `as root, zypper install ${fedora.join(" ")}`;
  if (/alpine/.test(family)) return "PyTorch has no build for Alpine's C library; use a Debian or Ubuntu system";
  return "install g++ 11 or clang 14, CMake 3.18, make and python3 with pip by your system's package manager";
}

function readRelease() {
  try {
    return fs.readFileSync("/etc/os-release", "utf8");
  } catch {
    return "";
  }
}
