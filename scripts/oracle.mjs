// @ts-check
// Checks riverrun against independent implementations: sets riverrun up, makes their Python environments in .oracle/,
// runs the live checks (test/peer/children/). docs/oracles.md says what is checked against what.
import fs from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { demandNode } from "./setup/node-version.mjs";

demandNode();
const { GROUPS, provideEnvironment } = await import("./oracle/environment.mjs");
const groupLines = Object.entries(GROUPS).map(([name, { about }]) => `  ${name.padEnd(12)}${about}`);
const usage = `Usage: npm run oracle -- [GROUP...] [options]

Sets up the Python environments of the named groups in .oracle/ (once) and runs their live checks, a line for each with
the largest difference; exits with 1 where one is too large.

${groupLines.join("\n")}
  all         all of these

  --setup-only    make the environments, check nothing
  --model DIR     torch: check a trained model instead of the small ones, on four texts
  --data FILE     texts for --model (.txt or .jsonl); the built-in corpus unless given
  --golden        torch: write test/peer/golden/ anew instead of checking
  --help

Example: npm run oracle -- torch --model runs/quickstart
`;

/** @param {string} message @returns {never} */
function refuse(message) {
  process.stderr.write(`oracle: ${message}\n\n${usage}`);
  process.exit(2);
}

function readArguments() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        "setup-only": { type: "boolean", default: false },
        model: { type: "string" },
        data: { type: "string" },
        golden: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    });
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error));
  }
}

const { values, positionals } = readArguments();
if (values.help) {
  process.stdout.write(usage);
  process.exit(0);
}
const unknown = positionals.find((name) => name !== "all" && !Object.hasOwn(GROUPS, name));
if (unknown !== undefined) refuse(`unknown group ${unknown}: expected ${Object.keys(GROUPS).join(", ")} or all`);
const chosen = positionals.includes("all") ? Object.keys(GROUPS) : positionals.length > 0 ? positionals : ["torch"];
const groups = [...new Set(chosen)];
const ofTorch = values.golden || values.model !== undefined || values.data !== undefined;
if (ofTorch && groups.join() !== "torch") refuse("--golden, --model and --data are of the group torch alone");
if (values.data !== undefined && values.model === undefined) refuse("--data needs --model");
if (values.golden && values.model !== undefined) refuse("--golden is of the small models: leave --model out");

const { ROOT, setUpOrExit } = await import("./setup/run.mjs");
const { delegate } = await import("./setup/delegate.mjs");
const { messageOf, SetupError } = await import("./setup/errors.mjs");
const { findProgram, interruptible } = await import("./setup/processes.mjs");
const { Reporter } = await import("./setup/reporter.mjs");

await setUpOrExit();
const reporter = new Reporter();
const logFile = path.join(ROOT, "build", "oracle.log");
reporter.openLog(logFile);
/** @type {Map<string, string>} */
const pythons = new Map();
try {
  await interruptible(async () => {
    for (const name of groups) pythons.set(name, await provideEnvironment(reporter, ROOT, name));
  });
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  for (const line of error.details) process.stderr.write(`  ${line}\n`);
  const more = error.details.length > 0 ? ` (all output: ${path.relative(process.cwd(), logFile)})` : "";
  process.stderr.write(`oracle: ${messageOf(error)}${more}\n`);
  process.exit(1);
} finally {
  reporter.closeLog();
}

// npm runs scripts in the clone's folder; paths are meant from where the user stands.
const from = process.env.INIT_CWD ?? process.cwd();
const own = [
  ...(values.golden ? ["--golden"] : []),
  ...(values.model === undefined ? [] : ["--model", path.resolve(from, values.model)]),
  ...(values.data === undefined ? [] : ["--data", path.resolve(from, values.data)]),
];
const tsx = path.join(ROOT, "node_modules", "tsx", "dist", "cli.mjs");
for (const [name, python] of pythons) {
  const where = path.relative(ROOT, python);
  if (GROUPS[name].java && findProgram(["java"]) === undefined) {
    process.stderr.write(`oracle ${name}: java is not on the PATH; what needs it will fail\n`);
  }
  const check = path.join(ROOT, "test", "peer", "children", `${name}.ts`);
  if (values["setup-only"] || !fs.existsSync(check)) {
    const why = values["setup-only"] ? "" : "; it has no live check, it makes golden files";
    process.stderr.write(`oracle ${name}: ready, its Python is ${where}${why}\n`);
    continue;
  }
  const code = await delegate([tsx, check, ...own], { cwd: ROOT, env: { ...process.env, ORACLE_PYTHON: python } });
  if (code !== 0) process.exitCode = code;
  process.stderr.write(`oracle ${name}: ${code === 0 ? "good" : `failed with exit code ${code}`}\n`);
}
