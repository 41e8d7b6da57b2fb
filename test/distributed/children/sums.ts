/** One of several processes that sum in one way or another; prints what came of it as JSON. Arguments: what to do. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { membershipOf } from "../../../src/torch/distributedEnvironment.ts";
import { PeerError, ProcessGroup, type Tensor, tensor, zeros } from "../../../src/torch/index.ts";
import { type Numbers, numbersOf, sizes } from "../sums.ts";

const [what, ...options] = process.argv.slice(2);
const membership = membershipOf(process.env);
if (!membership) throw new Error("expected to be one of several");
const { rank, size } = membership;
const lateMs = 600;

function join(timeout: number): Promise<ProcessGroup> {
  return membership ? ProcessGroup.join(membership, "cpu", timeout) : Promise.reject(new Error("alone"));
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function hashOf(summed: Tensor): string {
  return createHash("sha256").update(summed.bytes()).digest("hex");
}

/** How many mappings of shared memory this process has. */
function mappings(): number {
  return readFileSync("/proc/self/maps", "utf8")
    .split("\n")
    .filter((line) => line.includes("memfd:riverrun")).length;
}

/** What a sum ends with, and after how many milliseconds. */
async function failure(sum: () => Promise<unknown>): Promise<{ readonly message: string; readonly ms: number }> {
  const began = performance.now();
  try {
    await sum();
  } catch (error) {
    if (error instanceof PeerError) return { message: error.message, ms: performance.now() - began };
    throw error;
  }
  return { message: "", ms: performance.now() - began };
}

const programs: Record<string, () => Promise<unknown>> = {
  /** Numbers of all types and sizes. */
  async numbers() {
    const group = await join(30);
    const hashes: Record<string, string> = {};
    for (const dtype of ["float32", "float64", "bfloat16", "int64"] as const) {
      for (const count of sizes) {
        const own = tensor(numbersOf(dtype, rank, count), [count], { dtype });
        await group.allReduce([own]);
        hashes[`${dtype} ${count}`] = hashOf(own);
      }
    }
    return { shares: group.sharesMemory, hashes };
  },

  /** Several sums at once while the last rank is late. */
  async late() {
    const group = await join(30);
    const dtype: Numbers = "float32";
    const tensors = sizes.map((count) => tensor(numbersOf(dtype, rank, count), [count], { dtype }));
    let turns = 0;
    const turning = setInterval(() => turns++, 5);
    if (rank === size - 1) await sleep(lateMs);
    // Each is begun while a thread may still wait for the one before.
    const sums = tensors.map((one) => group.allReduce([one]));
    await Promise.all(sums);
    clearInterval(turning);
    return {
      turns,
      hashes: Object.fromEntries(tensors.map((one, i) => [`${dtype} ${sizes[i]}`, hashOf(one)])),
    };
  },

  /** The last rank dies in the middle of the sums of the others. */
  async killed() {
    const group = await join(30);
    if (rank === size - 1) {
      await sleep(lateMs);
      process.kill(process.pid, "SIGKILL");
      await sleep(10_000);
    }
    const lost = await failure(() => group.allReduce([zeros([sizes[sizes.length - 1]], { dtype: "float32" })]));
    const later = await failure(() => group.sum([1]));
    const handed = await failure(() => group.broadcast([zeros([1], { dtype: "float32" })]));
    return { lost, later, handed };
  },

  /** The last rank does not come in time. */
  async silent() {
    const group = await join(1);
    if (rank === size - 1) await sleep(2500);
    const lost = await failure(() => group.sum([1]));
    return { lost, later: await failure(() => group.sum([1])) };
  },

  /** The processes do not sum the same. */
  async unlike() {
    const group = await join(30);
    const lost = await failure(() => group.sum(rank === 0 ? [1, 2, 3] : [1, 2]));
    const later = await failure(() => group.sum([1]));
    await sleep(lateMs); // Else the other would say that this one has left.
    return { lost, later };
  },

  /** One group after the other, at ports of their own. */
  async groups() {
    const seen: unknown[] = [];
    for (const port of options.map(Number)) {
      const group = await ProcessGroup.join({ ...membership, port }, "cpu", 30);
      const [sum] = await group.sum([rank + 1]);
      const inside = mappings();
      await group.leave();
      seen.push({ sum, inside, outside: mappings() });
    }
    return seen;
  },
};

process.stdout.write(JSON.stringify(await programs[what]()));
