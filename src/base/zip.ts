/** Takes files out of zip archives of any size, one at a time: to disk with bounded memory, small ones to memory. */
import { closeSync, createReadStream, fstatSync, openSync, readSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { crc32, createInflateRaw, inflateRawSync } from "node:zlib";
import { messageOf, RiverrunError } from "./errors.ts";

/** A file in an archive. */
export interface ZipEntry {
  readonly name: string;
  readonly bytes: number;
  readonly compressedBytes: number;
  readonly method: number;
  readonly crc: number;
  readonly offset: number;
}

const endSignature = 0x06054b50;
const end64Signature = 0x06064b50;
const locatorSignature = 0x07064b50;
const centralSignature = 0x02014b50;
const localSignature = 0x04034b50;
/** Names of so many files, and no more, are read. */
const largestDirectory = 1 << 26;

/** Sizes of 4 GiB and more stand in an extra field, in the order of those that are 0xffffffff in the header. */
function zip64(extra: Buffer, values: readonly number[]): number[] {
  for (let at = 0; at + 4 <= extra.length; at += 4 + extra.readUInt16LE(at + 2)) {
    if (extra.readUInt16LE(at) !== 1) continue;
    let next = at + 4;
    return values.map((value) => {
      if (value !== 0xffffffff) return value;
      next += 8;
      return Number(extra.readBigUInt64LE(next - 8));
    });
  }
  return [...values];
}

/** The files of an archive, without its folders. @throws RiverrunError where it is none, or a damaged one. */
export function listZip(path: string): ZipEntry[] {
  const descriptor = openSync(path, "r");
  const read = (from: number, length: number): Buffer => {
    const buffer = Buffer.alloc(length);
    if (from < 0 || readSync(descriptor, buffer, 0, length, from) !== length) throw new Error("it ends too early");
    return buffer;
  };
  try {
    const { size } = fstatSync(descriptor);
    const tail = read(Math.max(0, size - 65_557), Math.min(size, 65_557));
    let at = tail.length - 22;
    while (at >= 0 && tail.readUInt32LE(at) !== endSignature) at--;
    if (at < 0) throw new Error("it has no directory");
    let length = tail.readUInt32LE(at + 12);
    let start = tail.readUInt32LE(at + 16);
    if (at >= 20 && tail.readUInt32LE(at - 20) === locatorSignature) {
      const end64 = read(Number(tail.readBigUInt64LE(at - 12)), 56);
      if (end64.readUInt32LE(0) !== end64Signature) throw new Error("its directory is damaged");
      length = Number(end64.readBigUInt64LE(40));
      start = Number(end64.readBigUInt64LE(48));
    }
    if (length > largestDirectory) throw new Error("its directory is too large");
    const directory = read(start, length);
    const entries: ZipEntry[] = [];
    for (let next = 0; next < directory.length; ) {
      if (directory.readUInt32LE(next) !== centralSignature) throw new Error("its directory is damaged");
      const [nameLength, extraLength, noteLength] = [28, 30, 32].map((field) => directory.readUInt16LE(next + field));
      const name = directory.toString("utf8", next + 46, next + 46 + nameLength);
      const extra = directory.subarray(next + 46 + nameLength, next + 46 + nameLength + extraLength);
      const header = [24, 20, 42].map((field) => directory.readUInt32LE(next + field));
      const [bytes, compressedBytes, offset] = zip64(extra, header);
      if ((directory.readUInt16LE(next + 8) & 1) === 1) throw new Error(`${name} is encrypted`);
      const entry = {
        name,
        bytes,
        compressedBytes,
        offset,
        method: directory.readUInt16LE(next + 10),
        crc: directory.readUInt32LE(next + 16),
      };
      if (!name.endsWith("/")) entries.push(entry);
      next += 46 + nameLength + extraLength + noteLength;
    }
    return entries;
  } catch (error) {
    throw new RiverrunError(`${path}: not a whole zip archive: ${messageOf(error)}`, { cause: error });
  } finally {
    closeSync(descriptor);
  }
}

/** Where the compressed bytes of an entry begin: after its local header. */
function startOf(path: string, entry: ZipEntry): number {
  const descriptor = openSync(path, "r");
  try {
    const header = Buffer.alloc(30);
    readSync(descriptor, header, 0, 30, entry.offset);
    if (header.readUInt32LE(0) !== localSignature)
      throw new RiverrunError(`${path}: ${entry.name}: the archive is damaged`);
    return entry.offset + 30 + header.readUInt16LE(26) + header.readUInt16LE(28);
  } finally {
    closeSync(descriptor);
  }
}

/** The compressed bytes of an entry. */
function compressed(path: string, entry: ZipEntry): NodeJS.ReadableStream {
  const start = startOf(path, entry);
  return createReadStream(path, { start, end: start + entry.compressedBytes - 1, highWaterMark: 1 << 18 });
}

/** @throws RiverrunError where an entry is packed in a way that is neither stored nor deflated. */
function refuseUnknownMethod(path: string, { name, method }: ZipEntry): void {
  if (method !== 0 && method !== 8) throw new RiverrunError(`${path}: ${name}: unknown compression ${method}`);
}

/** A larger file is not read into memory. */
const largestInMemory = 1 << 28;

/**
 * One file of an archive as bytes; checks its size and CRC-32.
 *
 * @throws RiverrunError where the archive is damaged, its compression unknown or the file larger than 256 MiB.
 */
export function readZip(path: string, entry: ZipEntry): Buffer {
  refuseUnknownMethod(path, entry);
  const { name, method, bytes, compressedBytes, crc } = entry;
  if (Math.max(bytes, compressedBytes) > largestInMemory) {
    throw new RiverrunError(`${path}: ${name}: ${bytes} bytes are more than fit: expected at most ${largestInMemory}`);
  }
  const descriptor = openSync(path, "r");
  try {
    const start = startOf(path, entry);
    const packed = Buffer.alloc(compressedBytes);
    readSync(descriptor, packed, 0, compressedBytes, start);
    const whole = method === 0 ? packed : inflateRawSync(packed, { maxOutputLength: Math.max(1, bytes) });
    if (whole.length !== bytes || crc32(whole) !== crc) throw new Error("the archive is damaged");
    return whole;
  } catch (error) {
    if (error instanceof RiverrunError) throw error;
    throw new RiverrunError(`${path}: ${name}: cannot be unpacked: ${messageOf(error)}`, { cause: error });
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Writes one file of an archive to `target`, synced; checks its size and CRC-32.
 *
 * @throws RiverrunError where the archive is damaged or its compression unknown.
 */
export async function extractZip(path: string, entry: ZipEntry, target: string): Promise<void> {
  refuseUnknownMethod(path, entry);
  let file: FileHandle | undefined;
  let bytes = 0;
  let crc = 0;
  try {
    file = await open(target, "w");
    if (entry.compressedBytes > 0) {
      const source = compressed(path, entry);
      let stream = source;
      if (entry.method === 8) {
        const inflate = createInflateRaw({ chunkSize: 1 << 18 });
        source.on("error", (error) => inflate.destroy(error));
        stream = source.pipe(inflate);
      }
      for await (const chunk of stream) {
        const piece = chunk as Buffer;
        bytes += piece.length;
        if (bytes > entry.bytes) throw new RiverrunError(`${path}: ${entry.name}: larger than the archive says`);
        crc = crc32(piece, crc);
        await file.writeFile(piece);
      }
    }
    if (bytes !== entry.bytes || crc !== entry.crc)
      throw new RiverrunError(`${path}: ${entry.name}: the archive is damaged`);
    await file.sync();
  } catch (error) {
    if (error instanceof RiverrunError) throw error;
    throw new RiverrunError(`${path}: ${entry.name}: cannot be unpacked: ${messageOf(error)}`, { cause: error });
  } finally {
    await file?.close();
  }
}
