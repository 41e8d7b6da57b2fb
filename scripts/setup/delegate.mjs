// @ts-check
import { spawn } from "node:child_process";
import os from "node:os";

/**
 * Runs a Node.js program in our place: same terminal, signals passed on.
 *
 * @param {string[]} args the program and its arguments
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv }} [options]
 * @returns {Promise<number>} its exit code, or 128 plus the number of the signal that ended it
 */
export function delegate(args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { stdio: "inherit", ...options });
    /** @type {NodeJS.Signals[]} */
    const signals = ["SIGINT", "SIGTERM", "SIGHUP"];
    const onTerminal = process.stdin.isTTY || process.stderr.isTTY;
    // A terminal sends SIGINT to the child itself as well; only what another process sends is passed on.
    /** @param {NodeJS.Signals} signal */
    const pass = (signal) => {
      if (signal !== "SIGINT" || !onTerminal) child.kill(signal);
    };
    for (const signal of signals) process.on(signal, pass);
    const done = () => {
      for (const signal of signals) process.off(signal, pass);
    };
    child.on("error", (error) => {
      done();
      reject(error);
    });
    child.on("exit", (code, signal) => {
      done();
      resolve(code ?? 128 + (signal === null ? 0 : os.constants.signals[signal]));
    });
  });
}
