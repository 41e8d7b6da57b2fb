/** Seeded random generators of libtorch whose state can be saved. */
import { type Handle, native } from "./native.ts";
import { Tensor } from "./tensor.ts";

const collected = new FinalizationRegistry<Handle>((handle) => native.generatorFree(handle));

/** A stream of random numbers, determined by its seed (mt19937 on the CPU). */
export class Generator {
  readonly handle: Handle;
  readonly device: string;

  /** @param seed any integer from 0 to 2^64 - 1; beyond 2^53 pass a bigint. */
  constructor(seed: number | bigint, device = "cpu") {
    this.handle = native.generatorNew(seed, device);
    this.device = device;
    collected.register(this, this.handle, this);
  }

  /** Starts the stream of `seed`. */
  reseed(seed: number | bigint): this {
    native.generatorSeed(this.handle, seed);
    return this;
  }
  /** The state as bytes, for a checkpoint. */
  state(): Uint8Array {
    const state = Tensor.adopt(native.generatorState(this.handle));
    const bytes = state.bytes();
    state.dispose();
    return bytes;
  }
  /** Goes on from a saved state. @throws Error where the bytes are no state of this kind of generator. */
  restore(bytes: Uint8Array): this {
    const state = Tensor.adopt(native.fromBytes(bytes, [bytes.length], 0));
    try {
      native.generatorRestore(this.handle, state.handle);
    } finally {
      state.dispose();
    }
    return this;
  }
  dispose(): void {
    collected.unregister(this);
    native.generatorFree(this.handle);
  }
  [Symbol.dispose](): void {
    this.dispose();
  }
}
