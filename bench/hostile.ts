/**
 * Damages the files that riverrun reads, in seeded ways, and gives them to the real command line (`npm run build` first):
 *
 *     npx tsx bench/hostile.ts --cases 2000 --alone 300
 *
 * `--alone` of the cases run as processes of their own, the others many in one process. Each must end within 20 s and
 * 2 GB with exit code 0, 1, 2 or 3, with finite figures or a message of one line that names the file. Prints one JSON
 * line of counts; complaints go to stderr; exit code 1 where there is one.
 */
import { rmSync } from "node:fs";
import { hashSeed, RandomStream } from "../src/base/random.ts";
import { type Case, makeCase, makeMaterial } from "./hostile/cases.ts";
import { type Limits, type Outcome, runAlone, SharedRunner } from "./hostile/runner.ts";
import { complaint } from "./hostile/verdict.ts";
import { programOptions, wholeNumber, wholeNumbers } from "./options.ts";

const limits: Limits = { seconds: 20, megabytes: 2048 };

/** What a run over many cases came to. */
interface Report {
  cases: number;
  alone: number;
  readonly exitCodes: Record<string, number>;
  readonly complaints: Record<string, number>;
  slowestSeconds: number;
}

function judge({ args, names, number, name }: Case, outcome: Outcome, report: Report): void {
  report.cases++;
  const code = String(outcome.code ?? outcome.end);
  report.exitCodes[code] = (report.exitCodes[code] ?? 0) + 1;
  report.slowestSeconds = Math.max(report.slowestSeconds, outcome.seconds);
  const prints = args.includes("--print-config") ? "configuration" : "records";
  const wrong = complaint(outcome, {
    names: [...names, "there is no text", "the training data", "give more texts", "stdin"],
    prints,
  });
  if (wrong === undefined) return;
  report.complaints[wrong] = (report.complaints[wrong] ?? 0) + 1;
  const said = JSON.stringify(outcome.stderr.trimEnd().slice(-400));
  process.stderr.write(
    `case ${number} (${name}): ${wrong}; riverrun ${args.join(" ")}
  ${said}
`,
  );
}

/** A command line on whole files. @throws Error where it fails. */
async function succeed(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runAlone({ args, input: undefined }, limits);
  if (code !== 0) throw new Error(`riverrun ${args[0]} failed before anything was damaged: ${stderr}`);
  return stdout;
}

async function main(): Promise<void> {
  const { values } = programOptions("[--cases N] [--alone N] [--seed N] [--only CASE] [--keep]", {
    options: {
      cases: { type: "string", default: "2000" },
      alone: { type: "string", default: "300" },
      seed: { type: "string", default: "1" },
      only: { type: "string" },
      keep: { type: "boolean", default: false },
    },
  });
  const [cases, alone, seed] = wholeNumbers(values, ["cases", "alone", "seed"], 0);
  const only = values.only === undefined ? undefined : wholeNumber("--only", values.only, 0);
  const material = await makeMaterial(succeed);
  const shared = new SharedRunner(limits);
  const report: Report = { cases: 0, alone: 0, exitCodes: {}, complaints: {}, slowestSeconds: 0 };
  try {
    const every = alone > 0 ? Math.max(1, Math.floor(cases / alone)) : Number.POSITIVE_INFINITY;
    for (let number = 0; number < cases; number++) {
      if (only !== undefined && number !== only) continue;
      const made = makeCase(material, number, new RandomStream(hashSeed(seed, "hostile", number)));
      const own = only !== undefined || (number % every === 0 && report.alone < alone);
      if (own) report.alone++;
      judge(made, own ? await runAlone(made, limits) : await shared.run(made), report);
      if (!values.keep) made.discard();
    }
    const wrong = Object.values(report.complaints).reduce((sum, count) => sum + count, 0);
    process.stdout.write(`${JSON.stringify({ seed, ...report, wrong })}\n`);
    if (wrong > 0) process.exitCode = 1;
  } finally {
    shared.stop();
    if (values.keep) process.stderr.write(`files: ${material.folder}\n`);
    else rmSync(material.folder, { recursive: true, force: true });
  }
}

await main();
