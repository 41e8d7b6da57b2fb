/** Whether a shared object is whole, asked before it is loaded: mapped, a file that was cut short ends the process by SIGBUS. */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";

/**
 * Bytes that the end of a 64-bit little-endian ELF file lacks, by its header, which says where the table of sections at
 * the end lies; 0 for whole files and for those of another kind, of which this knows nothing.
 *
 * @throws the file system's errors
 */
export function missingBytes(path: string): number {
  const header = Buffer.alloc(64);
  const file = openSync(path, "r");
  try {
    const { size } = fstatSync(file);
    const isElf =
      readSync(file, header, 0, header.length, 0) === header.length && header.readUInt32BE(0) === 0x7f454c46;
    if (!isElf || header[4] !== 2 || header[5] !== 1) return 0;
    const end = Number(header.readBigUInt64LE(40)) + header.readUInt16LE(58) * header.readUInt16LE(60);
    return Math.max(0, end - size);
  } finally {
    closeSync(file);
  }
}
