/** Fetches a published set into the cache. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { makeDirectory } from "../../base/atomicFile.ts";
import { DataMissingError } from "../../base/errors.ts";
import { withLock } from "../../base/folderLock.ts";
import { programName } from "../../base/invocation.ts";
import { folderOf, partsOf, readFetched, writeFetched } from "./cache.ts";
import { type DownloadOptions, download } from "./download.ts";
import { fetchByPip } from "./pip.ts";
import type { DataSet } from "./registry.ts";
import { unpack } from "./unpack.ts";

export interface FetchOptions extends Pick<DownloadOptions, "attempts" | "stallMs" | "retryMs"> {
  /** Use what is in the cache, and nothing else. */
  readonly offline?: boolean;
  /** Called as bytes of a file come; `total` is null where the server does not say it. */
  readonly onProgress?: (file: string, received: number, total: number | null) => void;
  /** What happens, for the user. */
  readonly onNotice?: (message: string) => void;
}

/** A set in the cache. */
export interface FetchedSet {
  readonly name: string;
  readonly folder: string;
  /** Whether nothing had to be fetched. */
  readonly wasThere: boolean;
  /** Size and SHA-256 of each download, whether or not the publisher states one. */
  readonly files: readonly {
    readonly name: string;
    readonly bytes: number;
    readonly sha256: string;
    readonly from: string;
  }[];
}

/**
 * Fetches those parts of a set that are not in the cache yet, checks and unpacks them. Interrupted at any instant, the
 * next call goes on where it was.
 *
 * @throws DataMissingError with `offline` where something is missing; UsageError where another process is fetching the
 *   set; RiverrunError where it cannot be had.
 */
export async function fetchSet(set: DataSet, options: FetchOptions = {}): Promise<FetchedSet> {
  const folder = folderOf(set);
  const parts = partsOf(set);
  const report = (wasThere: boolean): FetchedSet => {
    const fetched = readFetched(folder);
    const files = parts.flatMap((name) => {
      const file = fetched.get(name);
      return file ? [{ name, ...file }] : [];
    });
    return { name: set.name, folder, wasThere, files };
  };
  const missing = (): string[] => {
    const fetched = readFetched(folder);
    return parts.filter((name) => !fetched.has(name));
  };
  if (missing().length === 0) return report(true);
  if (options.offline) {
    throw new DataMissingError(
      `${folder} lacks ${missing().join(", ")} (${set.title}), and --offline forbids to fetch: run "${programName()} data fetch ${set.name}" with a network`,
    );
  }
  makeDirectory(folder);
  await withLock(join(folder, ".lock"), { doing: "fetching this set" }, async () => {
    const wanted = new Set(missing());
    const { onNotice = () => {} } = options;
    for (const file of set.files) {
      if (!wanted.has(file.name)) continue;
      const path = join(folder, file.name);
      const got = await download({
        ...options,
        url: file.url,
        path,
        ...(file.isExact && file.bytes !== null ? { bytes: file.bytes } : {}),
        ...(file.sha256 === undefined ? {} : { sha256: file.sha256 }),
        onProgress: (received, total) => options.onProgress?.(file.name, received, total ?? file.bytes),
        onNotice: (message) => onNotice(`${file.name}: ${message}`),
      });
      if (file.unpack) {
        onNotice(`${file.name}: unpacking`);
        try {
          await unpack(path, file.unpack, folder);
        } finally {
          // Also after a failure: a damaged archive, which came whole, would fail for ever.
          rmSync(path, { force: true });
        }
      }
      writeFetched(folder, new Map([...readFetched(folder), [file.name, { ...got, from: file.url }]]));
    }
    if (set.pip && wanted.has(set.pip.package)) {
      const { pip } = set;
      const got = await fetchByPip(pip, folder, (message) => onNotice(`pip: ${message}`));
      writeFetched(
        folder,
        new Map([...readFetched(folder), [pip.package, { ...got, from: `${pip.package}==${pip.version}` }]]),
      );
    }
  });
  return report(false);
}
