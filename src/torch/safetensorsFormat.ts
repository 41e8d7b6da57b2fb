/**
 * The safetensors container: 8 bytes of header length (little-endian), a JSON header, the tensors' bytes. Reading is
 * strict and safe on hostile files: everything is checked against the file's size before anything is allocated.
 */
import { UsageError } from "../base/errors.ts";

/** Bytes of an element by the format's name of its dtype. */
const elementBytes: Readonly<Record<string, number>> = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
};

/** No real header is larger; a larger claim is a damaged file. */
const mostHeaderBytes = 100_000_000;

/** Where one tensor stands. */
export interface TensorEntry {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  /** First byte and the one after the last, from the start of the file. */
  readonly begin: number;
  readonly end: number;
}

/** A checked header. */
export interface SafetensorsHeader {
  readonly metadata: ReadonlyMap<string, string>;
  readonly entries: readonly TensorEntry[];
}

/** Length of the header that the first 8 bytes claim. @throws UsageError where it cannot be. */
export function headerLength(prefix: Uint8Array, fileBytes: number, file: string): number {
  if (prefix.length < 8) throw new UsageError(`${file}: expected a safetensors file, got only ${prefix.length} bytes`);
  const length = new DataView(prefix.buffer, prefix.byteOffset, 8).getBigUint64(0, true);
  if (length < 2n || length > BigInt(Math.min(mostHeaderBytes, fileBytes - 8))) {
    throw new UsageError(
      `${file}: not a whole safetensors file: it claims a header of ${length} bytes in ${fileBytes}`,
    );
  }
  return Number(length);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Keys of the top level that stand twice; JSON.parse would silently keep the last. */
function duplicateKey(text: string): string | undefined {
  const seen = new Set<string>();
  let depth = 0;
  let expectsKey = false;
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (character === '"') {
      const start = at;
      for (at++; at < text.length && text[at] !== '"'; at++) if (text[at] === "\\") at++;
      if (depth === 1 && expectsKey) {
        const key = JSON.parse(text.slice(start, at + 1)) as string;
        if (seen.has(key)) return key;
        seen.add(key);
        expectsKey = false;
      }
    } else if (character === "{" || character === "[") {
      depth++;
      expectsKey = depth === 1;
    } else if (character === "}" || character === "]") depth--;
    else if (character === "," && depth === 1) expectsKey = true;
  }
  return undefined;
}

function entryOf(name: string, value: unknown, start: number, fileBytes: number, file: string): TensorEntry {
  const fail = (what: string): never => {
    throw new UsageError(`${file}: tensor "${name}": ${what}`);
  };
  if (!isObject(value)) return fail("expected an object");
  const { dtype, shape, data_offsets: offsets } = value;
  const bytes = typeof dtype === "string" && Object.hasOwn(elementBytes, dtype) ? elementBytes[dtype] : undefined;
  if (bytes === undefined) return fail(`expected a dtype among ${Object.keys(elementBytes).join(", ")}`);
  const isSize = (size: unknown): size is number => Number.isSafeInteger(size) && (size as number) >= 0;
  if (!Array.isArray(shape) || !shape.every(isSize)) return fail("expected a shape of non-negative integers");
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isSize)) {
    return fail("expected data_offsets of two non-negative integers");
  }
  const [begin, end] = offsets as [number, number];
  const expected = shape.reduce((product, size) => product * size, bytes);
  if (end - begin !== expected) return fail(`its shape needs ${expected} bytes, its offsets say ${end - begin}`);
  if (start + end > fileBytes)
    return fail(`it ends at byte ${start + end} of a file of ${fileBytes}, which was cut short`);
  return { name, dtype: dtype as string, shape, begin: start + begin, end: start + end };
}

/**
 * Reads and checks a header.
 *
 * @param header the JSON bytes after the first 8
 * @throws UsageError naming the file, the tensor and what was expected
 */
export function parseHeader(header: Uint8Array, fileBytes: number, file: string): SafetensorsHeader {
  let text: string;
  let parsed: unknown;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(header);
    parsed = JSON.parse(text);
  } catch {
    throw new UsageError(`${file}: the safetensors header is not JSON in UTF-8`);
  }
  if (!isObject(parsed)) throw new UsageError(`${file}: the safetensors header is not a JSON object`);
  const twice = duplicateKey(text);
  if (twice !== undefined) throw new UsageError(`${file}: the safetensors header names "${twice}" twice`);
  const metadata = new Map<string, string>();
  const entries: TensorEntry[] = [];
  for (const [name, value] of Object.entries(parsed)) {
    if (name === "__metadata__") {
      if (!isObject(value)) throw new UsageError(`${file}: __metadata__ is not an object of strings`);
      for (const [key, word] of Object.entries(value)) {
        if (typeof word !== "string") throw new UsageError(`${file}: __metadata__.${key} is not a string`);
        metadata.set(key, word);
      }
    } else entries.push(entryOf(name, value, 8 + header.length, fileBytes, file));
  }
  entries.sort((a, b) => a.begin - b.begin || a.end - b.end);
  let at = 8 + header.length;
  for (const entry of entries) {
    if (entry.begin !== at) {
      throw new UsageError(
        `${file}: tensor "${entry.name}" begins at byte ${entry.begin}, expected ${at} (no holes, no overlaps)`,
      );
    }
    at = entry.end;
  }
  if (at !== fileBytes) throw new UsageError(`${file}: ${fileBytes - at} bytes after the last tensor`);
  return { metadata, entries };
}

/** The first bytes of a file that holds these tensors in this order: length, JSON, spaces up to a multiple of 8. */
export function serialiseHeader(
  tensors: readonly { readonly name: string; readonly dtype: string; readonly shape: readonly number[] }[],
  metadata: ReadonlyMap<string, string>,
): Uint8Array {
  const header: [string, unknown][] = metadata.size > 0 ? [["__metadata__", Object.fromEntries(metadata)]] : [];
  let at = 0;
  for (const { name, dtype, shape } of tensors) {
    const bytes = shape.reduce((product, size) => product * size, elementBytes[dtype]);
    header.push([name, { dtype, shape, data_offsets: [at, at + bytes] }]);
    at += bytes;
  }
  let json = Buffer.from(JSON.stringify(Object.fromEntries(header)));
  const pad = (8 - (json.length % 8)) % 8;
  json = Buffer.concat([json, Buffer.alloc(pad, " ")]);
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([prefix, json]);
}

/** Bytes of one element of a dtype of the format. */
export function bytesPerElement(dtype: string): number {
  return elementBytes[dtype];
}
