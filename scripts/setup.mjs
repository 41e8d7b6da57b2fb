// @ts-check
// Makes riverrun ready to run, in a clone and in an installed package. It needs no npm package itself.
import { demandNode } from "./setup/node-version.mjs";

demandNode();
const usage = `Usage: node scripts/setup.mjs [--verbose]

Sets riverrun up: npm packages (in a clone), libtorch, the native addon, dist/ (in a clone).
What is in place and whole is skipped. Everything that the tools print goes to build/setup.log.

  --verbose   show it on standard error, too
  LIBTORCH    environment: a folder with libtorch's lib/ and include/ (2.6 or newer) to use
`;
const args = process.argv.slice(2);
const unknown = args.find((arg) => !["--verbose", "--help", "-h"].includes(arg));
if (unknown !== undefined) {
  process.stderr.write(`unknown option ${unknown}\n${usage}`);
  process.exit(2);
}
if (args.includes("--help") || args.includes("-h")) {
  process.stdout.write(usage);
} else {
  const { setUpOrExit } = await import("./setup/run.mjs");
  await setUpOrExit({ verbose: args.includes("--verbose") });
}
