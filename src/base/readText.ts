/** Texts that riverrun has written, whatever stands in their place now. */
import { readFileSync, statSync } from "node:fs";
import { messageOf, UsageError } from "./errors.ts";

/** A vocabulary of ten million words is smaller; a larger file would only fill the memory. */
const mostBytes = 2 ** 29;

/**
 * The text of a file that riverrun writes. A link to a device, which may have no end, is not read.
 *
 * @throws UsageError where it is no file, too large, or cannot be read
 */
export function readText(path: string): string {
  try {
    const status = statSync(path);
    if (!status.isFile()) throw new UsageError(`${path} is not a file: expected one that riverrun has written`);
    if (status.size > mostBytes) {
      throw new UsageError(`${path} has ${status.size} bytes; expected at most ${mostBytes}`);
    }
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(`${path} cannot be read: ${messageOf(error)}`);
  }
}
