// @ts-check
// Sets up, then runs the tests once. Arguments go to vitest: files, -t NAME, --coverage.
import path from "node:path";
import { demandNode } from "./setup/node-version.mjs";

demandNode();
const { ROOT, setUpOrExit } = await import("./setup/run.mjs");
const { delegate } = await import("./setup/delegate.mjs");
await setUpOrExit();
const vitest = path.join(ROOT, "node_modules", "vitest", "vitest.mjs");
process.exitCode = await delegate([vitest, "run", ...process.argv.slice(2)], { cwd: ROOT });
