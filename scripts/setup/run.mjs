// @ts-check
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { buildAddon } from "./addon.mjs";
import { compileSources } from "./compile.mjs";
import { downloadLibtorch, throwAwayPartials } from "./download.mjs";
import { messageOf, SetupError } from "./errors.mjs";
import { cacheFolder, findLibtorch } from "./libtorch.mjs";
import { withLock } from "./lock.mjs";
import { installNpmPackages } from "./packages.mjs";
import { interruptible } from "./processes.mjs";
import { Reporter } from "./reporter.mjs";
import { demandPythonWithPip } from "./tools.mjs";

/** The folder of riverrun's package.json: a clone, or an installed package. */
export const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..", "..");

const SOURCES = { LIBTORCH: "LIBTORCH", python: "python3's torch", cache: "the cache" };

/**
 * Makes riverrun ready to run: npm packages and dist/ (in a clone), libtorch, the addon. Skips what is in place.
 * Two set-ups at once do no harm: the second waits and finds the work done.
 *
 * @param {{ root?: string, verbose?: boolean, addon?: boolean }} [options] `addon` false: only npm packages and dist/
 * @throws SetupError when a step cannot go on
 */
export async function setUp({ root = ROOT, verbose = false, addon = true } = {}) {
  const reporter = new Reporter({ verbose });
  if (process.platform !== "linux" && process.platform !== "darwin")
    throw new SetupError(
      `riverrun runs on Linux and macOS, not on ${process.platform}: on Windows use the Windows Subsystem for Linux`,
    );
  const isClone = fs.existsSync(path.join(root, "package-lock.json")) && fs.existsSync(path.join(root, "src"));
  const start = Date.now();
  await interruptible(() =>
    withLock(
      path.join(root, "build", "setup.lock"),
      (owner) =>
        reporter.say(
          `another set-up of this folder runs${owner ? ` (process ${owner.pid} on ${owner.host})` : ""}: waiting for it`,
        ),
      async () => {
        reporter.openLog(path.join(root, "build", "setup.log"));
        try {
          // The network and the compilers take turns in being the slower half, so what can go side by side does.
          const [, libtorch] = await bothOf(
            isClone ? installNpmPackages(reporter, root) : undefined,
            addon ? provideLibtorch(reporter) : undefined,
          );
          await bothOf(
            libtorch ? buildAddon(reporter, root, libtorch) : undefined,
            isClone ? compileSources(reporter, root) : undefined,
          );
          const took = reporter.worked ? ` after ${((Date.now() - start) / 1000).toFixed(1)} s` : "";
          const which = libtorch ? ` (libtorch ${libtorch.version} from ${SOURCES[libtorch.source]})` : "";
          reporter.say(`ready${took}${which}`);
        } finally {
          reporter.closeLog();
        }
      },
    ),
  );
}

/**
 * Waits until both are over, then gives their results or throws the first's error: nothing goes on after a failure.
 *
 * @template A, B
 * @param {Promise<A> | undefined} first
 * @param {Promise<B> | undefined} second
 * @returns {Promise<[A | undefined, B | undefined]>}
 */
async function bothOf(first, second) {
  await Promise.allSettled([first, second]);
  return [await first, await second];
}

/** @param {Reporter} reporter */
async function provideLibtorch(reporter) {
  const found = findLibtorch({ note: (text) => reporter.log(`${text}\n`) });
  if (found !== undefined) {
    throwAwayPartials(cacheFolder());
    return found;
  }
  await downloadLibtorch(reporter, (work) => demandPythonWithPip(reporter, work));
  const downloaded = findLibtorch();
  if (downloaded === undefined)
    throw new SetupError(
      `libtorch was downloaded into ${cacheFolder()} and is not whole there: run the same command again`,
    );
  return downloaded;
}

/**
 * Sets up, and ends the process with exit code 1 and one clear line (after the failed tool's last lines) when that
 * fails.
 *
 * @param {{ root?: string, verbose?: boolean, addon?: boolean }} [options] `addon` false: only npm packages and dist/
 */
export async function setUpOrExit(options = {}) {
  try {
    await setUp(options);
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    for (const line of error.details) process.stderr.write(`  ${line}\n`);
    const log = path.join(options.root ?? ROOT, "build", "setup.log");
    process.stderr.write(
      `riverrun set-up failed: ${messageOf(error)}${error.details.length > 0 ? ` (all output: ${log})` : ""}\n`,
    );
    process.exit(1);
  }
}
