// @ts-check
// Sets up, then runs the command line with the arguments given here: what `npm run quickstart` and `npm run bench` do.
import path from "node:path";
import { demandNode } from "./setup/node-version.mjs";

demandNode();
const { ROOT, setUpOrExit } = await import("./setup/run.mjs");
const { delegate } = await import("./setup/delegate.mjs");
await setUpOrExit();
const program = path.join(ROOT, "dist", "cli", "main.js");
// Its hints should name the short way to call it.
const env = { ...process.env, RIVERRUN_CALLED_AS: "npx riverrun" };
process.exitCode = await delegate([program, ...process.argv.slice(2)], { env });
