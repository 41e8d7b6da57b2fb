/** Tensors in safetensors files, which every framework reads. */
import { closeSync, openSync, readSync, statSync } from "node:fs";
import { crc32 } from "node:zlib";
import { writeFileAtomic } from "../base/atomicFile.ts";
import { DataMissingError, UsageError } from "../base/errors.ts";
import { noGrad } from "./autograd.ts";
import { tensorFromBytes } from "./creation.ts";
import { type DType, isFloating } from "./dtype.ts";
import { bytesPerElement, headerLength, parseHeader, serialiseHeader } from "./safetensorsFormat.ts";
import { scope } from "./scope.ts";
import type { Tensor } from "./tensor.ts";

const formatNames: Readonly<Record<DType, string>> = {
  float64: "F64",
  float32: "F32",
  float16: "F16",
  bfloat16: "BF16",
  int64: "I64",
  int32: "I32",
  uint8: "U8",
  bool: "BOOL",
};
const dtypes = new Map(Object.entries(formatNames).map(([dtype, name]) => [name, dtype as DType]));

/** Where the metadata keeps the checksum of what riverrun wrote. */
const checksumKey = "riverrun.crc32";

/** Where a checksum begins: names, dtypes and shapes by name; the tensors' bytes come after it. */
function layoutChecksum(rows: readonly { name: string; dtype: string; shape: readonly number[] }[]): number {
  const byName = [...rows].sort((a, b) => (a.name < b.name ? -1 : 1));
  return crc32(JSON.stringify(byName.map(({ name, dtype, shape }) => [name, dtype, shape])));
}

/** The checksum after these bytes as well; zlib's own begins anew where there are none. */
function withBytes(checksum: number, bytes: Uint8Array): number {
  return bytes.length === 0 ? checksum : crc32(bytes, checksum);
}

/** What a file holds. */
export interface LoadedTensors {
  readonly tensors: Map<string, Tensor>;
  readonly metadata: ReadonlyMap<string, string>;
}

function place(tensor: Tensor, { device, dtype }: LoadOptions): Tensor {
  const converts = dtype !== undefined && dtype !== tensor.dtype && isFloating(tensor.dtype);
  if (!converts && (device === undefined || device === tensor.device)) return tensor;
  const placed = tensor.to(converts ? dtype : undefined, device);
  tensor.dispose();
  return placed;
}

function readPart(descriptor: number, position: number, length: number, file: string): Uint8Array {
  const part = Buffer.alloc(length);
  for (let read = 0; read < length; ) {
    const count = readSync(descriptor, part, read, Math.min(length - read, 1 << 30), position + read);
    if (count === 0) throw new UsageError(`${file}: the file ended while it was read`);
    read += count;
  }
  return part;
}

/** Choices of `loadSafetensors`. */
export interface LoadOptions {
  /** Where the tensors go; the CPU unless said otherwise. */
  readonly device?: string;
  /** Converts the floating-point tensors; integers and flags keep their own dtype. */
  readonly dtype?: DType;
  /** Takes NaN and +Infinity too. Nothing that riverrun writes holds them: by default they are a damaged file. */
  readonly anyNumbers?: boolean;
}

/** The largest number of a tensor; NaN where it holds one. */
function largest(tensor: Tensor): number {
  return noGrad(() => scope(() => tensor.amax().item()));
}

/**
 * Reads every tensor of a file, one at a time, so that a large file never stands in memory twice. Where the file has the
 * checksum that `saveSafetensors` writes, it is checked; files of other programs have none.
 *
 * @throws DataMissingError where there is no file, UsageError where it is damaged (naming what was expected).
 */
export function loadSafetensors(path: string, options: LoadOptions = {}): LoadedTensors {
  const status = statSync(path, { throwIfNoEntry: false });
  if (!status) throw new DataMissingError(`${path} does not exist`);
  if (!status.isFile()) throw new UsageError(`${path} is not a file: expected tensors in safetensors format`);
  const { size } = status;
  let descriptor: number;
  try {
    descriptor = openSync(path, "r");
  } catch (error) {
    throw new UsageError(`${path} cannot be opened for reading`, { cause: error });
  }
  const tensors = new Map<string, Tensor>();
  try {
    const length = headerLength(readPart(descriptor, 0, Math.min(8, size), path), size, path);
    const { entries, metadata: stored } = parseHeader(readPart(descriptor, 8, length, path), size, path);
    const metadata = new Map(stored);
    const expected = metadata.get(checksumKey);
    metadata.delete(checksumKey);
    let checksum = layoutChecksum(entries);
    for (const { name, dtype, shape, begin, end } of entries) {
      const own = dtypes.get(dtype);
      if (!own) throw new UsageError(`${path}: tensor "${name}": dtype ${dtype} is not used by riverrun`);
      const bytes = readPart(descriptor, begin, end - begin, path);
      if (expected !== undefined) checksum = withBytes(checksum, bytes);
      if (own === "bool" && bytes.some((byte) => byte > 1)) {
        throw new UsageError(`${path}: tensor "${name}": a BOOL element is neither 0 nor 1`);
      }
      const loaded = tensorFromBytes(bytes, shape, own);
      tensors.set(name, loaded);
      if (!options.anyNumbers && isFloating(own) && loaded.numel > 0 && !(largest(loaded) < Number.POSITIVE_INFINITY)) {
        throw new UsageError(`${path}: tensor "${name}" holds NaN or +Infinity: the file is damaged`);
      }
      tensors.set(name, place(loaded, options));
    }
    if (expected !== undefined && expected !== String(checksum)) {
      throw new UsageError(
        `${path}: its bytes are not those that were written (CRC-32 ${checksum}, expected ${expected}): the file is damaged, or another program changed it and kept its metadata "${checksumKey}"`,
      );
    }
    return { tensors, metadata };
  } catch (error) {
    for (const loaded of tensors.values()) loaded.dispose();
    throw error;
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Writes tensors atomically, larger element types first, then by name, with a CRC-32 of them in the metadata.
 *
 * @throws RiverrunError where the file cannot be written; an older one stays.
 */
export function saveSafetensors(
  path: string,
  tensors: ReadonlyMap<string, Tensor>,
  metadata: Readonly<Record<string, string>> = {},
): void {
  const rows = [...tensors].map(([name, tensor]) => ({
    name,
    tensor,
    dtype: formatNames[tensor.dtype],
    shape: tensor.shape,
  }));
  rows.sort((a, b) => bytesPerElement(b.dtype) - bytesPerElement(a.dtype) || (a.name < b.name ? -1 : 1));
  // The header stands before the bytes that its checksum is of, so they are gone through twice.
  const checksum = rows.reduce((sum, { tensor }) => withBytes(sum, tensor.bytes()), layoutChecksum(rows));
  function* parts(): Generator<Uint8Array> {
    yield serialiseHeader(rows, new Map([...Object.entries(metadata), [checksumKey, String(checksum)]]));
    for (const { tensor } of rows) yield tensor.bytes();
  }
  writeFileAtomic(path, parts());
}
