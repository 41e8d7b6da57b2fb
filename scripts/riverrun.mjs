// @ts-check
// Sets up, then runs the command line with the arguments given here: what `npm run quickstart` and `npm run bench` do.
import path from "node:path";
import { pathToFileURL } from "node:url";
import { demandNode } from "./setup/node-version.mjs";

demandNode();
const { ROOT, setUpOrExit } = await import("./setup/run.mjs");
await setUpOrExit();
const program = path.join(ROOT, "dist", "cli", "main.js");
process.argv[1] = program;
// Its hints should name the short way to call it.
process.env.RIVERRUN_CALLED_AS = "npx riverrun";
// In this process: a second one would get a signal to the whole group from its sender and again from here, and the second
// signal ends a training without a checkpoint.
await import(pathToFileURL(program).href);
