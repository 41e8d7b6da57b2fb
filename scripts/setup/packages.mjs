// @ts-check
import fs from "node:fs";
import path from "node:path";
import { SetupError } from "./errors.mjs";
import { findProgram, run } from "./processes.mjs";
import { hashFiles, readJson, stampMatches, writeJson } from "./stamps.mjs";

/** @typedef {import("./reporter.mjs").Reporter} Reporter */

/**
 * Are the installed packages those of the lock file? npm writes what it installed into `node_modules`; packages that
 * are optional (other platforms' binaries) may be absent.
 *
 * @param {unknown} wanted package-lock.json
 * @param {unknown} installed node_modules/.package-lock.json
 * @returns {boolean}
 */
export function sameInstallation(wanted, installed) {
  const want = packagesOf(wanted);
  const have = packagesOf(installed);
  if (want === undefined || have === undefined) return false;
  return Object.entries(want).every(([place, entry]) => {
    if (place === "") return true;
    const other = have[place];
    return other === undefined ? entry.optional === true : other.version === entry.version;
  });
}

/**
 * @param {unknown} lock
 * @returns {Record<string, { version?: string, optional?: boolean }> | undefined}
 */
function packagesOf(lock) {
  if (typeof lock !== "object" || lock === null || !("packages" in lock)) return undefined;
  const { packages } = lock;
  return typeof packages === "object" && packages !== null
    ? /** @type {Record<string, { version?: string, optional?: boolean }>} */ (packages)
    : undefined;
}

/** What npm says where another process writes beside it. */
const inTheWay = /npm (ERR!|error) code (ENOTEMPTY|EEXIST|ENOENT)/;

/**
 * Installs the npm packages of a clone as its lock file names them, unless they are there.
 *
 * @param {Reporter} reporter
 * @param {string} root
 */
export async function installNpmPackages(reporter, root) {
  const modules = path.join(root, "node_modules");
  const stampFile = path.join(modules, ".riverrun-setup.json");
  const stamp = { packageLock: hashFiles(root, ["package-lock.json"]) };
  if (stampMatches(stampFile, stamp)) return;
  const hidden = readJson(path.join(modules, ".package-lock.json"));
  if (!sameInstallation(readJson(path.join(root, "package-lock.json")), hidden)) {
    await reporter.step("npm packages: npm ci", async () => {
      // The npm that runs us, if it does, else the one on the PATH.
      const npm = process.env.npm_execpath?.endsWith("npm-cli.js") ? process.env.npm_execpath : undefined;
      if (npm === undefined && findProgram(["npm"]) === undefined)
        throw new SetupError(
          "npm is missing: install it with Node.js (https://nodejs.org) and run the same command again",
        );
      // No package of ours needs its install script, so none is run.
      const args = ["ci", "--ignore-scripts", "--include=dev", "--no-audit", "--no-fund", "--no-update-notifier"];
      const options = { cwd: root, log: (/** @type {string} */ text) => reporter.log(text) };
      const install = () =>
        npm === undefined ? run("npm", args, options) : run(process.execPath, [npm, ...args], options);
      let { code, tail } = await install();
      // The npm of a set-up that was killed outlives it by some seconds and writes into the folders that ours removes.
      if (code !== 0 && tail.some((line) => inTheWay.test(line))) ({ code, tail } = await install());
      if (code !== 0)
        throw new SetupError(
          "npm ci failed: check the network (or npm's settings) and run the same command again",
          tail,
        );
    });
  }
  fs.mkdirSync(modules, { recursive: true });
  writeJson(stampFile, stamp);
}
