/** riverrun launch */
import { availableParallelism } from "node:os";
import type { Command } from "commander";
import { UsageError } from "../../base/errors.ts";
import { programName, quote } from "../../base/invocation.ts";
import { integer } from "../options.ts";
import { example } from "../program.ts";

interface LaunchOptions {
  readonly nproc: number;
  readonly masterPort?: number;
  readonly grace: number;
}

/** Processes a core; more are a slip, and would leave the machine no memory. */
const mostPerCore = 16;

/** Adds `riverrun launch`. */
export function addLaunch(program: Command): void {
  program
    .command("launch")
    .description("runs one training in several processes of this machine, which share every batch")
    .argument("<command...>", "behind --: train and its options, as in: launch --nproc 2 -- train --preset small")
    .requiredOption("--nproc <n>", `processes, up to ${mostPerCore} a core`, integer(1))
    .option("--master-port <n>", "port of 127.0.0.1 where they meet (default: a free one)", integer(1, 65_535))
    .option(
      "--grace <seconds>",
      "how long processes may take to write a checkpoint and end when another has failed",
      integer(1),
      60,
    )
    .showHelpAfterError(
      `expected: ${programName()} launch --nproc N -- train OPTIONS (what each process runs stands behind --)`,
    )
    .addHelpText(
      "after",
      example(
        "launch --nproc 2 -- train --preset small --data lines.txt --out runs/lines",
        "launch --nproc 8 -- train --preset small --data lines.txt --out runs/lines --device cuda",
      ),
    )
    .action(launch);
}

async function launch(command: readonly string[], options: LaunchOptions): Promise<void> {
  if (command[0] !== "train") {
    throw new UsageError(
      `launch: "${command[0]}" cannot be shared by processes; expected "train" and its options behind --`,
    );
  }
  const cores = availableParallelism();
  if (options.nproc > mostPerCore * cores) {
    throw new UsageError(
      `--nproc ${options.nproc}: expected at most ${mostPerCore} processes a core, which is ${mostPerCore * cores} on the ${cores} of this machine`,
    );
  }
  const { runProcesses } = await import("../processes.ts");
  const own = process.argv.slice(2, process.argv.length - command.length).filter((word) => word !== "--");
  process.exitCode = await runProcesses(command, { ...options, launchedAs: [...own, "--"].map(quote).join(" ") });
}
