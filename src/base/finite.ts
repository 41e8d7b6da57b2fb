/** Numbers that are not finite: what is wrong with records and with what words are chosen by. */
import { RiverrunError } from "./errors.ts";

/** A model computes NaN or infinity where a text is to be made, so that no word is better than another; exit code 1. */
export class NonFiniteOutputError extends RiverrunError {
  override name = "NonFiniteOutputError";
}

/** The same, where it is not the model that is at fault but how large a number was asked for; exit code 2. */
export class TooLargeError extends NonFiniteOutputError {
  override name = "TooLargeError";
  override readonly exitCode = 2;
}

const isBad = (number: unknown): boolean => typeof number === "number" && !Number.isFinite(number);

/** The first NaN or infinity of a value, which is a number, a list of numbers or anything else. */
function badOf(value: unknown): unknown {
  if (value instanceof Float32Array || value instanceof Float64Array) return value.find(isBad);
  return Array.isArray(value) ? value.find(isBad) : isBad(value) ? value : undefined;
}

/** What is wrong with the numbers of a record: its first NaN or infinity, which JSON does not have and would write as null. */
export function nonFiniteIn(record: object): string | undefined {
  for (const [field, value] of Object.entries(record)) {
    const bad = badOf(value);
    if (bad !== undefined) return `${field}: the model computes ${String(bad)}: its weights may be damaged`;
  }
  return undefined;
}
