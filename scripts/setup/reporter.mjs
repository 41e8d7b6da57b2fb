// @ts-check
import fs from "node:fs";
import path from "node:path";

/**
 * What the set-up says: one line a step on standard error, and everything in a log file.
 * On a terminal the line of a running step is redrawn in place; elsewhere a new line is written at a slower pace.
 */
export class Reporter {
  /** @param {{ verbose?: boolean, stream?: NodeJS.WriteStream }} [options] */
  constructor({ verbose = false, stream = process.stderr } = {}) {
    this.verbose = verbose;
    this.stream = stream;
    this.live = Boolean(stream.isTTY) && !process.env.CI && process.env.TERM !== "dumb" && !verbose;
    /** @type {number | undefined} */
    this.logFile = undefined;
    /** @type {string[]} */
    this.unwritten = [];
    this.drawn = false;
    /** What the running steps are at; two may run side by side. @type {Map<string, string>} */
    this.running = new Map();
    /** @type {NodeJS.Timeout | undefined} */
    this.ticker = undefined;
    this.lastProgress = 0;
    /** True once a step had something to do. */
    this.worked = false;
  }

  /**
   * Starts the log file; what was logged before goes to its beginning.
   *
   * @param {string} file
   */
  openLog(file) {
    fs.mkdirSync(path.dirname(file), { recursive: true });
    this.logFile = fs.openSync(file, "w");
    for (const text of this.unwritten) fs.writeSync(this.logFile, text);
    this.unwritten = [];
  }

  closeLog() {
    if (this.logFile !== undefined) fs.closeSync(this.logFile);
    this.logFile = undefined;
  }

  /**
   * Writes to the log, and to standard error under `--verbose`.
   *
   * @param {string} text
   */
  log(text) {
    if (this.logFile === undefined) this.unwritten.push(text);
    else fs.writeSync(this.logFile, text);
    if (this.verbose) this.stream.write(text);
  }

  /**
   * Says a line.
   *
   * @param {string} text
   */
  say(text) {
    this.clear();
    const line = `[setup] ${text}\n`;
    if (!this.verbose) this.stream.write(line);
    this.log(line);
  }

  /**
   * Tells how far a running step is. On a terminal its line is redrawn, elsewhere it is said every five seconds.
   *
   * @param {string} title of the step
   * @param {string} text
   */
  progress(title, text) {
    if (this.running.has(title)) this.running.set(title, text);
    if (this.live || Date.now() - this.lastProgress < 5000) return;
    this.lastProgress = Date.now();
    this.say(text);
  }

  /** Draws the line of the running steps, cut to the terminal's width. */
  draw() {
    const width = Math.max(20, (this.stream.columns ?? 80) - 1);
    this.stream.write(`\r\u001b[2K${`[setup] ${[...this.running.values()].join("; ")} ...`.slice(0, width)}`);
    this.drawn = true;
  }

  clear() {
    if (this.drawn) this.stream.write("\r\u001b[2K");
    this.drawn = false;
  }

  /**
   * Runs a step that has work to do: says its name, shows on a terminal that it runs, and says when it is done.
   *
   * @template T
   * @param {string} title
   * @param {() => Promise<T>} work
   * @returns {Promise<T>}
   */
  async step(title, work) {
    this.worked = true;
    const start = Date.now();
    this.lastProgress = start;
    this.say(`${title} ...`);
    this.running.set(title, title);
    if (this.live) this.ticker ??= setInterval(() => this.draw(), 500);
    try {
      const result = await work();
      this.say(`${title}: done in ${((Date.now() - start) / 1000).toFixed(1)} s`);
      return result;
    } finally {
      this.running.delete(title);
      if (this.running.size === 0) {
        clearInterval(this.ticker);
        this.ticker = undefined;
      }
      this.clear();
    }
  }
}
