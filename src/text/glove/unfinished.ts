/** A training on disk: the arranged records and the parameters of the last save, enough to go on after a kill. */
import { closeSync, openSync, readFileSync, readSync, rmSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { makeDirectory, removeStaleTemporaries, writeFileAtomic } from "../../base/atomicFile.ts";
import { messageOf, UsageError } from "../../base/errors.ts";
import { isWhole } from "./records.ts";

const count = z.number().int().nonnegative();

const setupSchema = z.strictObject({
  version: z.literal(1),
  vocabularySize: count,
  tokens: count,
  dimensions: z.number().int().positive(),
  window: z.number().int().positive(),
  xMax: z.number().positive(),
  learningRate: z.number().positive(),
  seed: z.number().int(),
  precision: z.enum(["float32", "float64"]),
  records: z.strictObject({ count, parts: z.number().int().positive(), starts: z.array(count) }),
  /** What the caller wants back: the words, its own options. */
  about: z.unknown(),
});

/** What a training was set up with. */
export type Setup = z.infer<typeof setupSchema>;

const positionSchema = z.strictObject({
  /** Passes done. */
  iteration: count,
  /** Rounds done of the pass after them. */
  round: count,
  /** Mean loss of the last whole pass; null before it. */
  loss: z.number().nullable(),
  /** Loss of each block that was worked on in the unfinished pass. */
  losses: z.array(z.number()),
});

/** How far a training has come. */
export type Position = z.infer<typeof positionSchema>;

/** Bytes of the header of the parameters' file: its own length in JSON would move with the position. */
const headerAlignment = 64;
const pieceBytes = 1 << 26;

/** The folder of a training that has not ended. */
export class UnfinishedGlove {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  get #setupFile(): string {
    return join(this.path, "setup.json");
  }

  get #parametersFile(): string {
    return join(this.path, "parameters.bin");
  }

  /** Where the records lie. */
  get recordsFile(): string {
    return join(this.path, "records.bin");
  }

  /** Where runs of co-occurrences lie while they are counted. */
  get countingFolder(): string {
    return join(this.path, "counting");
  }

  /** Makes the folder, empty but for files of others, for a training from the beginning. @throws RiverrunError */
  begin(): void {
    makeDirectory(this.path);
    rmSync(this.#setupFile, { force: true });
    rmSync(this.#parametersFile, { force: true });
    rmSync(this.recordsFile, { force: true });
    this.removeCounting();
    removeStaleTemporaries(this.path);
  }

  removeCounting(): void {
    rmSync(this.countingFolder, { recursive: true, force: true });
  }

  /** Removes the folder with all that is in it. */
  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }

  /** Says that records are all there: from here on a training can be resumed. */
  saveSetup(setup: Setup): void {
    writeFileAtomic(this.#setupFile, JSON.stringify(setup));
  }

  /**
   * What the training was set up with, or undefined where it did not come so far.
   *
   * @throws UsageError where the folder is damaged
   */
  setup(): Setup | undefined {
    let text: string;
    try {
      text = readFileSync(this.#setupFile, "utf8");
    } catch {
      return undefined;
    }
    const setup = this.#parse(setupSchema, text, this.#setupFile);
    const { starts, parts, count: records } = setup.records;
    if (
      starts.length !== parts * parts + 1 ||
      starts[0] !== 0 ||
      starts.some((start, block) => block > 0 && start < starts[block - 1]) ||
      starts[starts.length - 1] !== records ||
      !isWhole(this.recordsFile, records)
    ) {
      throw new UsageError(
        `${this.recordsFile} does not hold the ${records} records of ${this.#setupFile}; ${this.#advice}`,
      );
    }
    return setup;
  }

  get #advice(): string {
    return `remove ${this.path} and start without --resume`;
  }

  #parse<T>(schema: z.ZodType<T>, text: string, file: string): T {
    try {
      return schema.parse(JSON.parse(text));
    } catch (error) {
      const reason =
        error instanceof z.ZodError
          ? `${error.issues[0].path.join(".")}: ${error.issues[0].message}`
          : messageOf(error);
      throw new UsageError(`${file} is damaged (${reason}); ${this.#advice}`, { cause: error });
    }
  }

  /** Saves parameters and position in one file, at once. @throws RiverrunError */
  saveParameters(position: Position, parameters: Uint8Array): void {
    const json = Buffer.from(JSON.stringify(position));
    const header = Buffer.alloc(Math.ceil((4 + json.length) / headerAlignment) * headerAlignment, " ");
    header.writeUInt32LE(header.length, 0);
    json.copy(header, 4);
    writeFileAtomic(this.#parametersFile, [header, parameters]);
  }

  /** Reads what was saved into `parameters`; undefined where nothing was. @throws UsageError where it is damaged */
  loadParameters(parameters: Uint8Array): Position | undefined {
    let descriptor: number;
    try {
      descriptor = openSync(this.#parametersFile, "r");
    } catch {
      return undefined;
    }
    const damaged = (what: string): UsageError =>
      new UsageError(`${this.#parametersFile} is damaged (${what}); ${this.#advice}`);
    try {
      const fill = (target: Uint8Array, from: number): void => {
        for (let filled = 0; filled < target.length; ) {
          const most = Math.min(target.length - filled, pieceBytes);
          const read = readSync(descriptor, target, filled, most, from + filled);
          if (read === 0) throw damaged("it ends early");
          filled += read;
        }
      };
      const size = Buffer.alloc(4);
      fill(size, 0);
      const length = size.readUInt32LE(0);
      if (length < headerAlignment || length > 1 << 20) throw damaged("its header");
      const header = Buffer.alloc(length - 4);
      fill(header, 4);
      const position = this.#parse(positionSchema, header.toString("utf8"), this.#parametersFile);
      fill(parameters, length);
      if (readSync(descriptor, size, 0, 1, length + parameters.length) !== 0) throw damaged("it is too long");
      return position;
    } finally {
      closeSync(descriptor);
    }
  }
}
