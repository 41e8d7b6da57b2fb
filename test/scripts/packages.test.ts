import fs from "node:fs";
import path from "node:path";
import { expect, it, vi } from "vitest";
import { installNpmPackages } from "../../scripts/setup/packages.mjs";
import { Reporter } from "../../scripts/setup/reporter.mjs";
import { temporaryFolder, writeTree } from "./temporary.ts";

/** A clone without packages, and an npm that fails so often with that code before it installs them. */
function cloneWith(failures: number, code: string): { readonly root: string; readonly calls: () => number } {
  const root = temporaryFolder();
  const log = path.join(root, "calls");
  writeTree(root, {
    "package-lock.json": JSON.stringify({ packages: { "": {} } }),
    "npm/npm-cli.js": `
const fs = require("node:fs");
fs.appendFileSync(${JSON.stringify(log)}, "x");
if (fs.statSync(${JSON.stringify(log)}).size <= ${failures}) {
  console.error("npm error code ${code}\\nnpm error A complete log of this run can be found in: nowhere");
  process.exit(1);
}
fs.mkdirSync("node_modules");
fs.writeFileSync("node_modules/.package-lock.json", fs.readFileSync("package-lock.json"));
`,
  });
  vi.stubEnv("npm_execpath", path.join(root, "npm", "npm-cli.js"));
  return { root, calls: () => fs.statSync(log).size };
}

it("runs npm ci once more where the npm of a killed set-up got in the way, and no more than that", async () => {
  const reporter = new Reporter({ verbose: false });
  const once = cloneWith(1, "ENOTEMPTY");
  await installNpmPackages(reporter, once.root);
  expect(once.calls()).toBe(2);
  await installNpmPackages(reporter, once.root);
  expect(once.calls()).toBe(2);
  const always = cloneWith(9, "ENOTEMPTY");
  await expect(installNpmPackages(reporter, always.root)).rejects.toThrow(/npm ci failed/);
  expect(always.calls()).toBe(2);
  const offline = cloneWith(9, "ENOTFOUND");
  await expect(installNpmPackages(reporter, offline.root)).rejects.toThrow(/npm ci failed/);
  expect(offline.calls()).toBe(1);
  vi.unstubAllEnvs();
});
