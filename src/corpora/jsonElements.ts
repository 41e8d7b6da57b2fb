/** Large JSON files element by element: the outer lists and objects are walked, the elements inside parsed whole. */
import { createReadStream } from "node:fs";
import { locateJsonFault } from "./jsonFault.ts";
import { requireFile } from "./textFile.ts";

/** Keys and indices from the top of a file down to an element. */
export type JsonPath = readonly (string | number)[];

/** Where an element begins, or where its fault is. */
interface JsonPosition {
  readonly path: JsonPath;
  readonly line: number;
  /** Byte of the line; the first is 1. */
  readonly column: number;
}

/** One element, or what is wrong at a place. */
export type JsonElement =
  | (JsonPosition & { readonly value: unknown })
  | (JsonPosition & {
      readonly error: string;
      /** Whether nothing can be read after it. */
      readonly fatal: boolean;
    });

/** Which containers are walked, by their path; all others, and all scalars, are elements. */
export type Descend = (path: JsonPath) => boolean;

/** A larger element is an error, so that no file can ask for unbounded memory; SQuAD's largest article has 0.4 MB. */
export const largestElement = 1 << 26;
/** Keys longer than this are an error. */
const largestKey = 1 << 16;
/** Keys of one object that are remembered to find those that occur twice. */
const mostKeys = 1 << 20;

/** `data[3].paragraphs[2]` */
export function describePath(path: JsonPath): string {
  let text = "";
  for (const part of path) {
    if (typeof part === "number") text += `[${part}]`;
    else if (/^[\w-]{1,80}$/.test(part)) text += text === "" ? part : `.${part}`;
    else text += `[${JSON.stringify(part.length > 80 ? `${part.slice(0, 80)}...` : part)}]`;
  }
  return text === "" ? "the top level" : text;
}

interface Frame {
  readonly isList: boolean;
  index: number;
  key: string;
  readonly keys: Set<string>;
}

type Mode = "value" | "firstValue" | "firstKey" | "key" | "colon" | "after" | "done" | "capture" | "failed";

const quote = 0x22;
const backslash = 0x5c;
const openList = 0x5b;
const closeList = 0x5d;
const openObject = 0x7b;
const closeObject = 0x7d;
const comma = 0x2c;
const colon = 0x3a;
const newline = 0x0a;
const byteOrderMark = [0xef, 0xbb, 0xbf];

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === newline || byte === 0x0d || byte === 0x09;
}

function nameOf(byte: number): string {
  return byte > 0x20 && byte < 0x7f ? `"${String.fromCharCode(byte)}"` : `byte 0x${byte.toString(16).padStart(2, "0")}`;
}

/** A push parser: bytes in, in pieces of any size; elements out. */
export class JsonElementScanner {
  readonly #descend: Descend;
  readonly #frames: Frame[] = [];
  readonly #decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  #mode: Mode = "value";
  #found: JsonElement[] = [];
  /** Bytes before the piece that is being read. */
  #before = 0;
  #line = 1;
  #lineStart = 0;
  // The element or key that is being read.
  #parts: Uint8Array[] = [];
  #length = 0;
  #kind: "key" | "string" | "container" | "scalar" = "scalar";
  #depth = 0;
  #inString = false;
  #escaped = false;
  #startLine = 1;
  #startColumn = 1;

  constructor(descend: Descend) {
    this.#descend = descend;
  }

  #path(): JsonPath {
    return this.#frames.map((frame) => (frame.isList ? frame.index : frame.key));
  }

  #fail(error: string, line: number, column: number, path = this.#path()): void {
    this.#found.push({ path, line, column, error, fatal: true });
    this.#mode = "failed";
    this.#parts = [];
  }

  #begin(kind: "key" | "string" | "container" | "scalar", at: number): void {
    this.#kind = kind;
    this.#parts = [];
    this.#length = 0;
    this.#depth = 0;
    this.#inString = false;
    this.#escaped = false;
    this.#startLine = this.#line;
    this.#startColumn = this.#before + at - this.#lineStart + 1;
    this.#mode = "capture";
  }

  /** The elements that end in this piece. */
  push(bytes: Uint8Array): JsonElement[] {
    this.#found = [];
    for (let at = 0; at < bytes.length && this.#mode !== "failed"; ) {
      at = this.#mode === "capture" ? this.#capture(bytes, at) : this.#step(bytes, at);
    }
    this.#before += bytes.length;
    return this.#found;
  }

  /** What the end of the file completes, or the error that it comes too early. */
  end(): JsonElement[] {
    this.#found = [];
    if (this.#mode === "capture" && this.#kind === "scalar") this.#finish();
    if (this.#mode !== "done" && this.#mode !== "failed") {
      const what = this.#before === 0 ? "the file is empty" : "the file ends too early";
      this.#fail(what, this.#line, this.#before - this.#lineStart + 1);
    }
    return this.#found;
  }

  /** Reads on in an element; returns where to go on. */
  #capture(bytes: Uint8Array, from: number): number {
    let at = from;
    let ended = false;
    if (this.#kind === "scalar") {
      while (at < bytes.length) {
        const byte = bytes[at];
        if (isSpace(byte) || byte === comma || byte === closeList || byte === closeObject) {
          ended = true;
          break;
        }
        at++;
      }
    } else {
      let { inString, escaped, depth } = { inString: this.#inString, escaped: this.#escaped, depth: this.#depth };
      while (at < bytes.length) {
        const byte = bytes[at++];
        if (byte === newline) {
          this.#line++;
          this.#lineStart = this.#before + at;
        }
        if (inString) {
          if (escaped) escaped = false;
          else if (byte === backslash) escaped = true;
          else if (byte === quote) {
            inString = false;
            if (depth === 0) {
              ended = true;
              break;
            }
          }
        } else if (byte === quote) inString = true;
        else if (byte === openObject || byte === openList) depth++;
        else if (byte === closeObject || byte === closeList) {
          if (--depth === 0) {
            ended = true;
            break;
          }
        }
      }
      this.#inString = inString;
      this.#escaped = escaped;
      this.#depth = depth;
    }
    this.#length += at - from;
    const limit = this.#kind === "key" ? largestKey : largestElement;
    if (this.#length > limit) {
      this.#fail(
        `the ${this.#kind === "key" ? "key" : "element"} is longer than ${limit} bytes`,
        this.#startLine,
        this.#startColumn,
      );
      return at;
    }
    // A copy where the element goes on in the next piece, because a stream may use its buffer again.
    this.#parts.push(ended ? bytes.subarray(from, at) : bytes.slice(from, at));
    if (ended) this.#finish();
    return at;
  }

  /** Parses the element or key that is complete. */
  #finish(): void {
    const bytes = this.#parts.length === 1 ? this.#parts[0] : Buffer.concat(this.#parts);
    this.#parts = [];
    const position = { line: this.#startLine, column: this.#startColumn };
    if (this.#kind === "key") {
      const frame = this.#frames[this.#frames.length - 1];
      try {
        frame.key = JSON.parse(this.#decoder.decode(bytes)) as string;
      } catch {
        this.#fail("expected a key in valid UTF-8 and with valid escapes", position.line, position.column);
        return;
      }
      if (frame.keys.has(frame.key)) {
        this.#found.push({ path: this.#path(), ...position, error: "the key occurs a second time", fatal: false });
      }
      if (frame.keys.size < mostKeys) frame.keys.add(frame.key);
      this.#mode = "colon";
      return;
    }
    this.#mode = this.#frames.length === 0 ? "done" : "after";
    let text: string;
    try {
      text = this.#decoder.decode(bytes);
    } catch {
      this.#found.push({ path: this.#path(), ...position, error: "the element is not UTF-8", fatal: false });
      return;
    }
    try {
      this.#found.push({ path: this.#path(), ...position, value: JSON.parse(text) as unknown });
    } catch {
      const fault = locateJsonFault(text);
      const before = text.slice(0, fault.offset);
      const lastNewline = before.lastIndexOf("\n");
      this.#found.push({
        path: [...this.#path(), ...fault.path],
        line: position.line + before.split("\n").length - 1,
        column: Buffer.byteLength(before.slice(lastNewline + 1)) + (lastNewline < 0 ? position.column : 1),
        error: fault.reason,
        // After such an element the brackets may pair up wrongly, but often they do not: go on while it works.
        fatal: false,
      });
    }
  }

  /** One byte of the structure above the elements. */
  #step(bytes: Uint8Array, at: number): number {
    const byte = bytes[at];
    if (isSpace(byte)) {
      if (byte === newline) {
        this.#line++;
        this.#lineStart = this.#before + at + 1;
      }
      return at + 1;
    }
    // A byte-order mark may stand at the very beginning.
    if (this.#before + at < 3 && this.#mode === "value" && byte === byteOrderMark[this.#before + at]) return at + 1;
    const frame = this.#frames.at(-1);
    const unexpected = (expected: string): number => {
      this.#fail(`expected ${expected}, found ${nameOf(byte)}`, this.#line, this.#before + at - this.#lineStart + 1);
      return at;
    };
    switch (this.#mode) {
      case "firstKey":
      case "key":
        if (byte === closeObject && this.#mode === "firstKey") return this.#close(at);
        if (byte !== quote) return unexpected(this.#mode === "firstKey" ? 'a key or "}"' : "a key");
        this.#begin("key", at);
        return at;
      case "colon":
        if (byte !== colon) return unexpected('":"');
        this.#mode = "value";
        return at + 1;
      case "after":
        if (frame && byte === comma) {
          if (frame.isList) frame.index++;
          this.#mode = frame.isList ? "value" : "key";
          return at + 1;
        }
        if (frame && byte === (frame.isList ? closeList : closeObject)) return this.#close(at);
        return unexpected(frame?.isList ? '"," or "]"' : '"," or "}"');
      case "firstValue":
      case "value":
        if (byte === closeList && this.#mode === "firstValue") return this.#close(at);
        if (byte === openObject || byte === openList) {
          const path = this.#path();
          if (path.length < 64 && this.#descend(path)) {
            this.#frames.push({ isList: byte === openList, index: 0, key: "", keys: new Set() });
            this.#mode = byte === openList ? "firstValue" : "firstKey";
            return at + 1;
          }
          this.#begin("container", at);
          return at;
        }
        if (byte === quote) this.#begin("string", at);
        else if (byte === comma || byte === colon || byte === closeObject || byte === closeList)
          return unexpected("a value");
        else this.#begin("scalar", at);
        return at;
      case "done":
      case "capture":
      case "failed":
        return unexpected("the end of the file");
    }
  }

  #close(at: number): number {
    this.#frames.pop();
    this.#mode = this.#frames.length === 0 ? "done" : "after";
    return at + 1;
  }
}

/**
 * Walks the containers of a JSON file for which `descend` says so, and yields what is inside them, parsed, with bounded
 * memory. A fault comes as `error`; after one with `fatal` nothing follows. A key that an object holds twice is an error.
 *
 * @throws DataMissingError, UsageError where the file cannot be read.
 */
export async function* readJsonElements(path: string, descend: Descend): AsyncGenerator<JsonElement> {
  requireFile(path);
  const scanner = new JsonElementScanner(descend);
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
    for (const element of scanner.push(chunk as Uint8Array)) {
      yield element;
      if ("error" in element && element.fatal) return;
    }
  }
  yield* scanner.end();
}
