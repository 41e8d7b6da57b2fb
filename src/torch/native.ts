/**
 * Loads the addon and names what it offers. Everything above this file speaks of tensors; here they are handles:
 * one JavaScript number each, generation * 2^24 + slot.
 */
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { messageOf, RiverrunError } from "../base/errors.ts";
import { missingBytes } from "./sharedObject.ts";

/** A tensor or generator of libtorch, named by a number. */
export type Handle = number;

/** What an argument of an exported operator may be. */
export type NativeArgument =
  | Handle
  | boolean
  | string
  | null
  | undefined
  | readonly (Handle | boolean | null | undefined)[];

/** One operator as its schema describes it. */
export interface OperatorSchema {
  readonly name: string;
  readonly overload: string;
  readonly schema: string;
  readonly arguments: readonly {
    readonly name: string;
    readonly kind: string;
    readonly optional: boolean;
    readonly hasDefault: boolean;
  }[];
  readonly returns: readonly string[];
}

/** The CPU allocator's account of the whole process; the figures are 0 where it is switched off ("system"). */
export interface AllocatorState {
  readonly name: string;
  /** Bytes of blocks that tensors hold, rounded up to their size classes. */
  readonly usedBytes: number;
  /** Bytes of free blocks kept for the next tensors; at most `cacheLimitBytes`. */
  readonly cachedBytes: number;
  /** The most that `usedBytes` has been. */
  readonly peakBytes: number;
  readonly cacheLimitBytes: number;
}

/** The functions of the addon (native/addon.cc and its neighbours). */
export interface Native {
  call(operator: number, ...values: NativeArgument[]): unknown;
  callInPlace(operator: number, ...values: NativeArgument[]): void;
  schemas(): OperatorSchema[];
  /** How many were live: a second free of the same handle frees nothing. `count` of a Float64Array's first handles. */
  free(handles: Handle | readonly Handle[] | Float64Array, count?: number): number;
  /** Whether new tensors belong to a scope, which frees them: V8 is told of what is left when the outermost one ends. */
  inScope(flag: boolean): void;
  isLive(handle: Handle): boolean;
  shape(handle: Handle): number[];
  dtype(handle: Handle): number;
  device(handle: Handle): string;
  fromBytes(bytes: Uint8Array, shape: readonly number[], dtype: number): Handle;
  toBytes(handle: Handle): Uint8Array<ArrayBuffer>;
  alias(handle: Handle): Handle;
  counts(): { liveTensors: number; heldBytes: number };
  backward(
    outputs: readonly Handle[],
    gradOutputs: readonly Handle[] | undefined,
    retainGraph: boolean,
    createGraph: boolean,
  ): void;
  grad(
    outputs: readonly Handle[],
    inputs: readonly Handle[],
    gradOutputs: readonly Handle[] | undefined,
    retainGraph: boolean,
    createGraph: boolean,
    allowUnused: boolean,
  ): (Handle | null)[];
  setGradEnabled(enabled: boolean): boolean;
  requiresGrad(handle: Handle): boolean;
  setRequiresGrad(handle: Handle, flag: boolean): void;
  gradOf(handle: Handle): Handle | null;
  clearGrad(handle: Handle): void;
  generatorNew(seed: number | bigint, device: string): Handle;
  generatorSeed(generator: Handle, seed: number | bigint): void;
  generatorState(generator: Handle): Handle;
  generatorRestore(generator: Handle, state: Handle): void;
  generatorFree(generator: Handle): void;
  allocator(): AllocatorState;
  trimAllocator(): void;
  setThreads(threads: number): void;
  threads(): number;
  build(): { torch: string; config: string; parallel: string };
  loadCuda(): { devices: number; reason: string };
  /** Whether the addon was built with process groups. */
  collectives(): boolean;
  groupJoin(
    address: string,
    port: number,
    rank: number,
    size: number,
    hostsStore: boolean,
    prefix: string,
    networkInterface: string,
    device: string,
    sharedMemory: boolean,
    timeoutMs: number,
  ): Promise<Handle>;
  groupLeave(group: Handle): Promise<void>;
  groupSharesMemory(group: Handle): boolean;
  /** Undefined where it was done at once. */
  allReduce(group: Handle, tensors: readonly Handle[]): Promise<void> | undefined;
  broadcast(group: Handle, tensors: readonly Handle[], root: number): Promise<void> | undefined;
  storeSet(group: Handle, key: string, value: string): Promise<void>;
  storeGet(group: Handle, key: string, patienceMs: number): Promise<string | null>;
  reducerNew(group: Handle, parameters: readonly Handle[], bucketBytes: number): Handle;
  reducerFree(reducer: Handle): void;
  reducerArm(reducer: Handle, first: boolean, last: boolean): void;
  reducerSumBeside(reducer: Handle, tensor: Handle): void;
  reducerFinish(reducer: Handle): Promise<void> | undefined;
  reducerGradients(reducer: Handle): Handle[];
  reducerBuckets(reducer: Handle): number;
}

/** The folder that holds package.json, both for src/ and for dist/. */
export const packageRoot: string = join(dirname(fileURLToPath(import.meta.url)), "..", "..");

/** Where set-up puts the addon. */
export const addonPath: string = join(packageRoot, "build", "riverrun.node");

function load(): Native {
  if (!existsSync(addonPath)) {
    throw new RiverrunError(
      `the native addon is not built (${addonPath} does not exist): run "npm run setup" in a clone, or "npx riverrun setup" where riverrun is installed`,
    );
  }
  try {
    const missing = missingBytes(addonPath);
    if (missing > 0) throw new RiverrunError(`it was cut short, ${missing} bytes at its end are missing`);
    return createRequire(import.meta.url)(addonPath) as Native;
  } catch (error) {
    throw new RiverrunError(
      `the native addon ${addonPath} cannot be loaded: ${messageOf(error)}. Run "npm run setup" (or "npx riverrun setup"), which builds it again where it is damaged and says where its libtorch is`,
      { cause: error },
    );
  }
}

/** The addon of this thread; every worker thread has its own state behind it. */
export const native: Native = load();
