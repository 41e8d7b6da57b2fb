/** riverrun setup */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import type { Command } from "commander";
import { example, root } from "../program.ts";

/** Adds `riverrun setup`. */
export function addSetup(program: Command): void {
  program
    .command("setup")
    .description("fetches libtorch and builds the addon")
    .addHelpText("after", example("setup"))
    .action(() => {
      const run = spawnSync(process.execPath, [join(root, "scripts", "setup.mjs")], { stdio: "inherit" });
      process.exitCode = run.status ?? 1;
    });
}
