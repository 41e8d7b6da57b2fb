/** Bodies of requests: read with a limit each and a limit together, then parsed. */
import type { IncomingMessage } from "node:http";
import { messageOf } from "../base/errors.ts";

/** An answer other than 200, with what to say. */
export class HttpError extends Error {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly field: string | undefined;

  constructor(
    status: number,
    message: string,
    more: { readonly headers?: Readonly<Record<string, string>>; readonly field?: string } = {},
  ) {
    super(message);
    this.status = status;
    this.headers = more.headers ?? {};
    this.field = more.field;
  }
}

/** The client has gone; nobody is left to answer. */
export class ClientGone extends Error {}

/** Bytes of the requests that are being read or worked on. */
export class BodyBudget {
  readonly #most: number;
  #held = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /** The share of a request, empty at first. */
  share(): BodyShare {
    let own = 0;
    return {
      take: (bytes) => {
        if (this.#held + bytes > this.#most) {
          throw new HttpError(503, "the bodies of other requests fill the memory set aside for them: come again", {
            headers: { "retry-after": "1" },
          });
        }
        this.#held += bytes;
        own += bytes;
      },
      giveBack: () => {
        this.#held -= own;
        own = 0;
      },
    };
  }
}

/**
 * What one request holds of a budget. What is parsed out of a body lives as long as its request, so the share is given
 * back when that has been answered.
 */
export interface BodyShare {
  /** @throws HttpError 503 where there is no room. */
  take(bytes: number): void;
  giveBack(): void;
}

const tooLarge = (limit: number): HttpError =>
  new HttpError(413, `the body is larger than ${limit} bytes (serve --max-body)`);

/**
 * Checks what the headers say of a body, before any of it is read.
 *
 * @throws HttpError 411, 413, 415
 */
export function checkHeaders({ headers }: IncomingMessage, limit: number): void {
  const type = headers["content-type"] ?? "";
  // A page in a browser may send text/plain anywhere without asking; JSON it may not.
  if (!/^application\/json\s*(;|$)/i.test(type)) {
    throw new HttpError(415, `content-type: expected application/json, got ${type === "" ? "none" : `"${type}"`}`);
  }
  const encoding = headers["content-encoding"] ?? "identity";
  if (encoding !== "identity") throw new HttpError(415, `content-encoding: expected none, got "${encoding}"`);
  if (headers["content-length"] === undefined && headers["transfer-encoding"] === undefined) {
    throw new HttpError(411, "expected a body");
  }
  if (Number(headers["content-length"] ?? 0) > limit) throw tooLarge(limit);
}

/** @throws HttpError 413, 503; ClientGone where the connection ends first */
function readBytes(request: IncomingMessage, limit: number, share: BodyShare): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const end = (settle: () => void): void => {
      request.removeAllListeners("data");
      settle();
    };
    request.on("data", (chunk: Buffer) => {
      try {
        if (length + chunk.length > limit) throw tooLarge(limit);
        share.take(chunk.length);
        length += chunk.length;
        chunks.push(chunk);
      } catch (error) {
        end(() => reject(error));
      }
    });
    request.once("end", () => end(() => resolve(Buffer.concat(chunks))));
    request.once("close", () => end(() => reject(new ClientGone())));
    request.once("error", () => end(() => reject(new ClientGone())));
  });
}

/**
 * The JSON value of a request's body.
 *
 * @throws HttpError 400 where it is not UTF-8 or not JSON, 413, 503; ClientGone
 */
export async function readJson(request: IncomingMessage, limit: number, share: BodyShare): Promise<unknown> {
  const bytes = await readBytes(request, limit, share);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new HttpError(400, "the body is not UTF-8");
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new HttpError(400, `the body is not JSON: ${messageOf(error)}`);
  }
}
