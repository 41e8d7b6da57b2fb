// @ts-check
// Prints "N passed, N failed[, N skipped]" from vitest's JSON report; exit code 1 if a test failed or none ran.
import { pathToFileURL } from "node:url";
import { readJson } from "./setup/stamps.mjs";

/** @typedef {{ passed: number, failed: number, skipped: number }} Counts */

/**
 * Counts the tests of a report. A file that could not be loaded has no tests to fail, so it counts as one failure.
 *
 * @param {unknown} report vitest's JSON report; undefined when there is none
 * @returns {Counts}
 */
export function countTests(report) {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  if (typeof report !== "object" || report === null || !("testResults" in report)) return counts;
  const files = /** @type {{ status: string, assertionResults: { status: string }[] }[]} */ (report.testResults);
  for (const { status, assertionResults } of files) {
    for (const test of assertionResults) {
      if (test.status === "passed") counts.passed++;
      else if (test.status === "failed") counts.failed++;
      else counts.skipped++;
    }
    if (status === "failed" && !assertionResults.some((test) => test.status === "failed")) counts.failed++;
  }
  return counts;
}

/**
 * @param {Counts} counts
 * @returns {string}
 */
export function closingLine({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const counts = countTests(readJson(process.argv[2] ?? "build/test-report.json"));
  process.stdout.write(`${closingLine(counts)}\n`);
  process.exitCode = counts.failed > 0 || counts.passed === 0 ? 1 : 0;
}
