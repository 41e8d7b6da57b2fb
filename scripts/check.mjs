// @ts-check
// Sets up, then checks format, lint, types and dead code; stops at the first that fails.
import path from "node:path";
import { demandNode } from "./setup/node-version.mjs";

demandNode();
const { ROOT, setUpOrExit } = await import("./setup/run.mjs");
const { delegate } = await import("./setup/delegate.mjs");
await setUpOrExit();

/** @param {string} file below node_modules */
const tool = (file) => path.join(ROOT, "node_modules", file);
const checks = [
  { name: "format (biome)", args: [tool("@biomejs/biome/bin/biome"), "check"], cure: "npm run format" },
  { name: "lint (eslint)", args: [tool("eslint/bin/eslint.js"), "--max-warnings", "0", "."] },
  { name: "types (tsc)", args: [tool("typescript/bin/tsc"), "-p", "tsconfig.json"] },
  { name: "types of scripts (tsc)", args: [tool("typescript/bin/tsc"), "-p", "tsconfig.scripts.json"] },
  { name: "dead code (knip)", args: [tool("knip/bin/knip.js")] },
];
for (const { name, args, cure } of checks) {
  const start = Date.now();
  process.stderr.write(`[check] ${name} ...\n`);
  const code = await delegate(args, { cwd: ROOT });
  if (code !== 0) {
    process.stderr.write(`[check] ${name} failed${cure === undefined ? "" : `; ${cure} may cure it`}\n`);
    process.exit(code);
  }
  process.stderr.write(`[check] ${name}: good, ${((Date.now() - start) / 1000).toFixed(1)} s\n`);
}
