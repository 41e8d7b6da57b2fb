// @ts-check

/** A set-up step cannot go on; the message is one line that says what failed and what to do. */
export class SetupError extends Error {
  /**
   * @param {string} message
   * @param {string[]} [details] the last lines of the output of the tool that failed
   */
  constructor(message, details = []) {
    super(message);
    this.name = "SetupError";
    /** @type {string[]} */
    this.details = details;
  }
}

/**
 * The message of anything that was thrown.
 *
 * @param {unknown} error
 * @returns {string}
 */
export function messageOf(error) {
  return error instanceof Error ? error.message : String(error);
}

/**
 * The code ("ENOENT", "EEXIST", ...) of a system error, or "" for anything else.
 *
 * @param {unknown} error
 * @returns {string}
 */
export function codeOf(error) {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}
