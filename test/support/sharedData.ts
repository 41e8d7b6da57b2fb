/** The real data that development has beside the clone, at ../shared/data; no part of the repository. */
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe } from "vitest";

const root = fileURLToPath(new URL("../../../shared/data/", import.meta.url));

/** Whether the real data is there. */
export const hasSharedData: boolean = existsSync(root);

/** Path of one of its files. */
export const sharedPath = (name: string): string => `${root}${name}`;

/** Lines of one of its text files, without the empty one after the last line end. */
export function sharedLines(name: string): string[] {
  const lines = readFileSync(sharedPath(name), "utf8").split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines;
}

/** `describe` where the real data is; elsewhere the tests are skipped and their title says what they need. */
export function describeWithSharedData(title: string, body: () => void): void {
  if (hasSharedData) describe(title, body);
  else describe.skip(`${title} (skipped: needs the real data at ../shared/data)`, body);
}
