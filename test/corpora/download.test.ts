import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { hostname } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { withLock } from "../../src/base/folderLock.ts";
import { type DownloadOptions, download } from "../../src/corpora/fetch/download.ts";
import { describeBytes, describeSeconds, TransferRate } from "../../src/corpora/fetch/rate.ts";
import type { DataSet } from "../../src/corpora/fetch/registry.ts";
import { dataSets, fetchSet, folderOf, isFetched, requireDataSet } from "../../src/corpora/index.ts";
import { put, scratch } from "./support.ts";

const folder = scratch();
const content = Buffer.from(Array.from({ length: 300_000 }, (_, index) => (index * 31 + (index >> 8)) & 255));
const sha256 = createHash("sha256").update(content).digest("hex");

type Handler = (request: IncomingMessage, response: ServerResponse, number: number) => void;
let handler: Handler = () => {};
let requests: { readonly range: string | undefined; readonly ifRange: string | undefined }[] = [];
let server: Server;
let base = "";

beforeAll(async () => {
  server = createServer((request, response) => {
    requests.push({ range: request.headers.range, ifRange: request.headers["if-range"] as string | undefined });
    handler(request, response, requests.length);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
afterEach(() => {
  requests = [];
  vi.unstubAllEnvs();
});

/** A server as it should be; `only` cuts the connection after so many bytes of the file. */
function serve(
  request: IncomingMessage,
  response: ServerResponse,
  options: { body?: Buffer; etag?: string | null; only?: number } = {},
): void {
  const { body = content, etag = '"v1"', only } = options;
  const ranged = /^bytes=(\d+)-$/.exec(request.headers.range ?? "");
  const valid = request.headers["if-range"] === undefined || request.headers["if-range"] === etag;
  const from = ranged && valid ? Number(ranged[1]) : 0;
  if (from > 0 && from >= body.length) {
    response.writeHead(416, { "content-range": `bytes */${body.length}` }).end();
    return;
  }
  response.writeHead(from > 0 ? 206 : 200, {
    "content-length": body.length - from,
    ...(etag === null ? {} : { etag }),
    ...(from > 0 ? { "content-range": `bytes ${from}-${body.length - 1}/${body.length}` } : {}),
  });
  if (only === undefined || only >= body.length) response.end(body.subarray(from));
  else response.write(body.subarray(from, only), () => setTimeout(() => response.destroy(), 20));
}

const good: Handler = (request, response) => serve(request, response);

let names = 0;
function fetchFile(options: Partial<DownloadOptions> = {}): {
  path: string;
  notices: string[];
  result: ReturnType<typeof download>;
} {
  const path = options.path ?? join(folder, `file${names++}`);
  const notices: string[] = [];
  const result = download({
    url: `${base}/file`,
    path,
    attempts: 3,
    stallMs: 400,
    retryMs: 5,
    onNotice: (message) => notices.push(message),
    ...options,
  });
  return { path, notices, result };
}
const rest = (path: string): string[] =>
  readdirSync(folder).filter((name) => join(folder, name).startsWith(`${path}.`));

describe("downloads", () => {
  test("of a good server are whole and checked, with progress", async () => {
    handler = good;
    const seen: (number | null)[][] = [];
    const { path, result } = fetchFile({
      sha256,
      bytes: content.length,
      onProgress: (received, total) => seen.push([received, total]),
    });
    expect(await result).toEqual({ bytes: content.length, sha256 });
    expect(readFileSync(path).equals(content)).toBe(true);
    expect(rest(path)).toEqual([]);
    expect(seen[0]).toEqual([0, content.length]);
    expect(seen.at(-1)).toEqual([content.length, content.length]);
  });

  test("go on where the connection was cut, again and again", async () => {
    handler = (request, response, number) =>
      serve(request, response, { only: number < 3 ? number * 100_000 : content.length });
    const { path, notices, result } = fetchFile();
    expect((await result).sha256).toBe(sha256);
    expect(requests.map(({ range }) => range)).toEqual([undefined, "bytes=100000-", "bytes=200000-"]);
    expect(requests[1].ifRange).toBe('"v1"');
    expect(notices).toContain("goes on at 100.0 kB");
    expect(rest(path)).toEqual([]);
  });

  test("keep the part for the next call when they give up", async () => {
    handler = (request, response, number) =>
      number === 1 ? serve(request, response, { only: 120_000 }) : void response.writeHead(503).end();
    const { path, result } = fetchFile();
    await expect(result).rejects.toThrow("the server answers 503; gave up after 3 attempts");
    expect(existsSync(path)).toBe(false);
    expect(readFileSync(`${path}.part`).length).toBe(120_000);
    handler = good;
    requests = [];
    const again = fetchFile({ path });
    expect((await again.result).sha256).toBe(sha256);
    expect(requests.map(({ range }) => range)).toEqual(["bytes=120000-"]);
  });

  test("start again where the file changed meanwhile, and never mix two versions", async () => {
    const other = Buffer.from(content).reverse();
    handler = (request, response, number) =>
      number === 1
        ? serve(request, response, { only: 100_000 })
        : serve(request, response, { body: other, etag: '"v2"' });
    const { path, notices, result } = fetchFile();
    await result;
    expect(readFileSync(path).equals(other)).toBe(true);
    expect(notices).toContain("the server starts from the beginning");
  });

  test("trust no part without a validator or a SHA-256", async () => {
    handler = (request, response, number) =>
      serve(request, response, { etag: null, ...(number === 1 ? { only: 100_000 } : {}) });
    const { result } = fetchFile();
    expect((await result).sha256).toBe(sha256);
    expect(requests.map(({ range }) => range)).toEqual([undefined, undefined]);
    requests = [];
    const checked = fetchFile({ sha256 });
    await checked.result;
    expect(requests.map(({ range }) => range)).toEqual([undefined, "bytes=100000-"]);
  });

  test("survive ranges that are served wrongly", async () => {
    // Another range than was asked for.
    handler = (request, response, number) => {
      if (number === 1) serve(request, response, { only: 100_000 });
      else if (request.headers.range)
        response
          .writeHead(206, { "content-range": `bytes 5-${content.length - 1}/${content.length}`, etag: '"v1"' })
          .end(content.subarray(5));
      else serve(request, response);
    };
    const wrong = fetchFile();
    expect((await wrong.result).sha256).toBe(sha256);
    // No Content-Range at all.
    requests = [];
    handler = (request, response, number) => {
      if (number === 1) serve(request, response, { only: 100_000 });
      else if (request.headers.range) response.writeHead(206, { etag: '"v1"' }).end(content.subarray(100_000));
      else serve(request, response);
    };
    expect((await fetchFile().result).sha256).toBe(sha256);
    // The right header over the wrong bytes: the hash finds out, and it starts again once.
    requests = [];
    handler = (request, response, number) => {
      if (number === 1) serve(request, response, { only: 100_000 });
      else if (request.headers.range)
        response
          .writeHead(206, { "content-range": `bytes 100000-${content.length - 1}/${content.length}`, etag: '"v1"' })
          .end(Buffer.alloc(content.length - 100_000));
      else serve(request, response);
    };
    const mixed = fetchFile({ sha256 });
    expect((await mixed.result).sha256).toBe(sha256);
    expect(mixed.notices.join()).toContain("does not fit together");
    // 416 for a part that is whole already.
    requests = [];
    const path = join(folder, "whole");
    writeFileSync(`${path}.part`, content);
    writeFileSync(`${path}.part.json`, JSON.stringify({ url: `${base}/file`, validator: '"v1"', total: null }));
    handler = good;
    expect((await fetchFile({ path }).result).sha256).toBe(sha256);
    expect(requests).toHaveLength(1);
  });

  test("killed in the middle go on from what is on the disk", async () => {
    const path = join(folder, "killed");
    handler = (_, response) => {
      response.writeHead(200, { "content-length": content.length, etag: '"v1"' });
      response.write(content.subarray(0, 150_000)); // and the rest never comes
    };
    const script = join(import.meta.dirname, "children", "download.ts");
    const child = spawn(process.execPath, ["--import", "tsx", script, `${base}/file`, path], { stdio: "inherit" });
    const ended = new Promise((resolve) => child.on("close", (_, signal) => resolve(signal)));
    await vi.waitFor(() => expect(statSync(`${path}.part`).size).toBe(150_000), { timeout: 60_000, interval: 20 });
    child.kill("SIGKILL");
    expect(await ended).toBe("SIGKILL");
    handler = good;
    requests = [];
    expect((await fetchFile({ path }).result).sha256).toBe(sha256);
    expect(requests).toEqual([{ range: "bytes=150000-", ifRange: '"v1"' }]);
  });

  test("break off a transfer that stalls, before and after the first byte", async () => {
    handler = (request, response, number) => {
      if (number === 1) return; // never answers
      if (number === 2) {
        response.writeHead(200, { "content-length": content.length, etag: '"v1"' });
        response.write(content.subarray(0, 50_000));
        return; // and nothing more
      }
      serve(request, response);
    };
    const { notices, result } = fetchFile({ attempts: 5, stallMs: 150 });
    expect((await result).sha256).toBe(sha256);
    expect(notices.filter((notice) => /no byte came for 0.15 s|Timeout/i.test(notice))).toHaveLength(2);
  });

  test.each([404, 403, 410, 401])("end at once where the server answers %d", async (status) => {
    handler = (_, response) => void response.writeHead(status).end("no");
    const { result } = fetchFile();
    await expect(result).rejects.toThrow(`${base}/file: the server answers ${status}`);
    expect(requests).toHaveLength(1);
  });

  test.each([429, 500, 502, 408])("try again where the server answers %d", async (status) => {
    handler = (request, response, number) =>
      number === 1 ? void response.writeHead(status, { "retry-after": "0" }).end() : serve(request, response);
    expect((await fetchFile().result).sha256).toBe(sha256);
    expect(requests).toHaveLength(2);
  });

  test("refuse a size that is not the publisher's, stated or sent", async () => {
    handler = good;
    await expect(fetchFile({ bytes: 299_999 }).result).rejects.toThrow(
      "the server's file has 300000 bytes, the publisher's has 299999",
    );
    // A server that does not state the size and sends too much, or too little.
    const chunked =
      (body: Buffer): Handler =>
      (_, response) =>
        void response.writeHead(200).end(body);
    handler = chunked(content);
    await expect(fetchFile({ bytes: 200_000 }).result).rejects.toThrow("sends more than the 200000 bytes");
    handler = chunked(content.subarray(0, 1000));
    await expect(fetchFile({ bytes: 2000 }).result).rejects.toThrow("the transfer ended after 1000 of 2000 bytes");
  });

  test("accept a server that does not state the size", async () => {
    handler = (_, response) => void response.writeHead(200).end(content);
    expect(await fetchFile().result).toEqual({ bytes: content.length, sha256 });
  });

  test("keep nothing of a file with another SHA-256", async () => {
    handler = good;
    const { path, result } = fetchFile({ sha256: "0".repeat(64) });
    await expect(result).rejects.toThrow(`the SHA-256 is ${sha256}, expected ${"0".repeat(64)}`);
    expect([existsSync(path), ...rest(path)]).toEqual([false]);
  });

  test("refuse a web page in place of a file", async () => {
    handler = (_, response) =>
      void response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end("<html>log in</html>");
    await expect(fetchFile().result).rejects.toThrow("a web page instead of the file");
  });

  test("give up where nobody listens, and name the reason", async () => {
    const closed = createServer();
    await new Promise<void>((resolve) => closed.listen(0, "127.0.0.1", resolve));
    const { port } = closed.address() as AddressInfo;
    await new Promise((resolve) => closed.close(resolve));
    await expect(fetchFile({ url: `http://127.0.0.1:${port}/file`, attempts: 2 }).result).rejects.toThrow(
      /ECONNREFUSED.*gave up after 2 attempts/,
    );
  });

  test("do not go on from a part of another address, or with a damaged record", async () => {
    handler = good;
    for (const record of [JSON.stringify({ url: "http://elsewhere/", validator: '"v1"', total: null }), "{damaged"]) {
      const path = join(folder, `foreign${names++}`);
      writeFileSync(`${path}.part`, "foreign bytes");
      writeFileSync(`${path}.part.json`, record);
      expect((await fetchFile({ path }).result).sha256).toBe(sha256);
    }
    expect(requests.map(({ range }) => range)).toEqual([undefined, undefined]);
  });

  test("go through the proxy that the environment names", async () => {
    handler = good;
    const tunnels: string[] = [];
    const proxy = createServer((request, response) => {
      tunnels.push(request.url ?? "");
      serve(request, response);
    });
    proxy.on("connect", (request: IncomingMessage, socket: Socket) => {
      tunnels.push(request.url ?? "");
      const target = connect((server.address() as AddressInfo).port, "127.0.0.1", () => {
        socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
        target.pipe(socket).pipe(target);
      });
      for (const end of [socket, target]) end.on("error", () => {});
    });
    await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
    vi.stubEnv("HTTP_PROXY", `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`);
    vi.stubEnv("http_proxy", undefined);
    vi.stubEnv("NO_PROXY", "");
    vi.stubEnv("no_proxy", "");
    try {
      expect((await fetchFile({ url: "http://data.example.test/file" }).result).sha256).toBe(sha256);
      expect(tunnels.join()).toContain("data.example.test");
    } finally {
      proxy.closeAllConnections();
      proxy.close();
    }
  });
});

describe("sets", () => {
  const set = (files: DataSet["files"]): DataSet => ({
    name: `set${names++}`,
    title: "A made-up set",
    files,
    licence: "none",
    citation: "none",
    homepage: "none",
    use: "tests",
  });

  test("are fetched once, resumed file by file, and then are there offline", async () => {
    vi.stubEnv("XDG_CACHE_HOME", join(folder, "cache"));
    const made = set([
      { url: `${base}/a`, name: "a.bin", bytes: content.length, isExact: true, sha256 },
      { url: `${base}/b`, name: "b.bin", bytes: null },
    ]);
    await expect(fetchSet(made, { offline: true })).rejects.toThrow(
      "lacks a.bin, b.bin (A made-up set), and --offline",
    );
    handler = (request, response) =>
      request.url === "/a" ? serve(request, response) : void response.writeHead(404).end();
    await expect(fetchSet(made)).rejects.toThrow("/b: the server answers 404");
    expect(isFetched(made)).toBe(false);
    requests = [];
    handler = good;
    const fetched = await fetchSet(made);
    expect(requests).toHaveLength(1);
    expect(fetched).toMatchObject({
      wasThere: false,
      folder: folderOf(made),
      files: [
        { name: "a.bin", sha256 },
        { name: "b.bin", bytes: content.length },
      ],
    });
    expect(await fetchSet(made, { offline: true })).toMatchObject({ wasThere: true });
    expect(requests).toHaveLength(1);
    expect(readdirSync(folderOf(made)).sort()).toEqual(["a.bin", "b.bin", "fetched.json"]);
  });

  test("that are archives come unpacked, and a damaged archive is fetched anew", async () => {
    vi.stubEnv("XDG_CACHE_HOME", join(folder, "cache"));
    const tar = Buffer.alloc(2048);
    tar.write("inner/data.txt", 0);
    tar.write("0000644\0", 100);
    tar.write("00000000005\0", 124);
    tar.write("00000000000\0", 136);
    tar.write("        0", 148);
    tar.write("ustar\u000000", 257, "latin1");
    const sum = tar.subarray(0, 512).reduce((total, byte) => total + byte, 0);
    tar.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
    tar.write("hello", 512);
    const archive = gzipSync(tar);
    const made = set([{ url: `${base}/x.tgz`, name: "x.tgz", bytes: null, unpack: "tar.gz" }]);
    handler = (request, response) => serve(request, response, { body: archive.subarray(0, archive.length - 20) });
    await expect(fetchSet(made)).rejects.toThrow("tar cannot unpack it");
    expect(readdirSync(folderOf(made))).toEqual([]);
    handler = (request, response) => serve(request, response, { body: archive });
    await fetchSet(made);
    expect(readFileSync(join(folderOf(made), "inner/data.txt"), "utf8")).toBe("hello");
    expect(existsSync(join(folderOf(made), "x.tgz"))).toBe(false);
  });

  test("are fetched by one process at a time; the lock of one that died is taken over", async () => {
    const lock = join(folder, "one.lock");
    let inside = 0;
    const purpose = { doing: "fetching this set" };
    const first = withLock(lock, purpose, async () => {
      inside++;
      await expect(withLock(lock, purpose, async () => {})).rejects.toThrow(
        `process ${process.pid} is fetching this set`,
      );
    });
    await first;
    expect([inside, existsSync(lock)]).toEqual([1, false]);
    for (const owner of [
      { pid: 2 ** 22 + 1, host: hostname(), started: null },
      { pid: process.pid, host: hostname(), started: "1" },
      "garbage",
    ]) {
      put(folder, "one.lock", JSON.stringify(owner));
      expect(await withLock(lock, purpose, async () => 5)).toBe(5);
    }
    await expect(withLock(lock, purpose, async () => Promise.reject(new Error("inside")))).rejects.toThrow("inside");
    expect(existsSync(lock)).toBe(false);
  });

  test("are registered with sound facts", () => {
    for (const { files, pip, licence, citation, homepage, name } of dataSets) {
      expect(files.length + (pip ? 1 : 0), name).toBeGreaterThan(0);
      for (const text of [licence, citation, homepage]) expect(text).not.toBe("");
      for (const file of files) {
        expect(new URL(file.url).protocol).toBe("https:");
        if (file.sha256 !== undefined) {
          expect(file.sha256).toMatch(/^[0-9a-f]{64}$/);
          expect(file.sha256From).toBeTruthy();
        }
      }
    }
    vi.stubEnv("XDG_CACHE_HOME", join(folder, "nothing"));
    expect(() => requireDataSet("squad")).toThrow('run "npx riverrun data fetch squad"');
  });
});

describe("rates", () => {
  test("are those of the last ten seconds", () => {
    const rate = new TransferRate();
    expect([rate.bytesPerSecond, rate.secondsLeft(100)]).toEqual([0, null]);
    for (let second = 0; second <= 30; second++)
      rate.add(second, second <= 15 ? second * 1000 : 15_000 + (second - 15) * 10);
    expect(rate.bytesPerSecond).toBe(10);
    expect(rate.secondsLeft(15_250)).toBe(10);
    expect(rate.secondsLeft(null)).toBeNull();
  });

  test("and sizes and times are written for people", () => {
    expect([512, 1500, 30_288_272, 2.2e9].map(describeBytes)).toEqual(["512 B", "1.5 kB", "30.3 MB", "2.2 GB"]);
    expect([5, 65.2, 3723].map(describeSeconds)).toEqual(["0:05", "1:06", "1:02:03"]);
  });
});
