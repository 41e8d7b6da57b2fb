/** A warm model over HTTP: routes, limits and errors in front of the queue. */
import {
  createServer,
  type Server as HttpServer,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from "node:http";
import { type AddressInfo, isIPv6, type Socket } from "node:net";
import { messageOf, UsageError } from "../base/errors.ts";
import { BodyBudget, ClientGone, checkHeaders, HttpError, readJson } from "./body.ts";
import { Dispatcher, type DispatchLimits, type Ticket } from "./dispatcher.ts";
import { Engine, EngineCrash, type StartEngine } from "./engine.ts";
import { ServerMetrics } from "./metrics.ts";
import type { EngineSettings, ItemResult, OperationName } from "./protocol.ts";
import { BadField, operationNames, type Work, workOf } from "./requests.ts";

/** How a server is set up. */
export interface ServeOptions extends EngineSettings, DispatchLimits {
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  /** Seconds that a request may take before it is given up. */
  readonly timeout: number;
  /** Bytes that a body may have. */
  readonly maxBody: number;
  /** Names other than loopback's that clients may call a server on loopback by. */
  readonly allowedHosts?: readonly string[];
  /** Said by /health. */
  readonly version: string;
  /** Lines for the log. */
  readonly say?: (message: string) => void;
  readonly startEngine?: StartEngine;
}

/** Bodies of requests that are read or worked on at one time, counted in whole ones of the largest size. */
const bodiesAtOnce = 16;
/** Connections beyond these are closed at once. */
const mostConnections = 4096;
/** Milliseconds that a client has to send its headers; to send a body that is refused. */
const headersTimeout = 10_000;
const drainTimeout = 2_000;
/** Milliseconds that a client has to read its answer. */
const readTimeout = 60_000;
/** Milliseconds that an unused connection stays open: longer than clients and proxies keep theirs. */
const keepAliveTimeout = 75_000;

const getRoutes = ["/health", "/metrics"] as const;

/** Whether a name or address is this machine's own. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}

/** The host of a Host header, without its port. */
function hostName(header: string): string {
  return header
    .replace(/:\d+$/, "")
    .replace(/^\[(.*)\]$/, "$1")
    .toLowerCase();
}

/** Results as the body of an answer. @throws HttpError where an item was refused or failed. */
function answerOf(results: readonly ItemResult[]): string {
  const records: string[] = [];
  for (const [place, result] of results.entries()) {
    if ("refused" in result) {
      // Of all fields, the values alone are of an item.
      const refused = result.refused.replace(/^values(?=: )/, `latents[${place}].values`);
      const name = /^(first|second|beam|temperature|noise-variance|top-[kp]|min-p|latents\[\d+\]\.values)[: ]/.exec(
        refused,
      )?.[1];
      const field = name?.replace(/-(.)/, (_, letter: string) => letter.toUpperCase());
      throw new HttpError(422, refused, field === undefined ? {} : { field });
    }
    if ("failed" in result) throw new HttpError(500, result.failed);
    for (const record of result.records) records.push(record);
  }
  return `{"records":[${records.join(",")}]}\n`;
}

/** One model behind one port. */
export class ModelServer {
  readonly #options: ServeOptions;
  readonly #engine: Engine;
  readonly #dispatcher: Dispatcher;
  readonly #metrics = new ServerMetrics();
  readonly #bodies: BodyBudget;
  readonly #http: HttpServer;
  readonly #started = performance.now();
  #open = 0;
  #stopping = false;

  private constructor(options: ServeOptions) {
    this.#options = options;
    const { model, device, threads, precision } = options;
    this.#engine = new Engine({ model, device, threads, precision }, options.startEngine);
    this.#engine.onTrouble = (message) => options.say?.(message);
    this.#dispatcher = new Dispatcher(this.#engine, options);
    this.#bodies = new BodyBudget(bodiesAtOnce * options.maxBody);
    const listener: RequestListener = (request, response) => {
      this.#serve(request, response).catch((error: unknown) => {
        options.say?.(`an answer failed: ${messageOf(error)}`);
        response.destroy();
      });
    };
    const requestTimeout = Math.max(headersTimeout, 1000 * options.timeout);
    this.#http = createServer({ headersTimeout, requestTimeout, keepAliveTimeout }, listener);
    this.#http.maxConnections = mostConnections;
    this.#http.on("checkContinue", listener);
    this.#http.on("clientError", refuseConnection);
  }

  /**
   * Listens, and reads the model; until it is there, /health says "starting" and work is turned away.
   *
   * @throws DataMissingError, UsageError for the model as `loadModel` does; UsageError where the address cannot be used.
   */
  static async start(options: ServeOptions): Promise<ModelServer> {
    const server = new ModelServer(options);
    try {
      // A port that is taken is known before a large model has been read.
      await server.#listen();
      await server.#engine.open();
    } catch (error) {
      await server.stop();
      throw error;
    }
    return server;
  }

  async #listen(): Promise<void> {
    const { host, port } = this.#options;
    await new Promise<void>((resolve, reject) => {
      this.#http.once("error", (error) => reject(new UsageError(`cannot listen on ${host}:${port}: ${error.message}`)));
      // The queue of connections that wait to be accepted: clients come in crowds.
      this.#http.listen({ host, port, backlog: mostConnections }, resolve);
    });
  }

  /** Where it listens. */
  get address(): { readonly host: string; readonly port: number; readonly url: string } {
    const { address, port } = this.#http.address() as AddressInfo;
    return { host: address, port, url: `http://${isIPv6(address) ? `[${address}]` : address}:${port}` };
  }

  /** Answers given so far. */
  get answers(): number {
    return this.#metrics.total;
  }

  /** Takes no more work, finishes what it has, ends. */
  async stop(): Promise<void> {
    this.#stopping = true;
    const closed = new Promise<void>((resolve) => {
      // Also where it never listened: then with an error that says so.
      this.#http.close(() => resolve());
    });
    this.#http.closeIdleConnections();
    await closed;
    await this.#engine.stop();
  }

  /** One request from its headers to the end of its answer. */
  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const start = performance.now();
    this.#open++;
    let route = "other";
    let status = 499;
    try {
      try {
        this.#checkHost(request);
        const path = (request.url ?? "").split("?", 1)[0];
        const operation = operationNames.find((name) => path === `/${name}`);
        const page = getRoutes.find((name) => path === name);
        if (operation) {
          route = path;
          status = await this.#compute(operation, request, response);
        } else if (page) {
          route = path;
          status = this.#page(page, request, response);
        } else {
          const known = [...operationNames.map((name) => `POST /${name}`), ...getRoutes.map((name) => `GET ${name}`)];
          throw new HttpError(404, `${path}: no such route; there are ${known.join(", ")}`);
        }
      } catch (error) {
        if (error instanceof ClientGone || response.destroyed) return;
        const answer = this.#errorOf(error);
        status = answer.status;
        this.#refuse(request, response, answer);
      }
    } finally {
      this.#open--;
      this.#metrics.answered(route, status, (performance.now() - start) / 1000);
    }
  }

  /** A page in a browser that has had its own name point here must not read the model's answers. */
  #checkHost({ headers }: IncomingMessage): void {
    const { host, allowedHosts = [] } = this.#options;
    if (!isLoopback(host)) return;
    const asked = hostName(headers.host ?? "localhost");
    if (isLoopback(asked) || allowedHosts.includes(asked)) return;
    throw new HttpError(403, `host: this server answers to localhost; "${asked}" must be allowed (serve --allow-host)`);
  }

  #errorOf(error: unknown): HttpError {
    if (error instanceof HttpError) return error;
    if (error instanceof BadField)
      return new HttpError(422, error.message, error.field === "" ? {} : { field: error.field });
    if (error instanceof EngineCrash) {
      const headers = { "retry-after": String(Math.ceil(error.pause)) };
      return new HttpError(503, `${error.message}: come again`, { headers });
    }
    this.#options.say?.(`a request failed: ${messageOf(error)}`);
    return new HttpError(500, messageOf(error));
  }

  #send(
    response: ServerResponse,
    status: number,
    body: string,
    type = "application/json; charset=utf-8",
    headers: Readonly<Record<string, string>> = {},
  ): void {
    response.writeHead(status, {
      "content-type": type,
      "content-length": Buffer.byteLength(body),
      "x-content-type-options": "nosniff",
      ...(this.#stopping ? { connection: "close" } : {}),
      ...headers,
    });
    // Only while an answer is unread: a limit on silence would end requests whose machine was asleep for a while.
    const unread = setTimeout(() => response.destroy(), readTimeout);
    response.once("close", () => clearTimeout(unread));
    response.end(body);
  }

  /** An answer that says what was wrong; where the body was not read, the connection ends with it. */
  #refuse(request: IncomingMessage, response: ServerResponse, { status, message, headers, field }: HttpError): void {
    const body = `${JSON.stringify({ error: message, ...(field === undefined ? {} : { field }) })}\n`;
    if (request.complete) {
      this.#send(response, status, body, undefined, headers);
      return;
    }
    // Closed at once, a connection with unread bytes is reset, and the client may never see why.
    response.writeHead(status, {
      "content-type": "application/json; charset=utf-8",
      "content-length": Buffer.byteLength(body),
      connection: "close",
      ...headers,
    });
    response.write(body);
    const end = (): void => {
      clearTimeout(timer);
      response.end();
    };
    const timer = setTimeout(end, drainTimeout);
    request.once("close", end);
    request.once("end", end);
    request.resume();
  }

  /** GET /health and /metrics. */
  #page(route: (typeof getRoutes)[number], request: IncomingMessage, response: ServerResponse): number {
    if (request.method !== "GET" && request.method !== "HEAD") {
      throw new HttpError(405, `${route} is read by GET, not by ${request.method}`, {
        headers: { allow: "GET, HEAD" },
      });
    }
    const { queued, running } = this.#dispatcher.load;
    const { liveTensors, heldBytes, rssBytes } = this.#engine.memory;
    const { rss: own, heapUsed } = process.memoryUsage();
    const rss = own + rssBytes;
    const uptime = (performance.now() - this.#started) / 1000;
    if (route === "/metrics") {
      const gauges = {
        queued,
        running,
        openRequests: this.#open,
        engineUp: this.#engine.state === "ready",
        engineRestarts: this.#engine.troubles.restarts,
        rssBytes: rss,
        tensorBytes: heldBytes,
        uptimeSeconds: uptime,
      };
      this.#send(response, 200, this.#metrics.page(gauges, this.#dispatcher.counts), "text/plain; version=0.0.4");
      return 200;
    }
    const engine = this.#engine.state;
    const status = this.#stopping ? "stopping" : engine === "ready" ? "ok" : engine;
    const code = status === "ok" ? 200 : 503;
    const megabytes = (bytes: number): number => Math.round(bytes / 2 ** 20);
    const health = {
      status,
      model: this.#options.model,
      ...this.#engine.facts,
      version: this.#options.version,
      uptimeSeconds: Math.round(uptime),
      queue: { queued, running, most: this.#options.maxQueue, openRequests: this.#open },
      engine: { state: engine, pid: this.#engine.pid, ...this.#engine.troubles },
      memory: { rssMb: megabytes(rss), heapMb: megabytes(heapUsed), tensorMb: megabytes(heldBytes), liveTensors },
    };
    this.#send(response, code, `${JSON.stringify(health)}\n`);
    return code;
  }

  /** POST of an operation: body, work, queue, answer. */
  async #compute(operation: OperationName, request: IncomingMessage, response: ServerResponse): Promise<number> {
    const { method, headers } = request;
    if (method !== "POST") {
      throw new HttpError(405, `/${operation} takes POST, not ${method}`, { headers: { allow: "POST" } });
    }
    if (this.#stopping) {
      throw new HttpError(503, "the server is stopping", { headers: { connection: "close", "retry-after": "1" } });
    }
    const { facts } = this.#engine;
    if (!facts) throw new HttpError(503, "the model is being read: come again", { headers: { "retry-after": "1" } });
    checkHeaders(request, this.#options.maxBody);
    if (headers.expect !== undefined) response.writeContinue();
    const share = this.#bodies.share();
    try {
      const body = await readJson(request, this.#options.maxBody, share);
      const ticket = this.#admit(workOf(operation, body, facts));
      const results = await this.#wait(ticket, response);
      this.#send(response, 200, answerOf(results));
      return 200;
    } finally {
      share.giveBack();
    }
  }

  /** @throws HttpError 413 for more work than the queue can ever hold, 503 for more than it can hold now. */
  #admit(work: Work): Ticket {
    const texts = work.items.length * work.costOfItem;
    const { maxQueue } = this.#options;
    if (texts > maxQueue) {
      throw new HttpError(413, `the request asks for ${texts} texts; the queue holds ${maxQueue} (serve --max-queue)`);
    }
    const ticket = this.#dispatcher.submit(work);
    if (ticket) return ticket;
    const { queued } = this.#dispatcher.load;
    throw new HttpError(503, `${queued} texts are waiting and ${texts} more do not fit: come again`, {
      headers: { "retry-after": String(this.#dispatcher.retryAfter) },
    });
  }

  /** The results of a request; work that nobody waits for any more is dropped. */
  async #wait(ticket: Ticket, response: ServerResponse): Promise<readonly ItemResult[]> {
    const { timeout } = this.#options;
    let timer: NodeJS.Timeout | undefined;
    let onClose: () => void = () => undefined;
    const givenUp = new Promise<never>((_, reject) => {
      onClose = () => reject(new ClientGone());
      response.once("close", onClose);
      timer = setTimeout(() => {
        const again = { "retry-after": String(this.#dispatcher.retryAfter) };
        reject(
          new HttpError(503, `the request was not done within ${timeout} s (serve --timeout)`, { headers: again }),
        );
      }, 1000 * timeout);
    });
    try {
      return await Promise.race([ticket.done, givenUp]);
    } catch (error) {
      this.#dispatcher.drop(ticket);
      throw error;
    } finally {
      clearTimeout(timer);
      response.off("close", onClose);
    }
  }
}

/** What is not HTTP, or too slow, is told so where it still listens. */
function refuseConnection(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable || error.code === "ECONNRESET") {
    socket.destroy();
    return;
  }
  const lines: Readonly<Record<string, string>> = {
    HPE_HEADER_OVERFLOW: "431 Request Header Fields Too Large",
    ERR_HTTP_REQUEST_TIMEOUT: "408 Request Timeout",
  };
  const body = `${JSON.stringify({ error: `the request cannot be read: ${messageOf(error)}` })}\n`;
  socket.end(
    `HTTP/1.1 ${lines[error.code ?? ""] ?? "400 Bad Request"}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}
