/** JSON lines: one record a line. */
import { createReadStream } from "node:fs";
import { messageOf } from "../base/errors.ts";
import { FieldError, type ReadOptions, reportBad } from "./badRecords.ts";
import { asObject, type JsonObject, joinPlace } from "./fields.ts";
import { locateJsonFault } from "./jsonFault.ts";
import { readLines, requireFile } from "./textFile.ts";

/**
 * What `read` makes of each object of a file of JSON lines, one at a time; empty lines are skipped. A line that is not
 * JSON, and a FieldError of `read`, are bad records.
 *
 * @throws UsageError naming file, line and reason where there is no `onBad`; DataMissingError.
 */
export async function* readRecords<Result>(
  path: string,
  options: ReadOptions,
  read: (record: JsonObject, line: number) => Result,
): AsyncGenerator<Result> {
  requireFile(path);
  for await (const item of readLines(createReadStream(path, { highWaterMark: 1 << 18 }))) {
    const { line } = item;
    if ("error" in item) {
      reportBad(options, { file: path, line, reason: item.error });
      continue;
    }
    if (item.text === "") continue;
    let result: Result;
    try {
      result = read(asObject(parseLine(item.text), ""), line);
    } catch (error) {
      if (!(error instanceof FieldError)) throw error;
      reportBad(options, { file: path, line, place: joinPlace("", error.path), reason: messageOf(error) });
      continue;
    }
    yield result;
  }
}

/** @throws FieldError with the column of the fault. */
export function parseLine(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    const fault = locateJsonFault(text);
    throw new FieldError("", `not JSON at character ${fault.offset + 1}: ${fault.reason}`);
  }
}
