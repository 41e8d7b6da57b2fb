/**
 * TFRecord framing: length (uint64, little-endian), masked CRC-32C of the length, data, masked CRC-32C of the data.
 * Source: TensorFlow, "TFRecord and tf.train.Example", section TFRecords format details.
 */
import { crc32c } from "../../base/crc32c.ts";

/** ((crc >> 15) | (crc << 17)) + 0xa282ead8 mod 2^32: a checksum of data that itself holds checksums. */
export function maskedCrc(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

/** One record. */
export function frame(data: Uint8Array): Buffer {
  const record = Buffer.alloc(16 + data.length);
  record.writeBigUInt64LE(BigInt(data.length), 0);
  record.writeUInt32LE(maskedCrc(record.subarray(0, 8)), 8);
  record.set(data, 12);
  record.writeUInt32LE(maskedCrc(data), 12 + data.length);
  return record;
}

/** The data of every whole record; what a killed process left torn at the end, and all after damage, is passed over. */
export function unframe(file: Buffer): Buffer[] {
  const records: Buffer[] = [];
  for (let at = 0; at + 16 <= file.length; ) {
    const length = Number(file.readBigUInt64LE(at));
    if (file.readUInt32LE(at + 8) !== maskedCrc(file.subarray(at, at + 8)) || at + 16 + length > file.length) break;
    const data = file.subarray(at + 12, at + 12 + length);
    if (file.readUInt32LE(at + 12 + length) !== maskedCrc(data)) break;
    records.push(data);
    at += 16 + length;
  }
  return records;
}
