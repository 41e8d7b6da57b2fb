/** The command lines of bench/: options that are checked, and failures in one line, as those of riverrun itself. */
import { basename } from "node:path";
import { type ParseArgsConfig, parseArgs } from "node:util";
import { messageOf, RiverrunError, UsageError } from "../src/base/errors.ts";
import { numberIn } from "../src/base/numberIn.ts";

/**
 * What the program was called with. From here on a failure is one line on stderr (after it the usage where the call was
 * wrong; RIVERRUN_DEBUG=1 adds the stack) and the exit code that riverrun has for it. `--help` prints the usage and ends.
 *
 * @param usage the arguments, as in "--data FILE [--steps N]"
 */
export function programOptions<Config extends Pick<ParseArgsConfig, "options" | "allowPositionals">>(
  usage: string,
  config: Config,
): ReturnType<typeof parseArgs<Config>> {
  const name = basename(process.argv[1] ?? "");
  const line = `${`usage: npx tsx bench/${name} ${usage}`.trimEnd()}\n`;
  process.on("uncaughtException", (error) => {
    process.stderr.write(`${name}: ${messageOf(error)}\n${error instanceof UsageError ? line : ""}`);
    if (process.env.RIVERRUN_DEBUG === "1") process.stderr.write(`${error.stack ?? ""}\n`);
    process.exit(error instanceof RiverrunError ? error.exitCode : 1);
  });
  if (process.argv.slice(2).some((argument) => argument === "--help" || argument === "-h")) {
    process.stdout.write(line);
    process.exit(0);
  }
  try {
    return parseArgs(config);
  } catch (error) {
    throw new UsageError(messageOf(error));
  }
}

/** A whole number of at least `least`. @throws UsageError naming the option */
export function wholeNumber(option: string, text: string, least = 1): number {
  const value = numberIn(text);
  if (!Number.isSafeInteger(value) || value < least) {
    throw new UsageError(`${option} ${text}: expected a whole number of at least ${least}`);
  }
  return value;
}

/** Whole numbers of at least `least` that options of these names were given. @throws UsageError naming the option */
export function wholeNumbers<Name extends string>(
  values: Readonly<Record<Name, string>>,
  names: readonly Name[],
  least = 1,
): number[] {
  return names.map((name) => wholeNumber(`--${name}`, values[name], least));
}

/** Positive numbers separated by commas. @throws UsageError naming the option */
export function positiveNumbers(option: string, text: string): number[] {
  const values = text.split(",").map(Number);
  if (!values.every((value) => Number.isFinite(value) && value > 0)) {
    throw new UsageError(`${option} ${text}: expected positive numbers, separated by commas`);
  }
  return values;
}

/** One positive number. @throws UsageError naming the option */
export function positiveNumber(option: string, text: string): number {
  const value = numberIn(text);
  if (!Number.isFinite(value) || value <= 0) throw new UsageError(`${option} ${text}: expected one positive number`);
  return value;
}

/** What an option must be given. @throws UsageError naming it */
export function demanded(option: string, value: string | undefined): string {
  if (value === undefined) throw new UsageError(`expected ${option}`);
  return value;
}

/** The argument of a program that takes one. @throws UsageError naming it */
export function onlyArgument(what: string, positionals: readonly string[]): string {
  const [first, ...more] = positionals;
  if (more.length > 0) throw new UsageError(`expected ${what}, got ${positionals.length} arguments`);
  return demanded(what, first);
}
