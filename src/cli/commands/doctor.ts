/** riverrun doctor */
import { existsSync, readFileSync } from "node:fs";
import { availableParallelism, cpus, totalmem } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import { RiverrunError } from "../../base/errors.ts";
import { programName } from "../../base/invocation.ts";
import { addonFault } from "../addonFault.ts";
import { emit } from "../output.ts";
import { example, root } from "../program.ts";

/** Adds `riverrun doctor`. */
export function addDoctor(program: Command): void {
  program
    .command("doctor")
    .description("the installation, with a self-test")
    .option("--json", "one JSON line instead of a line a fact")
    .addHelpText("after", example("doctor"))
    .action(doctor);
}

/** d/dx sum(x x) = row sums + column sums. @throws RiverrunError where the engine finds another gradient */
async function selfTest(): Promise<void> {
  const { Generator, grad, randn, scope } = await import("../../torch/index.ts");
  const generator = new Generator(1);
  const difference = scope(() => {
    const x = randn([3, 3], generator, { dtype: "float64" }).setRequiresGrad();
    const [gradient] = grad([x.matmul(x).sum()], [x]);
    const expected = x.sum(1).unsqueeze(0).add(x.sum(0).unsqueeze(1));
    return gradient.sub(expected).abs().amax().item();
  });
  generator.dispose();
  if (!(difference < 1e-12)) {
    throw new RiverrunError(`self-test: a gradient is wrong by ${difference}; run "${programName()} setup" again`);
  }
}

/** @throws RiverrunError where the addon is there and cannot be loaded; where it is not there, the import says so. */
function demandAddon(): void {
  const addon = join(root, "build", "riverrun.node");
  const fault = existsSync(addon) ? addonFault(addon) : undefined;
  if (fault === undefined) return;
  throw new RiverrunError(
    `the native addon ${addon} cannot be loaded (${fault}): run "${programName()} setup", which builds a damaged one again`,
  );
}

async function doctor(options: { readonly json?: boolean }): Promise<void> {
  demandAddon();
  const { cudaDevices, engineBuild, getThreads, memory } = await import("../../torch/index.ts");
  await selfTest();
  const path = join(root, "build", "libtorch.json");
  const libtorch: unknown = existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : null;
  const cuda = cudaDevices();
  const facts = {
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    cpu: cpus()[0]?.model ?? "unknown",
    cores: availableParallelism(),
    threads: getThreads(),
    memoryGb: Math.round(totalmem() / 2 ** 30),
    torch: engineBuild().torch,
    libtorch,
    allocator: memory().allocator.name,
    cuda: cuda.devices > 0 ? `${cuda.devices} devices` : `none (${cuda.reason})`,
    selfTest: "good",
  };
  if (options.json) {
    await emit(facts);
    return;
  }
  for (const [name, value] of Object.entries(facts)) {
    process.stdout.write(`${name}: ${typeof value === "string" ? value : JSON.stringify(value)}\n`);
  }
}
