/** What all commands share: help, versions, exit codes. Nothing here loads the engine. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Command, CommanderError } from "commander";
import { messageOf, RiverrunError } from "../base/errors.ts";
import { programName } from "../base/invocation.ts";
import { sayFailure } from "./failure.ts";
import { integer, precisionOption } from "./options.ts";

/** The folder that holds package.json, both for src/ and for dist/. */
export const root: string = join(import.meta.dirname, "..", "..");

/** Adds one command to the program. */
export type AddCommand = (program: Command) => void;

const exitCodes =
  "\nExit codes: 0 good, 1 failure, 2 wrong usage or configuration, 3 data missing, 130/143 after SIGINT/SIGTERM.";

/** What ends a command's help. */
export function example(...lines: readonly string[]): string {
  return `\nExample:\n${lines.map((line) => `  $ ${programName()} ${line}\n`).join("")}${exitCodes}`;
}

/** Where and how a trained model computes. */
export function engineOptions(command: Command): Command {
  return command
    .option("--device <name>", "cpu, cuda, cuda:N or auto", "cpu")
    .option("--threads <n>", "threads inside an operator (default: the machine's cores)", integer(1))
    .addOption(
      precisionOption(
        "of the computation; bf16: networks read whole texts in bfloat16 (default: that of the model's file, float32 or float64, whatever its networks were trained in)",
      ),
    );
}

/** A command that uses a trained model, with the options that all of these take (`ModelOptions` of model.ts). */
export function modelCommand(program: Command, name: string, description: string, line: string): Command {
  const command = program
    .command(name)
    .description(description)
    .requiredOption("--model <dir>", "folder of a trained model");
  return engineOptions(command).addHelpText("after", example(line));
}

function versions(): string {
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
  let libtorch = `not set up: ${programName()} setup`;
  try {
    libtorch = (JSON.parse(readFileSync(join(root, "build", "libtorch.json"), "utf8")) as { version: string }).version;
  } catch {
    // Said above.
  }
  return `riverrun ${version} (libtorch ${libtorch})`;
}

/** How to ask for the help of the command that arguments begin with. */
function helpOf(program: Command, args: readonly string[]): string {
  let [command, call] = [program, programName()];
  for (const arg of args) {
    const own = command.commands.find((one) => one.name() === arg);
    if (!own) break;
    [command, call] = [own, `${call} ${arg}`];
  }
  return `${call} --help`;
}

/** The program with these commands. */
function programOf(commands: readonly AddCommand[]): Command {
  const program = new Command("riverrun")
    .description("Continuous language flows: text to latent space and back, with an exact likelihood.")
    .exitOverride()
    .configureOutput({ writeErr: sayFailure })
    .showSuggestionAfterError()
    .addHelpText(
      "after",
      example("quickstart", "train --preset small --data lines.txt --out runs/lines", "COMMAND --help"),
    )
    .version(versions(), "--version", "versions of riverrun and libtorch");
  for (const add of commands) add(program);
  return program;
}

/**
 * Parses the arguments, runs the command and sets the process's exit code. A failure is one line on stderr;
 * RIVERRUN_DEBUG=1 adds the stack.
 */
export async function runProgram(commands: readonly AddCommand[], args: readonly string[]): Promise<void> {
  const program = programOf(commands);
  try {
    await program.parseAsync(args, { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? 0 : 2;
      // Without a command the help itself has been written.
      if (process.exitCode !== 0 && error.code !== "commander.help") sayFailure(`see: ${helpOf(program, args)}\n`);
      return;
    }
    sayFailure(`riverrun: ${messageOf(error)}\n`);
    if (process.env.RIVERRUN_DEBUG === "1" && error instanceof Error) process.stderr.write(`${error.stack ?? ""}\n`);
    process.exitCode = error instanceof RiverrunError ? error.exitCode : 1;
  }
}
