/** The few files of a zip archive that are asked for. */
import { crc32, inflateRawSync } from "node:zlib";
import { UsageError } from "../../base/errors.ts";

const endOfDirectory = 0x06054b50;
const directoryEntry = 0x02014b50;
const localHeader = 0x04034b50;

/**
 * Files of a zip archive (stored or deflated; no encryption, no zip64, which jars of this size do not use).
 *
 * @returns the contents of the names that are in the archive.
 * @throws UsageError naming the archive and the entry where it is no zip or is damaged.
 */
export function readZipEntries(archive: Buffer, names: readonly string[], where: string): Map<string, Buffer> {
  const broken = (what: string): never => {
    throw new UsageError(`${where} is not a whole zip archive: ${what}`);
  };
  // The end record has a comment of at most 65,535 bytes behind it.
  let end = archive.length - 22;
  while (end >= 0 && end > archive.length - 22 - 0x10000 && archive.readUInt32LE(end) !== endOfDirectory) end--;
  if (end < 0 || archive.readUInt32LE(end) !== endOfDirectory) return broken("it has no directory at its end");
  const wanted = new Set(names);
  const found = new Map<string, Buffer>();
  try {
    let at = archive.readUInt32LE(end + 16);
    for (let left = archive.readUInt16LE(end + 10); left > 0; left--) {
      if (archive.readUInt32LE(at) !== directoryEntry) broken(`its directory is damaged at byte ${at}`);
      const nameLength = archive.readUInt16LE(at + 28);
      const name = archive.toString("utf8", at + 46, at + 46 + nameLength);
      if (wanted.has(name)) found.set(name, readEntry(archive, at, name, where));
      at += 46 + nameLength + archive.readUInt16LE(at + 30) + archive.readUInt16LE(at + 32);
    }
  } catch (error) {
    if (error instanceof RangeError) broken("an offset points outside it");
    throw error;
  }
  return found;
}

/** One entry by its record in the directory. */
function readEntry(archive: Buffer, at: number, name: string, where: string): Buffer {
  const method = archive.readUInt16LE(at + 10);
  const header = archive.readUInt32LE(at + 42);
  if (archive.readUInt32LE(header) !== localHeader) throw new UsageError(`${where}: no header stands before ${name}`);
  const start = header + 30 + archive.readUInt16LE(header + 26) + archive.readUInt16LE(header + 28);
  const packed = archive.subarray(start, start + archive.readUInt32LE(at + 20));
  let bytes: Buffer;
  if (method === 0) bytes = Buffer.from(packed);
  else if (method === 8) {
    try {
      bytes = inflateRawSync(packed);
    } catch (error) {
      throw new UsageError(`${where}: ${name} cannot be unpacked`, { cause: error });
    }
  } else throw new UsageError(`${where}: ${name} is packed by method ${method}; expected 0 (stored) or 8 (deflate)`);
  if (crc32(bytes) !== archive.readUInt32LE(at + 16))
    throw new UsageError(`${where}: ${name} is damaged (its CRC-32 differs)`);
  return bytes;
}
