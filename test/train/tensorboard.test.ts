import { appendFileSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { MetricsRow } from "../../src/train/index.ts";
import { readMetrics, train } from "../../src/train/index.ts";
import { EventLog } from "../../src/train/tensorboard/eventLog.ts";
import { frame, maskedCrc, unframe } from "../../src/train/tensorboard/records.ts";
import { microConfig, scratch, texts } from "./support.ts";

/** A field of a message: its number, and its value by wire type. */
type Field = readonly [number: number, value: bigint | Buffer];

/** A reader of protocol buffers that shares nothing with the writer: every field of a message, in order. */
function fieldsOf(message: Buffer): Field[] {
  const fields: Field[] = [];
  let at = 0;
  const number = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = message[at++];
      value += BigInt(byte % 128) * 2n ** shift;
      if (byte < 128) return value;
    }
  };
  const take = (length: number): Buffer => {
    at += length;
    expect(at).toBeLessThanOrEqual(message.length);
    return message.subarray(at - length, at);
  };
  while (at < message.length) {
    const key = Number(number());
    const kind = key % 8;
    const read: Record<number, () => bigint | Buffer> = {
      0: number,
      1: () => take(8),
      2: () => take(Number(number())),
      5: () => take(4),
    };
    fields.push([Math.floor(key / 8), read[kind]()]);
  }
  return fields;
}

const bytesOf = (fields: readonly Field[], number: number): Buffer[] =>
  fields.flatMap(([field, value]) => (field === number && Buffer.isBuffer(value) ? [value] : []));

interface Event {
  readonly step: number;
  readonly wallTime: number;
  readonly version: string | undefined;
  readonly restart: boolean;
  readonly scalars: Record<string, number>;
}

function eventsOf(path: string): Event[] {
  const file = readFileSync(path);
  const events: Event[] = [];
  for (let at = 0; at < file.length; ) {
    const length = Number(file.readBigUInt64LE(at));
    const fields = fieldsOf(file.subarray(at + 12, at + 12 + length));
    at += length + 16;
    events.push({
      step: Number(fields.find(([field]) => field === 2)?.[1] ?? 0n),
      wallTime: bytesOf(fields, 1)[0].readDoubleLE(),
      version: bytesOf(fields, 3)[0]?.toString(),
      restart: bytesOf(fields, 7).some((log) => fieldsOf(log).some(([field, value]) => field === 1 && value === 1n)),
      scalars: Object.fromEntries(
        bytesOf(fields, 5)
          .flatMap((summary) => bytesOf(fieldsOf(summary), 1))
          .map((value) => {
            const parts = fieldsOf(value);
            return [bytesOf(parts, 1)[0].toString(), bytesOf(parts, 2)[0].readFloatLE()];
          }),
      ),
    });
  }
  return events;
}

const eventFiles = (folder: string): string[] =>
  readdirSync(folder)
    .filter((name) => name.startsWith("events.out.tfevents."))
    .sort()
    .map((name) => join(folder, name));

const row = (step: number, loss = step): MetricsRow => ({ step, split: "training", wall: 1, loss });

describe("event files", () => {
  it("frame a record as TensorFlow does", () => {
    // tf.io.TFRecordWriter of the record "x": length 1, its masked CRC, the data, the data's masked CRC.
    expect(frame(Buffer.from("x")).subarray(0, 8).toString("hex")).toBe("0100000000000000");
    // The masked CRC is ((crc >> 15) | (crc << 17)) + 0xa282ead8; of "123456789": crc = 0xe3069283.
    const crc = 0xe3069283n;
    const rotated = ((crc >> 15n) | (crc << 17n)) & 0xffffffffn;
    expect(BigInt(maskedCrc(Buffer.from("123456789")))).toBe((rotated + 0xa282ead8n) & 0xffffffffn);
  });

  it("give whole records back and pass over a torn or damaged end", () => {
    const records = ["", "one", "two".repeat(100)].map((text) => Buffer.from(text));
    const file = Buffer.concat(records.map(frame));
    expect(unframe(file)).toEqual(records);
    for (let cut = 1; cut < 300; cut += 13) expect(unframe(file.subarray(0, -cut))).toEqual(records.slice(0, 2));
    const damaged = Buffer.from(file);
    damaged[damaged.length - 10] ^= 1;
    expect(unframe(damaged)).toEqual(records.slice(0, 2));
    // A length that nothing holds.
    expect(unframe(frame(Buffer.alloc(0)).fill(0xff, 0, 8))).toEqual([]);
  });

  it("hold the version, then scalars by split", () => {
    const folder = scratch();
    const log = new EventLog(folder, 0);
    expect(eventFiles(folder)).toEqual([]);
    log.append({ ...row(300, 0.5), epoch: 2, note: "text", none: null });
    log.append({
      step: 2 ** 40,
      split: "validation",
      wall: 3,
      nelboPerToken: -7.25,
      infinite: Number.POSITIVE_INFINITY,
    });
    const [path, ...more] = eventFiles(folder);
    expect(more).toEqual([]);
    const [version, first, second, ...rest] = eventsOf(path);
    expect(rest).toEqual([]);
    expect(version).toMatchObject({ version: "brain.Event:2", step: 0, scalars: {} });
    expect(first).toMatchObject({ step: 300, scalars: { "training/loss": 0.5 } });
    expect(Object.keys(first.scalars)).toEqual(["training/loss"]);
    expect(second).toMatchObject({ step: 2 ** 40, scalars: { "validation/nelboPerToken": -7.25 } });
    expect(second.scalars["validation/infinite"]).toBe(Number.POSITIVE_INFINITY);
    expect(first.wallTime).toBeGreaterThan(1.6e9);
  });

  it("of a resumed run begin a new file and repeat no step", () => {
    const folder = scratch();
    const first = new EventLog(folder, 0);
    for (const step of [1, 2, 3]) first.append(row(step));
    // The process is killed while it writes.
    appendFileSync(eventFiles(folder)[0], frame(Buffer.from("torn")).subarray(0, 9));
    const second = new EventLog(folder, 2);
    for (const step of [3, 4]) second.append(row(step, -step));
    const files = eventFiles(folder).map(eventsOf);
    expect(files.map((events) => events.map(({ step }) => step))).toEqual([
      [0, 1, 2],
      [0, 3, 3, 4],
    ]);
    expect(files[1][1]).toMatchObject({ restart: true, step: 3, scalars: {} });
    expect(files[1][2].scalars).toEqual({ "training/loss": -3 });
    // A resume from an earlier step removes a file of which nothing is left.
    new EventLog(folder, 1).append(row(2));
    expect(eventFiles(folder).map((path) => eventsOf(path).map(({ step }) => step))).toEqual([
      [0, 1],
      [0, 2, 2],
    ]);
  });

  it("leave files of others alone", () => {
    const folder = scratch();
    writeFileSync(join(folder, "notes.txt"), "mine");
    new EventLog(folder, 0).append(row(1));
    expect(readFileSync(join(folder, "notes.txt"), "utf8")).toBe("mine");
  });

  it("of a training say what metrics.jsonl says, also after an interruption", async () => {
    const out = join(scratch(), "run");
    let at = 0;
    const options = { config: microConfig(), texts, out, resume: true };
    const part = await train({
      ...options,
      onEveryStep: ({ step }) => {
        at = step;
      },
      interrupted: () => (at >= 5 ? "SIGTERM" : undefined),
    });
    part.model.dispose();
    (await train(options)).model.dispose();
    // A finished training adds nothing.
    (await train(options)).model.dispose();
    const files = eventFiles(out);
    expect(files).toHaveLength(2);
    const points = files
      .flatMap(eventsOf)
      .flatMap(({ step, scalars }) => Object.entries(scalars).map((entry) => ({ step, entry })));
    const expected = readMetrics(join(out, "metrics.jsonl")).flatMap(
      ({ step, split, wall: _, epoch: __, ...figures }) =>
        Object.entries(figures).flatMap(([name, value]) =>
          typeof value === "number" ? [{ step, entry: [`${split}/${name}`, Math.fround(value)] }] : [],
        ),
    );
    expect(points).toEqual(expected);
  });
});
