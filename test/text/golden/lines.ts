/** Which real lines the golden files are about, and how their tokens are hashed. */
import { createHash } from "node:crypto";
import { hasSharedData, sharedLines } from "../../support/sharedData.ts";

/** Every n-th line of some files of the real data, from the first. */
export interface LineChoice {
  readonly files: Readonly<Record<string, number>>;
}

/** The chosen lines, file by file. */
export function chosenLines({ files }: LineChoice): string[] {
  if (!hasSharedData) return [];
  return Object.entries(files).flatMap(([name, step]) => sharedLines(name).filter((_, index) => index % step === 0));
}

/** Four base64 characters of the SHA-256 of a line's tokens joined by one space: 24 bits, enough to see a difference. */
export function lineHash(tokens: string): string {
  return createHash("sha256").update(tokens, "utf8").digest().subarray(0, 3).toString("base64");
}

/** Hash of everything, so that the short ones are not relied on alone. */
export function wholeHash(rows: readonly string[]): string {
  return createHash("sha256").update(rows.join("\n"), "utf8").digest("hex");
}

/** What a golden file of real lines holds. */
export interface GoldenFile extends LineChoice {
  readonly command: string;
  readonly lines: number;
  /** Tokens in all. */
  readonly tokens: number;
  readonly sha256: string;
  /** {@link wholeHash} of all tokens, whatever line they stand in. */
  readonly tokensSha256: string;
  /** {@link lineHash} of every line, one after the other. */
  readonly hashes: string;
}

/** Indices of the lines whose tokens are not those that the golden file was made from. */
export function differingLines(golden: GoldenFile, rows: readonly string[]): number[] {
  return rows.flatMap((row, index) => (lineHash(row) === golden.hashes.slice(4 * index, 4 * index + 4) ? [] : [index]));
}
