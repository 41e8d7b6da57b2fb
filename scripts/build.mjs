// @ts-check
// Compiles src/ into dist/; needs neither libtorch nor a C++ compiler. `npm pack` runs it first.
import { demandNode } from "./setup/node-version.mjs";

demandNode();
const { setUpOrExit } = await import("./setup/run.mjs");
await setUpOrExit({ addon: false });
