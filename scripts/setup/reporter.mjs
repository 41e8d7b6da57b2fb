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
    /** What the running step is at. */
    this.running = "";
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
   * Shows how far a step is. On a terminal it is redrawn at each call, elsewhere it is said every five seconds.
   *
   * @param {string} text
   */
  progress(text) {
    if (this.live) {
      this.stream.write(`\r\u001b[2K[setup] ${text}`);
      this.drawn = true;
      return;
    }
    const now = Date.now();
    if (now - this.lastProgress < 5000) return;
    this.lastProgress = now;
    this.say(text);
  }

  /**
   * Tells how far the running step is.
   *
   * @param {string} text
   */
  at(text) {
    this.running = text;
    if (!this.live) this.progress(text);
  }

  clear() {
    if (this.drawn) this.stream.write("\r\u001b[2K");
    this.drawn = false;
  }

  /**
   * Runs a step that has work to do: says its name, shows the seconds on a terminal, and says when it is done.
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
    const seconds = () => ((Date.now() - start) / 1000).toFixed(1);
    this.running = title;
    const ticker = this.live ? setInterval(() => this.progress(`${this.running} ... ${seconds()} s`), 500) : undefined;
    try {
      const result = await work();
      this.clear();
      this.say(`${title}: done in ${seconds()} s`);
      return result;
    } finally {
      clearInterval(ticker);
      this.clear();
    }
  }
}
