/** The variables by which PyTorch's launchers tell a process which of how many it is. */
import { UsageError } from "../base/errors.ts";
import type { Membership } from "./distributed.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** What has to be set, and by whom it is. */
const expected =
  "expected RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT, as torchrun, riverrun launch and Kubernetes' PyTorchJob set them";

function wholeNumber(env: Environment, name: string, least: number, most: number): number {
  const text = env[name];
  const number = Number(text);
  if (text !== undefined && /^\d+$/.test(text) && number >= least && number <= most) return number;
  const what = text === undefined ? "is not set" : `is "${text}"`;
  throw new UsageError(`the environment's ${name} ${what}: expected an integer from ${least} to ${most}; ${expected}`);
}

/** Whether processes of one machine may sum in shared memory: unless RIVERRUN_SHARED_MEMORY is 0. */
export function allowsSharedMemory({ RIVERRUN_SHARED_MEMORY: text }: Environment): boolean {
  if (!text || text === "1") return true;
  if (text === "0") return false;
  throw new UsageError(
    `the environment's RIVERRUN_SHARED_MEMORY is "${text}": expected 0 (processes of one machine sum through connections, as those of several do) or 1`,
  );
}

/**
 * The place of this process among others; undefined where it is alone (WORLD_SIZE is 1, empty or not set).
 *
 * @throws UsageError naming the variable that is missing or wrong
 */
export function membershipOf(env: Environment): Membership | undefined {
  if (!env.WORLD_SIZE) return undefined;
  const size = wholeNumber(env, "WORLD_SIZE", 1, 2 ** 20);
  if (size === 1) return undefined;
  const rank = wholeNumber(env, "RANK", 0, size - 1);
  if (!env.MASTER_ADDR) throw new UsageError(`the environment's MASTER_ADDR is not set; ${expected}`);
  // torchrun's agent serves the store itself, and a restarted group may meet at the one of its forerunner.
  const agent = env.TORCHELASTIC_USE_AGENT_STORE === "True";
  const attempt = env.TORCHELASTIC_RESTART_COUNT ?? "0";
  return {
    rank,
    size,
    localRank: env.LOCAL_RANK ? wholeNumber(env, "LOCAL_RANK", 0, size - 1) : 0,
    address: env.MASTER_ADDR,
    port: wholeNumber(env, "MASTER_PORT", 1, 65_535),
    hostsStore: rank === 0 && !agent,
    prefix: `riverrun/${attempt}`,
    networkInterface: env.GLOO_SOCKET_IFNAME ?? "",
    sharedMemory: allowsSharedMemory(env),
  };
}

/** The device of this process: a machine's processes take its CUDA devices in turn. */
export function localDevice(device: string, membership: Membership | undefined, cudaDevices: () => number): string {
  if (membership === undefined || (device !== "cuda" && device !== "auto")) return device;
  if (device === "auto" && cudaDevices() === 0) return "cpu";
  return `cuda:${membership.localRank}`;
}
