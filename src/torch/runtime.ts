/** The engine as a whole: threads, devices, memory, versions. */
import { UsageError } from "../base/errors.ts";
import { type AllocatorState, native } from "./native.ts";

/** Number of threads inside one operator. */
export function getThreads(): number {
  return native.threads();
}

/** Sets it, for this thread and for those that have not computed yet. @throws UsageError unless it is an integer from 1 to 4096. */
export function setThreads(threads: number): void {
  if (!Number.isInteger(threads) || threads < 1 || threads > 4096) {
    throw new UsageError(`threads: expected an integer from 1 to 4096, got ${threads}`);
  }
  native.setThreads(threads);
}

/** What the loader's word for a missing CUDA half means. */
function cudaReason(reason: string): string {
  const missing = /^(\S+?): cannot open shared object file/.exec(reason)?.[1];
  if (missing === undefined) return reason.split("\n")[0];
  if (missing.includes("torch_cuda")) return "this libtorch is one for the CPU alone";
  return `libtorch's CUDA half needs ${missing}, which is not there`;
}

/** Number of CUDA devices, with the reason where there is none. Loads libtorch's CUDA half when first asked. */
export function cudaDevices(): { devices: number; reason: string } {
  const { devices, reason } = native.loadCuda();
  return { devices, reason: cudaReason(reason) };
}

/**
 * Checks a device name ("cpu", "cuda", "cuda:1", "auto") and returns the one to use.
 *
 * @throws UsageError for an unknown name or a CUDA device that is not there.
 */
export function resolveDevice(name: string): string {
  if (name === "cpu") return name;
  if (name === "auto") return cudaDevices().devices > 0 ? "cuda:0" : "cpu";
  const match = /^cuda(?::(\d+))?$/.exec(name);
  if (!match) throw new UsageError(`unknown device "${name}": expected cpu, cuda, cuda:N or auto`);
  const { devices, reason } = cudaDevices();
  const index = Number(match[1] ?? 0);
  if (index >= devices) {
    throw new UsageError(
      `device ${name} is not there (${devices} CUDA devices${reason ? `: ${reason}` : ""}); use --device cpu`,
    );
  }
  return `cuda:${index}`;
}

/** What tensors hold: live handles and their bytes in this thread, and the allocator's account of the process. */
export function memory(): {
  liveTensors: number;
  heldBytes: number;
  allocator: AllocatorState;
} {
  return { ...native.counts(), allocator: native.allocator() };
}

/** Gives the allocator's cached blocks back to the system. */
export function trimMemory(): void {
  native.trimAllocator();
}

/** The version of libtorch compiled against, and its own accounts of its build and of its threading. */
export function engineBuild(): { torch: string; config: string; parallel: string } {
  return native.build();
}
