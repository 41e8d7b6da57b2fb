/** Video features in HDF5: one data set a clip, named after it, of shape (frames, channels). */
import { closeSync, openSync, readSync } from "node:fs";
import type { Dataset, File as Hdf5File } from "h5wasm/node";
import { messageOf, UsageError } from "../../base/errors.ts";
import { requireFile } from "../textFile.ts";

/** Features of consecutive frames of one clip. */
export interface ClipFeatures {
  readonly frames: number;
  readonly channels: number;
  /** (frames, channels), row by row. */
  readonly values: Float32Array;
}

/** Whether a file begins as HDF5 files do. */
export function isHdf5(path: string): boolean {
  const signature = Buffer.alloc(8);
  const descriptor = openSync(path, "r");
  try {
    readSync(descriptor, signature, 0, 8, 0);
  } finally {
    closeSync(descriptor);
  }
  return signature.equals(Buffer.from("\x89HDF\r\n\x1a\n", "latin1"));
}

/** A file of frame features, read clip by clip: neither opening nor reading takes memory for the rest of the file. */
export class FrameFeatures {
  readonly #path: string;
  readonly #file: Hdf5File;
  /** Ids of the clips, in the order of the file. */
  readonly clips: readonly string[];

  private constructor(path: string, file: Hdf5File) {
    this.#path = path;
    this.#file = file;
    this.clips = file.keys();
  }

  /** @throws DataMissingError; UsageError where the file is not HDF5. */
  static async open(path: string): Promise<FrameFeatures> {
    requireFile(path);
    if (!isHdf5(path)) throw new UsageError(`${path}: expected an HDF5 file`);
    // Its WebAssembly takes a while to start, which no other command should pay.
    const { default: h5wasm } = await import("h5wasm/node");
    // HDF5's errors are thrown with their reason; otherwise they would be printed on stderr.
    (await h5wasm.ready).activate_throwing_error_handler();
    try {
      const file = new h5wasm.File(path, "r");
      return new FrameFeatures(path, file);
    } catch (error) {
      throw new UsageError(`${path}: the HDF5 file cannot be read: ${messageOf(error)}`, { cause: error });
    }
  }

  #dataset(clip: string): Dataset & { readonly shape: number[] } {
    let found: unknown;
    try {
      // A name is taken as it stands and not as a path, so that no clip reaches into a group.
      found = this.clips.includes(clip) ? this.#file.get(clip) : null;
    } catch (error) {
      throw new UsageError(`${this.#path}: ${clip}: ${messageOf(error)}`, { cause: error });
    }
    if (found === null || found === undefined) throw new UsageError(`${this.#path}: no clip ${JSON.stringify(clip)}`);
    const { shape, type } = found as { readonly shape?: unknown; readonly type?: unknown };
    if (type !== "Dataset" || !Array.isArray(shape) || shape.length !== 2) {
      const what = Array.isArray(shape)
        ? `shape (${shape.join(", ")})`
        : `a ${String(type ?? "something else").toLowerCase()}`;
      throw new UsageError(`${this.#path}: ${clip}: expected a data set of shape (frames, channels), found ${what}`);
    }
    return found as Dataset & { readonly shape: number[] };
  }

  /** (frames, channels) of a clip. @throws UsageError where there is no such clip. */
  shape(clip: string): readonly [number, number] {
    const [frames, channels] = this.#dataset(clip).shape;
    return [frames, channels];
  }

  /**
   * Features of the frames `first` to before `last` of a clip; both are clipped to the frames that there are.
   *
   * @throws UsageError where there is no such clip, or its values are not numbers.
   */
  read(clip: string, first = 0, last = Number.POSITIVE_INFINITY): ClipFeatures {
    const dataset = this.#dataset(clip);
    const [frames, channels] = dataset.shape;
    const from = Math.min(frames, Math.max(0, Math.floor(first)));
    const to = Math.min(frames, Math.max(from, Math.floor(Math.min(last, frames))));
    if (to === from || channels === 0) return { frames: to - from, channels, values: new Float32Array(0) };
    let values: unknown;
    try {
      values = dataset.slice([[from, to], []]);
    } catch (error) {
      throw new UsageError(`${this.#path}: ${clip}: ${messageOf(error)}`, { cause: error });
    }
    if (!ArrayBuffer.isView(values) || values instanceof DataView) {
      throw new UsageError(`${this.#path}: ${clip}: expected numbers, found data of type ${String(dataset.dtype)}`);
    }
    const numbers = values as unknown as ArrayLike<number | bigint>;
    return { frames: to - from, channels, values: Float32Array.from(numbers, Number) };
  }

  close(): void {
    this.#file.close();
  }
}
