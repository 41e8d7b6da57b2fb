// @ts-check
// Imported before anything else, so it keeps to what every Node.js with ES modules understands.

/** The oldest Node.js that riverrun runs on: [major, minor]. */
export const OLDEST_NODE = [20, 19];

/**
 * Is this version of Node.js new enough?
 *
 * @param {string} version such as "20.19.4" or "v22.1.0"
 * @returns {boolean}
 */
export function isNodeNewEnough(version) {
  const [major, minor] = version.replace(/^v/, "").split(".").map(Number);
  return major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1]);
}

/** Ends the process with one clear line when this Node.js is too old. */
export function demandNode() {
  if (isNodeNewEnough(process.versions.node)) return;
  process.stderr.write(
    `riverrun needs Node.js ${OLDEST_NODE.join(".")} or newer, and this is ${process.version}: install a newer one (https://nodejs.org) and run the same command again.\n`,
  );
  process.exit(1);
}
