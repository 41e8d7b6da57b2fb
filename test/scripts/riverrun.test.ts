import { spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { expect, it } from "vitest";
import { temporaryFolder, writeTree } from "./temporary.ts";

const script = path.join(import.meta.dirname, "..", "..", "scripts", "riverrun.mjs");

// In place of the command line: says how it was called, then how often it is interrupted within half a second.
const program = `
let count = 0;
process.on("SIGINT", () => {
  if (++count > 1) return;
  setTimeout(() => { console.log("interrupted", count); process.exit(130); }, 500);
});
console.log(process.argv[1], process.argv.slice(2).join(), process.env.RIVERRUN_CALLED_AS);
setInterval(() => undefined, 1000);
`;

it("sets up, calls the command line as it was called, and lets a signal to all its processes arrive once", async () => {
  const folder = fs.realpathSync(temporaryFolder());
  writeTree(folder, {
    "package.json": '{ "type": "module" }',
    "scripts/riverrun.mjs": fs.readFileSync(script, "utf8"),
    "scripts/setup/node-version.mjs": "export const demandNode = () => undefined;",
    "scripts/setup/run.mjs": `
export const ROOT = ${JSON.stringify(folder)};
export const setUpOrExit = async () => console.log("set up");`,
    "dist/cli/main.js": program,
  });
  // A group of its own and no terminal, as under a shell script that is interrupted.
  const child = spawn(process.execPath, ["scripts/riverrun.mjs", "bench", "--quick"], {
    cwd: folder,
    detached: true,
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  let sent = false;
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
    if (sent || !output.includes("npx riverrun\n") || child.pid === undefined) return;
    sent = true;
    process.kill(-child.pid, "SIGINT");
  });
  const code = await new Promise((resolve) => child.on("close", resolve));
  const main = path.join(folder, "dist", "cli", "main.js");
  expect(output).toBe(`set up\n${main} bench,--quick npx riverrun\ninterrupted 1\n`);
  expect(code).toBe(130);
});
