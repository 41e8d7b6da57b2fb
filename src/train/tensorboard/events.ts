/**
 * The few messages of TensorBoard's protocol buffers that scalars need. Source: tensorboard/compat/proto/event.proto and
 * summary.proto (field numbers), the protocol buffers' encoding guide (wire types).
 */

const wire = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

function varint(value: number | bigint): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  do {
    bytes.push(Number(rest & 0x7fn) | (rest > 0x7fn ? 0x80 : 0));
    rest >>= 7n;
  } while (rest > 0n);
  return Buffer.from(bytes);
}

function key(field: number, type: number): Buffer {
  return varint((field << 3) | type);
}

function double(field: number, value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return Buffer.concat([key(field, wire.fixed64), bytes]);
}

function float(field: number, value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return Buffer.concat([key(field, wire.fixed32), bytes]);
}

function integer(field: number, value: number): Buffer {
  return Buffer.concat([key(field, wire.varint), varint(value)]);
}

function bytes(field: number, value: string | Uint8Array): Buffer {
  const data = Buffer.from(value);
  return Buffer.concat([key(field, wire.bytes), varint(data.length), data]);
}

/** Event {wall_time = 1, step = 2}, the fields that all events have; `wallTime` in seconds since 1970. */
function stamp(wallTime: number, step: number): Buffer {
  return Buffer.concat([double(1, wallTime), integer(2, step)]);
}

/** The first event of a file: file_version = 3. */
export function versionEvent(wallTime: number): Buffer {
  return Buffer.concat([double(1, wallTime), bytes(3, "brain.Event:2")]);
}

/** session_log = 7 with status START: what a reader holds of this step and later ones is about to be made again. */
export function restartEvent(wallTime: number, step: number): Buffer {
  return Buffer.concat([stamp(wallTime, step), bytes(7, integer(1, 1))]);
}

/** summary = 5 with a value = 1 of tag = 1 and simple_value = 2 for each scalar. */
export function scalarEvent(wallTime: number, step: number, scalars: ReadonlyMap<string, number>): Buffer {
  const values = [...scalars].map(([tag, value]) => bytes(1, Buffer.concat([bytes(1, tag), float(2, value)])));
  return Buffer.concat([stamp(wallTime, step), bytes(5, Buffer.concat(values))]);
}

/** The step of an event that this file wrote; undefined for the version, which has none. */
export function stepOf(event: Buffer): number | undefined {
  // wall_time takes the first 9 bytes; the step's key follows.
  if (event.length < 10 || event[9] !== ((2 << 3) | wire.varint)) return undefined;
  let step = 0n;
  for (let at = 10, shift = 0n; at < event.length; at++, shift += 7n) {
    step |= BigInt(event[at] & 0x7f) << shift;
    if (event[at] < 0x80) return Number(step);
  }
  return undefined;
}
