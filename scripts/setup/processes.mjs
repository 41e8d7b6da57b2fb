// @ts-check
import { spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { SetupError } from "./errors.mjs";

/**
 * @typedef {{ code: number, output: string, tail: string[] }} Outcome what a process ended with
 * @typedef {{
 *   cwd?: string,
 *   env?: NodeJS.ProcessEnv,
 *   log?: (text: string) => void,
 *   input?: string,
 * }} RunOptions
 */

/** The process groups that run for us. @type {Set<number>} */
const groups = new Set();
/** What is to be undone when the set-up is interrupted. @type {Set<() => void>} */
const undoings = new Set();

/**
 * Registers something to be undone if a signal ends the set-up, and returns what takes it off again.
 *
 * @param {() => void} undo synchronous
 * @returns {() => void}
 */
export function onInterrupt(undo) {
  undoings.add(undo);
  return () => undoings.delete(undo);
}

/**
 * While `work` runs, SIGINT, SIGTERM and SIGHUP end the processes that we started, undo what is half done, and end
 * this process with 128 plus the signal's number.
 *
 * @template T
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function interruptible(work) {
  /** @param {NodeJS.Signals} signal */
  const handler = (signal) => {
    for (const group of groups) {
      try {
        process.kill(-group, "SIGTERM");
      } catch {
        // It has ended already.
      }
    }
    for (const undo of [...undoings].reverse()) {
      try {
        undo();
      } catch {
        // The next set-up throws away what is left.
      }
    }
    process.stderr.write(
      `\n[setup] interrupted by ${signal}: nothing half done was kept, run the same command again\n`,
    );
    process.exit(128 + os.constants.signals[signal]);
  };
  /** @type {NodeJS.Signals[]} */
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"];
  for (const signal of signals) process.on(signal, handler);
  try {
    return await work();
  } finally {
    for (const signal of signals) process.off(signal, handler);
  }
}

/**
 * Runs a program to its end, in a process group of its own, and gives its exit code and its output (standard output
 * and standard error in the order in which they came).
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {RunOptions} [options]
 * @returns {Promise<Outcome>}
 */
export function run(command, args, { cwd, env, log = () => {}, input } = {}) {
  log(`$ ${[command, ...args].join(" ")}\n`);
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env: env ?? process.env,
      detached: true,
      stdio: [input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
    });
    const group = child.pid;
    if (group !== undefined) groups.add(group);
    /** @type {string[]} */
    const pieces = [];
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8");
      stream?.on("data", (/** @type {string} */ piece) => {
        pieces.push(piece);
        log(piece);
      });
    }
    child.stdin?.on("error", () => {}); // A program that ends early closes its input; its exit code tells.
    child.stdin?.end(input);
    child.on("error", (error) => {
      if (group !== undefined) groups.delete(group);
      reject(new SetupError(`${command} could not be started: ${error.message}`));
    });
    child.on("close", (code, signal) => {
      if (group !== undefined) groups.delete(group);
      const output = pieces.join("");
      resolve({
        code: code ?? 128 + (signal === null ? 0 : os.constants.signals[signal]),
        output,
        tail: lastLines(output, 30),
      });
    });
  });
}

/**
 * The output of a quick program, or undefined when it is missing or fails.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @returns {string | undefined}
 */
export function ask(command, args) {
  const { status, stdout } = spawnSync(command, args, {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
    timeout: 60_000,
    cwd: path.parse(process.cwd()).root, // Python looks for modules in the current folder first.
  });
  return status === 0 ? stdout.trim() : undefined;
}

/**
 * The first of the programs that is on the PATH (or, as a path, exists), as it was named.
 *
 * @param {readonly string[]} names
 * @returns {string | undefined}
 */
export function findProgram(names) {
  const folders = (process.env.PATH ?? "").split(path.delimiter).filter((folder) => folder !== "");
  return names.find((name) => {
    const places = path.isAbsolute(name) ? [name] : folders.map((folder) => path.join(folder, name));
    return places.some((place) => {
      try {
        fs.accessSync(place, fs.constants.X_OK);
        return fs.statSync(place).isFile();
      } catch {
        return false;
      }
    });
  });
}

/**
 * The last lines of a text that are not empty.
 *
 * @param {string} text
 * @param {number} count
 * @returns {string[]}
 */
export function lastLines(text, count) {
  return text
    .split(/[\r\n]+/)
    .filter((line) => line.trim() !== "")
    .slice(-count);
}
