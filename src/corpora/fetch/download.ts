/** Downloads that can be interrupted: a `.part` file, resumed by ranges, checked, then given its name. */
import { createHash } from "node:crypto";
import { constants, createReadStream, readFileSync, renameSync, rmSync } from "node:fs";
import { type FileHandle, open, statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileSize, writeFileAtomic } from "../../base/atomicFile.ts";
import { messageOf, RiverrunError } from "../../base/errors.ts";
import { describeBytes } from "./rate.ts";

export interface DownloadOptions {
  readonly url: string;
  /** File to make. */
  readonly path: string;
  /** Size that is required. */
  readonly bytes?: number;
  readonly sha256?: string;
  /** Failures in a row, without a mebibyte received between them, after which it gives up. */
  readonly attempts?: number;
  /** Milliseconds without a byte after which a transfer is broken off. */
  readonly stallMs?: number;
  /** Milliseconds before the second attempt; doubled for each further one, up to 30 s. */
  readonly retryMs?: number;
  /** Called as bytes come. `total` is null where the server does not say it. */
  readonly onProgress?: (received: number, total: number | null) => void;
  /** What happened, for the user: resumed, broke off, starts again. */
  readonly onNotice?: (message: string) => void;
}

/** What is remembered of a transfer beside its `.part`. */
interface PartRecord {
  readonly url: string;
  /** A strong ETag, or else the date of the last change: by either a server tells whether it still has the same file. */
  readonly validator: string | null;
  readonly total: number | null;
}

/** Something that may be gone at the next attempt. */
class Transient extends Error {
  /** Milliseconds that the server asked to wait. */
  readonly retryAfterMs: number;
  /** Whether the next attempt must not go on from what is there. */
  readonly startOver: boolean;

  constructor(message: string, options: { readonly retryAfterMs?: number; readonly startOver?: boolean } = {}) {
    super(options.startOver ? `${message}: starts again from the beginning` : message);
    this.retryAfterMs = options.retryAfterMs ?? 0;
    this.startOver = options.startOver ?? false;
  }
}

function readRecord(path: string, url: string): PartRecord {
  try {
    const record = JSON.parse(readFileSync(path, "utf8")) as Partial<PartRecord>;
    const { validator, total } = record;
    if (record.url === url) {
      return {
        url,
        validator: typeof validator === "string" ? validator : null,
        total: typeof total === "number" ? total : null,
      };
    }
  } catch {
    // None, or damaged: the part cannot be trusted.
  }
  return { url, validator: null, total: null };
}

/** `bytes 100-199/200`; a total of null stands for `*`. */
function parseContentRange(
  value: string | null,
): { readonly start: number | null; readonly total: number | null } | undefined {
  const match = /^bytes (?:(\d+)-\d+|\*)\/(\d+|\*)$/.exec(value?.trim() ?? "");
  if (!match) return undefined;
  return { start: match[1] === undefined ? null : Number(match[1]), total: match[2] === "*" ? null : Number(match[2]) };
}

function lengthOf(headers: { get(name: string): string | null }): number | null {
  const value = headers.get("content-length");
  // With an encoding the length is that of the encoded bytes.
  const encoded = headers.get("content-encoding");
  if (value === null || !/^\d+$/.test(value) || (encoded !== null && encoded !== "identity")) return null;
  return Number(value);
}

/** The innermost message of a failed request; `fetch failed` says nothing. */
function causeOf(error: unknown): string {
  let message = messageOf(error);
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    if (at.message !== "") message = at.message;
    else if ("code" in at) message = String(at.code);
  }
  return message;
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Uint8Array);
  return hash.digest("hex");
}

/** @throws RiverrunError where a disk has fewer bytes free than are needed. */
export async function demandSpace(folder: string, bytes: number, what: string): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  if (bavail * bsize < bytes) {
    throw new RiverrunError(
      `${what} needs ${describeBytes(bytes)}, ${folder} has ${describeBytes(bavail * bsize)} free: make room, or set XDG_CACHE_HOME to another disk`,
    );
  }
}

/**
 * Downloads a file. What an earlier call left in `<path>.part` is kept when the server proves by its validator (or the
 * SHA-256 proves afterwards) that it belongs to the same file. Proxies come from the environment (`HTTPS_PROXY`,
 * `HTTP_PROXY`, `NO_PROXY`).
 *
 * @returns size and SHA-256 of the file, which then stands under its name, synced to the disk.
 * @throws RiverrunError where the server refuses, lies about the size, goes on failing, or the SHA-256 differs; in the
 *   last case nothing is kept, otherwise the `.part` for the next call.
 */
export async function download(options: DownloadOptions): Promise<{ readonly bytes: number; readonly sha256: string }> {
  const { url, path, sha256, stallMs = 30_000, onNotice = () => {} } = options;
  const part = `${path}.part`;
  const recordPath = `${path}.part.json`;
  const mostFailures = options.attempts ?? 6;
  const fail = (reason: string, cause?: unknown): RiverrunError => new RiverrunError(`${url}: ${reason}`, { cause });
  const discard = (): void => {
    rmSync(part, { force: true });
    rmSync(recordPath, { force: true });
  };
  // Loaded here, since no other command needs it.
  const { EnvHttpProxyAgent, fetch } = await import("undici");
  const dispatcher = new EnvHttpProxyAgent({ connectTimeout: stallMs, headersTimeout: stallMs, bodyTimeout: stallMs });

  /** One request; returns when the part is whole. */
  const transfer = async (startOver: boolean): Promise<void> => {
    let record = readRecord(recordPath, url);
    const there = fileSize(part) ?? 0;
    const mayResume = !startOver && there > 0 && (record.validator !== null || sha256 !== undefined);
    const from = mayResume && (record.total === null || there <= record.total) ? there : 0;
    if (from > 0 && from === record.total) return;
    const headers: Record<string, string> = { "accept-encoding": "identity", "user-agent": "riverrun" };
    if (from > 0) {
      headers.range = `bytes=${from}-`;
      if (record.validator !== null) headers["if-range"] = record.validator;
    }
    const abort = new AbortController();
    let timer: NodeJS.Timeout | undefined;
    const alive = (): void => {
      clearTimeout(timer);
      timer = setTimeout(() => abort.abort(), stallMs);
    };
    let file: FileHandle | undefined;
    try {
      alive();
      const response = await fetch(url, { headers, dispatcher, signal: abort.signal, redirect: "follow" });
      alive();
      const { status } = response;
      const range = parseContentRange(response.headers.get("content-range"));
      const close = async (): Promise<void> => {
        await response.body?.cancel().catch(() => {});
      };
      if (status === 416 && from > 0) {
        await close();
        if (range?.total === from) return;
        throw new Transient("the server has no such range", { startOver: true });
      }
      if (status === 408 || status === 425 || status === 429 || status >= 500) {
        await close();
        const seconds = Number(response.headers.get("retry-after"));
        throw new Transient(`the server answers ${status}`, {
          retryAfterMs: Number.isFinite(seconds) ? Math.min(60, seconds) * 1000 : 0,
        });
      }
      if (status !== 200 && status !== 206) {
        await close();
        const hint = status === 404 || status === 410 ? ": the file is not there any more" : "";
        throw fail(`the server answers ${status}${hint}`);
      }
      if (new URL(url).protocol === "https:" && new URL(response.url).protocol !== "https:") {
        await close();
        throw fail(`the server leads to an address without encryption (${response.url})`);
      }
      let at = 0;
      if (status === 206) {
        if (range?.start !== from || from === 0) {
          await close();
          throw new Transient("the server sends another range than it was asked for", { startOver: true });
        }
        at = from;
      } else if (from > 0) onNotice("the server starts from the beginning");
      const length = lengthOf(response.headers);
      const total = status === 206 ? (range?.total ?? (length === null ? null : at + length)) : length;
      if (options.bytes !== undefined && total !== null && total !== options.bytes) {
        await close();
        throw fail(`the server's file has ${total} bytes, the publisher's has ${options.bytes}`);
      }
      if (at > 0 && record.total !== null && total !== null && total !== record.total) {
        await close();
        throw new Transient("the file has changed on the server", { startOver: true });
      }
      if (/^text\/html\b/.test(response.headers.get("content-type") ?? "") && !/\.html?$/.test(path)) {
        await close();
        throw fail("the server sends a web page instead of the file: a proxy or a login may stand between");
      }
      if (total !== null) await demandSpace(dirname(path), total - at, url);
      const etag = response.headers.get("etag");
      const validator = etag?.startsWith('"') ? etag : response.headers.get("last-modified");
      record = { url, validator: at > 0 ? record.validator : validator, total };
      writeFileAtomic(recordPath, JSON.stringify(record));
      file = await open(part, constants.O_RDWR | constants.O_CREAT);
      await file.truncate(at);
      if (at > 0) onNotice(`goes on at ${describeBytes(at)}`);
      options.onProgress?.(at, total);
      const most = options.bytes ?? total;
      for await (const chunk of response.body ?? []) {
        alive();
        const bytes = chunk as Uint8Array;
        if (most !== null && at + bytes.length > most)
          throw fail(`the server sends more than the ${most} bytes of the file`);
        for (let done = 0; done < bytes.length; ) {
          done += (await file.write(bytes, done, bytes.length - done, at + done)).bytesWritten;
        }
        at += bytes.length;
        options.onProgress?.(at, total);
      }
      if (most !== null && at < most) throw new Transient(`the transfer ended after ${at} of ${most} bytes`);
      await file.sync();
    } catch (error) {
      if (error instanceof RiverrunError || error instanceof Transient) throw error;
      if (abort.signal.aborted) throw new Transient(`no byte came for ${stallMs / 1000} s`);
      const { code } = error as NodeJS.ErrnoException;
      if (code === "ENOSPC" || code === "EDQUOT" || code === "EACCES" || code === "EIO") {
        throw new RiverrunError(`cannot write ${part}: ${messageOf(error)}`, { cause: error });
      }
      throw new Transient(causeOf(error));
    } finally {
      clearTimeout(timer);
      await file?.close();
    }
  };

  try {
    let startOver = false;
    let restarts = 0;
    for (let failures = 0; ; ) {
      const before = fileSize(part) ?? 0;
      try {
        await transfer(startOver);
      } catch (error) {
        if (!(error instanceof Transient)) throw error;
        ({ startOver } = error);
        const received = (fileSize(part) ?? 0) - before;
        failures = received >= 1 << 20 ? 1 : failures + 1;
        if (failures >= mostFailures) {
          throw fail(
            `${error.message}; gave up after ${failures} attempts. What came is kept: run the same command again`,
          );
        }
        const pause = Math.max(error.retryAfterMs, Math.min(30_000, (options.retryMs ?? 1000) * 2 ** (failures - 1)));
        onNotice(`${error.message}; tries again in ${Math.ceil(pause / 1000)} s`);
        await wait(pause);
        continue;
      }
      const bytes = fileSize(part) ?? 0;
      const digest = await sha256Of(part);
      const wrongSize = options.bytes !== undefined && bytes !== options.bytes;
      if (wrongSize || (sha256 !== undefined && digest !== sha256)) {
        discard();
        // A part of an older version of the file, or a damaged one, must not end the matter; a second time it does.
        if (restarts++ === 0 && before > 0) {
          onNotice("what came in parts does not fit together: starts again from the beginning");
          continue;
        }
        throw fail(
          wrongSize
            ? `received ${bytes} bytes, the publisher's file has ${options.bytes}`
            : `the SHA-256 is ${digest}, expected ${sha256}: the file was changed or damaged on its way; nothing was kept`,
        );
      }
      renameSync(part, path);
      rmSync(recordPath, { force: true });
      return { bytes, sha256: digest };
    }
  } finally {
    await dispatcher.destroy().catch(() => {});
  }
}
