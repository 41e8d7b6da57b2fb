// @ts-check
import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";

// A stamp is a file that says from what a result was made. A result whose stamp is missing or differs is made anew.

/**
 * All files below a folder, as sorted paths relative to it with forward slashes; [] when there is no such folder.
 *
 * @param {string} folder
 * @returns {string[]}
 */
export function filesBelow(folder) {
  if (!fs.existsSync(folder)) return [];
  /** @type {string[]} */
  const files = [];
  for (const entry of fs.readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile())
      files.push(path.relative(folder, path.join(entry.parentPath, entry.name)).split(path.sep).join("/"));
  }
  return files.sort();
}

/**
 * SHA-256 over names and contents, in hexadecimal. A folder stands for all files below it; a missing path counts as
 * absent, so that its appearing changes the hash.
 *
 * @param {string} root the folder that the paths are relative to
 * @param {readonly string[]} paths
 * @returns {string}
 */
export function hashFiles(root, paths) {
  const hash = createHash("sha256");
  for (const name of paths) {
    const place = path.join(root, name);
    const isFolder = fs.statSync(place, { throwIfNoEntry: false })?.isDirectory() ?? false;
    const files = isFolder ? filesBelow(place).map((file) => `${name}/${file}`) : [name];
    for (const file of files) {
      const content = fs.existsSync(path.join(root, file)) ? fs.readFileSync(path.join(root, file)) : undefined;
      hash.update(`${file}\0${content?.length ?? "absent"}\0`);
      if (content !== undefined) hash.update(content);
    }
  }
  return hash.digest("hex");
}

/**
 * @param {string} file
 * @param {unknown} value
 * @returns {boolean} whether the stamp says exactly this
 */
export function stampMatches(file, value) {
  try {
    return fs.readFileSync(file, "utf8") === serialise(value);
  } catch {
    return false;
  }
}

/**
 * Writes a file whole or not at all: new file, fsync, rename.
 *
 * @param {string} file
 * @param {unknown} value written as JSON
 */
export function writeJson(file, value) {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  const temporary = `${file}.${process.pid}.tmp`;
  const descriptor = fs.openSync(temporary, "w");
  try {
    fs.writeSync(descriptor, serialise(value));
    fs.fsyncSync(descriptor);
  } finally {
    fs.closeSync(descriptor);
  }
  fs.renameSync(temporary, file);
}

/**
 * The value of a JSON file, or undefined when it is missing or no JSON.
 *
 * @param {string} file
 * @returns {unknown}
 */
export function readJson(file) {
  try {
    return JSON.parse(fs.readFileSync(file, "utf8"));
  } catch {
    return undefined;
  }
}

/** @param {unknown} value */
function serialise(value) {
  return `${JSON.stringify(value, null, 2)}\n`;
}
