/** Where fetched sets lie, and which of them are whole. */
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { writeFileAtomic } from "../../base/atomicFile.ts";
import { DataMissingError, UsageError } from "../../base/errors.ts";
import { programName } from "../../base/invocation.ts";
import { isObject, own } from "../fields.ts";
import { type DataSet, dataSets } from "./registry.ts";

/** `$XDG_CACHE_HOME/riverrun/data`, shared by all installations of a user. */
export function dataCache(): string {
  const { XDG_CACHE_HOME: cache } = process.env;
  return join(cache?.startsWith("/") ? cache : join(homedir(), ".cache"), "riverrun", "data");
}

/** The folder of a set. */
export function folderOf(set: DataSet): string {
  return join(dataCache(), set.name);
}

/** @throws UsageError naming the sets that there are. */
export function dataSetNamed(name: string): DataSet {
  const set = dataSets.find((candidate) => candidate.name === name);
  if (!set)
    throw new UsageError(
      `no data set ${JSON.stringify(name)}: expected ${dataSets.map((known) => known.name).join(", ")}`,
    );
  return set;
}

/** What was fetched, by the name of the downloaded file. */
export interface Fetched {
  readonly bytes: number;
  readonly sha256: string;
  readonly from: string;
}

const recordName = "fetched.json";

/** What a folder's record says of the files that were fetched into it. A record that cannot be read says nothing. */
export function readFetched(folder: string): Map<string, Fetched> {
  const fetched = new Map<string, Fetched>();
  try {
    const record: unknown = JSON.parse(readFileSync(join(folder, recordName), "utf8"));
    if (!isObject(record)) return fetched;
    for (const [name, value] of Object.entries(record)) {
      if (!isObject(value)) continue;
      const [bytes, sha256, from] = [own(value, "bytes"), own(value, "sha256"), own(value, "from")];
      if (typeof bytes === "number" && typeof sha256 === "string" && typeof from === "string") {
        fetched.set(name, { bytes, sha256, from });
      }
    }
  } catch {
    // No record, or a damaged one: everything is fetched anew.
  }
  return fetched;
}

export function writeFetched(folder: string, fetched: ReadonlyMap<string, Fetched>): void {
  writeFileAtomic(join(folder, recordName), `${JSON.stringify(Object.fromEntries(fetched), null, 2)}\n`);
}

/** Names under which the record keeps the parts of a set. */
export function partsOf(set: DataSet): string[] {
  return [...set.files.map((file) => file.name), ...(set.pip ? [set.pip.package] : [])];
}

/** Whether all of a set has been fetched. */
export function isFetched(set: DataSet): boolean {
  const fetched = readFetched(folderOf(set));
  return partsOf(set).every((name) => fetched.has(name));
}

/**
 * The folder of a set that has been fetched.
 *
 * @throws DataMissingError saying how to fetch it.
 */
export function requireDataSet(name: string): string {
  const set = dataSetNamed(name);
  if (!isFetched(set)) {
    throw new DataMissingError(`${set.title} is not in ${folderOf(set)}: run "${programName()} data fetch ${name}"`);
  }
  return folderOf(set);
}
