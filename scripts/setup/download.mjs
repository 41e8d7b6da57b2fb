// @ts-check
import { randomUUID } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { messageOf, SetupError } from "./errors.mjs";
import { cachedLibtorch, cacheFolder, isWhole, MARKER } from "./libtorch.mjs";
import { isAlive, withLock } from "./lock.mjs";
import { onInterrupt, run } from "./processes.mjs";
import { filesBelow } from "./stamps.mjs";
import { LIBTORCH_VERSION, pinFor, requirementsOf } from "./wheels.mjs";

/**
 * @typedef {import("./reporter.mjs").Reporter} Reporter
 * @typedef {import("./wheels.mjs").Pin} Pin
 */

/** What pip and the unpacked files need at their peak. */
const SPACE_MB_BESIDE_WHEELS = 1200;
const PARTIAL = "partial-";

// Unpacks what is kept of the wheels, and writes everything to the disk. Arguments as JSON on standard input.
const UNPACK = `
import glob, json, os, re, sys, zipfile
task = json.load(sys.stdin)
parent = os.getppid()
keep = re.compile("(?:" + "|".join(task["keep"]) + r")\\Z")
for wheel in sorted(glob.glob(os.path.join(task["wheels"], "*.whl"))):
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.infolist():
            if os.getppid() != parent:
                sys.exit("the set-up that started this is gone")
            if keep.match(member.filename) and ".." not in member.filename.split("/"):
                archive.extract(member, task["into"])
if hasattr(os, "sync"):
    os.sync()
`;

/**
 * Downloads the pinned libtorch into the per-user cache, unless another set-up does so first. The folder appears
 * there whole, by one rename; what a killed set-up leaves beside it is thrown away by the next.
 *
 * @param {Reporter} reporter
 * @param {(work: string) => Promise<string>} findPython gives a python3 that has pip; asked only when there is
 *   something to download, with a folder that it may use meanwhile
 */
export async function downloadLibtorch(reporter, findPython) {
  const pin = pinFor(process.platform, process.arch);
  if (pin === undefined)
    throw new SetupError(
      `no libtorch is pinned for ${process.platform} on ${process.arch}: install PyTorch 2.6 or newer for python3, or set LIBTORCH to a folder with libtorch's lib/ and include/`,
    );
  const target = cachedLibtorch();
  await withLock(
    path.join(cacheFolder(), `libtorch-${LIBTORCH_VERSION}.lock`),
    (owner) =>
      reporter.say(
        `another set-up${owner ? ` (process ${owner.pid} on ${owner.host})` : ""} downloads libtorch: waiting for it`,
      ),
    async () => {
      if (isWhole(target)) return;
      throwAwayPartials(cacheFolder());
      await demandSpace(cacheFolder(), pin.megabytes + SPACE_MB_BESIDE_WHEELS);
      const work = path.join(cacheFolder(), `${PARTIAL}${os.hostname()}-${process.pid}-${randomUUID()}`);
      const discard = () => fs.rmSync(work, { recursive: true, force: true });
      const forget = onInterrupt(discard);
      try {
        const python = await findPython(work);
        await fetchWheels(reporter, python, pin, work);
        await unpack(reporter, python, pin, work);
        putInPlace(path.join(work, "libtorch"), target);
      } finally {
        forget();
        discard();
      }
    },
  );
}

/**
 * @param {Reporter} reporter
 * @param {string} python
 * @param {Pin} pin
 * @param {string} work
 */
async function fetchWheels(reporter, python, pin, work) {
  const wheels = path.join(work, "wheels");
  const temporary = path.join(work, "tmp");
  fs.mkdirSync(wheels, { recursive: true });
  fs.mkdirSync(temporary, { recursive: true });
  const requirements = path.join(work, "requirements.txt");
  fs.writeFileSync(requirements, requirementsOf(pin.wheels));
  const title = `libtorch ${LIBTORCH_VERSION}: downloading PyTorch's wheel with pip (${pin.megabytes} MB) into ${cacheFolder()}`;
  await reporter.step(title, async () => {
    const watch = setInterval(() => {
      const megabytes = Math.min(receivedBytes(work) / 1e6, pin.megabytes);
      const percent = Math.floor((100 * megabytes) / pin.megabytes);
      reporter.progress(
        title,
        `libtorch ${LIBTORCH_VERSION}: ${megabytes.toFixed(0)} of ${pin.megabytes} MB (${percent} %)`,
      );
    }, 500);
    try {
      // The tags are those of one Python, so that the same wheel comes whichever Python is there. Mirrors, proxies
      // and certificates come from pip's own settings.
      const { code, tail } = await run(
        python,
        ["-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--require-hashes", "--no-cache-dir"]
          .concat(["--disable-pip-version-check", "--progress-bar", "off", "--python-version", "3.11"])
          .concat(["--implementation", "cp", "--abi", "cp311", "--abi", "abi3", "--abi", "none"])
          .concat(pin.tags.flatMap((tag) => ["--platform", tag]))
          .concat(["--dest", wheels, "--requirement", requirements]),
        {
          cwd: work,
          env: { ...process.env, TMPDIR: temporary, PIP_REQUIRE_VIRTUALENV: "0", PYTHONUNBUFFERED: "1" },
          log: (text) => reporter.log(text),
        },
      );
      if (code !== 0)
        throw new SetupError(
          "pip could not download libtorch: check the network (or pip's settings for mirrors and proxies) and run the same command again",
          tail,
        );
    } finally {
      clearInterval(watch);
    }
  });
}

/**
 * @param {Reporter} reporter
 * @param {string} python
 * @param {Pin} pin
 * @param {string} work
 */
async function unpack(reporter, python, pin, work) {
  const into = path.join(work, "libtorch");
  await reporter.step(`libtorch ${LIBTORCH_VERSION}: unpacking`, async () => {
    const task = { wheels: path.join(work, "wheels"), keep: pin.keep, into };
    const { code, tail } = await run(python, ["-c", UNPACK], {
      cwd: work,
      input: JSON.stringify(task),
      log: (text) => reporter.log(text),
    });
    if (code !== 0)
      throw new SetupError(`libtorch could not be unpacked into ${cacheFolder()} (is the disk full?)`, tail);
    const missing = pin.required.filter((file) => !fs.existsSync(path.join(into, file)));
    if (missing.length > 0) throw new SetupError(`the downloaded libtorch lacks ${missing.join(", ")}`);
    writeMarker(into, pin.wheels);
  });
}

/**
 * Writes the marker of a whole libtorch: its version, the wheels it came from, and the sizes of its libraries.
 *
 * @param {string} folder
 * @param {Pin["wheels"]} wheels
 */
export function writeMarker(folder, wheels) {
  const isLibrary = /(^|\/)lib\/lib[^/]*\.(so|dylib)[.0-9]*$/;
  const files = filesBelow(folder).filter((file) => isLibrary.test(file));
  const sizes = Object.fromEntries(files.map((file) => [file, fs.statSync(path.join(folder, file)).size]));
  const marker = path.join(folder, MARKER);
  fs.writeFileSync(marker, `${JSON.stringify({ version: LIBTORCH_VERSION, wheels, files: sizes }, null, 2)}\n`);
  for (const file of [...files.map((name) => path.join(folder, name)), marker, folder]) flush(file);
}

/**
 * Gives the finished folder its name. Something that has the name and is not whole is moved aside first.
 *
 * @param {string} finished
 * @param {string} target
 */
function putInPlace(finished, target) {
  if (fs.existsSync(target)) fs.renameSync(target, path.join(path.dirname(finished), "replaced"));
  fs.renameSync(finished, target);
  flush(path.dirname(target));
}

/** @param {string} file a file or folder whose content goes to the disk now */
function flush(file) {
  const descriptor = fs.openSync(file, "r");
  try {
    fs.fsyncSync(descriptor);
  } finally {
    fs.closeSync(descriptor);
  }
}

/**
 * Throws away what killed set-ups left: partial folders whose process is gone, or, of another machine, a day old.
 *
 * @param {string} cache
 */
export function throwAwayPartials(cache) {
  if (!fs.existsSync(cache)) return;
  for (const name of fs.readdirSync(cache)) {
    if (!name.startsWith(PARTIAL)) continue;
    const folder = path.join(cache, name);
    const own = name.startsWith(`${PARTIAL}${os.hostname()}-`);
    const pid = own ? Number(name.slice(PARTIAL.length + os.hostname().length + 1).split("-")[0]) : Number.NaN;
    const ageMs = Date.now() - (fs.statSync(folder, { throwIfNoEntry: false })?.mtimeMs ?? 0);
    const abandoned = Number.isInteger(pid) ? !isAlive(pid) : ageMs > 86_400_000;
    if (abandoned) fs.rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  }
}

/**
 * What pip has received: it writes a wheel below its temporary folder and copies it when whole, so of each name the
 * largest counts.
 *
 * @param {string} work
 * @returns {number}
 */
function receivedBytes(work) {
  /** @type {Map<string, number>} */
  const sizes = new Map();
  /** @type {string[]} */
  let files = [];
  try {
    files = filesBelow(work);
  } catch {
    // pip removed a temporary folder while it was listed; the next look will tell.
  }
  for (const file of files) {
    if (!file.endsWith(".whl")) continue;
    const name = path.posix.basename(file);
    const size = fs.statSync(path.join(work, file), { throwIfNoEntry: false })?.size ?? 0;
    sizes.set(name, Math.max(sizes.get(name) ?? 0, size));
  }
  return [...sizes.values()].reduce((sum, size) => sum + size, 0);
}

/**
 * @param {string} folder
 * @param {number} megabytes
 */
async function demandSpace(folder, megabytes) {
  /** @type {fs.StatsFs} */
  let stats;
  try {
    stats = await fs.promises.statfs(folder);
  } catch (error) {
    throw new SetupError(`the free space of ${folder} cannot be read: ${messageOf(error)}`);
  }
  const free = (stats.bavail * stats.bsize) / 1e6;
  if (free < megabytes)
    throw new SetupError(
      `${folder} has ${free.toFixed(0)} MB free and ${megabytes} MB are needed for libtorch: make room, or set XDG_CACHE_HOME to a folder with more`,
    );
}
