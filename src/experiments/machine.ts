/** What an experiment ran on, for the record. */
import { arch, cpus, platform, totalmem } from "node:os";

/** Processor, number of cores, memory and system, as one line. */
export function machine(): string {
  const cores = cpus();
  const model = cores[0]?.model.trim() || "unknown processor";
  return `${model}, ${cores.length} core${cores.length === 1 ? "" : "s"}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${platform()} ${arch()}`;
}
