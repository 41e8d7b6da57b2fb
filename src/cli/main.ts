#!/usr/bin/env node
/** The command line: one binary, its commands loaded when they are called. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Command, CommanderError } from "commander";
import { messageOf, RiverrunError } from "../base/errors.ts";
import { atLeast, collect, integer, numbers } from "./options.ts";

const root = join(import.meta.dirname, "..", "..");
const exitCodes =
  "\nExit codes: 0 good, 1 failure, 2 wrong usage or configuration, 3 data missing, 130/143 after SIGINT/SIGTERM.";

/** Ends a command's help. */
function example(line: string): string {
  return `\nExample:\n  $ riverrun ${line}\n${exitCodes}`;
}

const program = new Command("riverrun")
  .description("Continuous language flows: text to latent space and back, with an exact likelihood.")
  .exitOverride()
  .showSuggestionAfterError();

const modelCommand = (name: string, description: string, line: string): Command =>
  program
    .command(name)
    .description(description)
    .requiredOption("--model <dir>", "folder of a trained model")
    .option("--device <name>", "cpu, cuda, cuda:N or auto", "cpu")
    .option("--threads <n>", "threads inside an operator", integer(1))
    .addHelpText("after", example(line));

program.option("--version", "versions of riverrun and libtorch").on("option:version", () => {
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
  const libtorch = ((): string => {
    try {
      return (JSON.parse(readFileSync(join(root, "build", "libtorch.json"), "utf8")) as { version: string }).version;
    } catch {
      return "not set up: npx riverrun setup";
    }
  })();
  process.stdout.write(`riverrun ${version} (libtorch ${libtorch})\n`);
  process.exit(0);
});

program
  .command("train")
  .description("trains a flow into a folder")
  .option("--preset <name>", "tiny, small, riverrun-nar, paper-nar, paper-nar-channel")
  .option("--config <file>", "configuration in JSON or YAML instead of a preset")
  .option("--set <key=value>", "overrides a key, as in train.maxSteps=100; repeatable", collect)
  .option("--data <files...>", ".txt (one text a line), .jsonl (objects with text), or builtin")
  .option("--validation <file>", "held-out texts (default: a seeded 10 % of the data)")
  .option("--out <dir>", "the model's folder")
  .option("--vectors <file>", "word vectors in GloVe's text format (default: trained on the data)")
  .option("--resume", "go on from the last checkpoint in --out")
  .option("--seed <n>", "overrides the configuration's seed", integer(0))
  .option("--device <name>", "cpu, cuda, cuda:N or auto", "cpu")
  .option("--threads <n>", "threads inside an operator", integer(1))
  .option("--print-config", "prints the effective configuration and ends")
  .addHelpText("after", example("train --preset small --data lines.txt --out runs/lines"))
  .action(async (options) => (await import("./commands/train.ts")).trainCommand(options));

modelCommand(
  "score",
  "one JSON line a text: nats, nats per token, bits per dimension",
  "score --model runs/lines lines.txt",
)
  .argument("[file]", ".txt or .jsonl; stdin where absent")
  .option("--seed <n>", "of the evaluation noise", integer(0), 1)
  .action(async (file, options) => (await import("./commands/model.ts")).score(file, options));

modelCommand(
  "encode",
  "latents of texts into a safetensors file",
  "encode --model runs/lines lines.txt --out latents.safetensors",
)
  .argument("[file]", ".txt or .jsonl; stdin where absent")
  .requiredOption("--out <file>", "safetensors file to write")
  .action(async (file, options) => (await import("./commands/model.ts")).encode(file, options));

modelCommand("decode", "texts of latents", "decode --model runs/lines latents.safetensors")
  .argument("<file>", "what encode wrote")
  .option("--raw", "tokens joined by spaces instead of text")
  .action(async (file, options) => (await import("./commands/model.ts")).decode(file, options));

modelCommand("sample", "new texts", "sample --model runs/lines --count 10 --temperature 0.8")
  .option("--count <n>", "how many", integer(1), 10)
  .option("--seed <n>", "of the first sample; sample i has seed + i", integer(0), 1)
  .option("--temperature <t>", "standard deviation of the latents", atLeast(0))
  .option("--raw", "tokens joined by spaces instead of text")
  .action(async (options) => (await import("./commands/model.ts")).sample(options));

modelCommand("interpolate", "texts between two texts", 'interpolate --model runs/lines "one text" "another text"')
  .argument("<first>")
  .argument("<second>")
  .option("--ratios <list>", "weights of the first text", numbers, [0.6, 0.5, 0.4])
  .option("--spherical", "along the great circle")
  .option("--raw", "tokens joined by spaces instead of text")
  .action(async (first, second, options) => (await import("./commands/model.ts")).interpolate(first, second, options));

modelCommand(
  "perturb",
  "rewrites of texts by noise in latent space",
  "perturb --model runs/lines --noise-variance 0.1 --variants 3 lines.txt",
)
  .argument("[file]", ".txt or .jsonl; stdin where absent")
  .option("--noise-variance <v>", "variance of the noise; the paper uses 0.5", atLeast(0), 0.5)
  .option("--variants <n>", "rewrites of each text", integer(1), 1)
  .option("--seed <n>", "of the noise", integer(0), 1)
  .option("--raw", "tokens joined by spaces instead of text")
  .action(async (file, options) => (await import("./commands/model.ts")).perturb(file, options));

modelCommand("reconstruct", "decode(encode(x)): what comes back", "reconstruct --model runs/lines --json lines.txt")
  .argument("[file]", ".txt or .jsonl; stdin where absent")
  .option("--json", "ends with one line of totals")
  .action(async (file, options) => (await import("./commands/model.ts")).reconstruct(file, options));

const vectors = program.command("vectors").description("word vectors in GloVe's text format");
vectors
  .command("train")
  .description("GloVe on your own text")
  .requiredOption("--data <files...>", ".txt or .jsonl")
  .requiredOption("--out <file>", "file to write")
  .option("--tokenizer <name>", "riverrun-words, tvqa-words, ptb", "riverrun-words")
  .option("--dimensions <n>", "D", integer(1), 300)
  .option("--window <n>", "words on each side", integer(1), 10)
  .option("--iterations <n>", "passes", integer(1), 50)
  .option("--min-count <n>", "rarer words become <unk>", integer(1), 2)
  .option("--seed <n>", "of starting values and order", integer(0), 1)
  .addHelpText("after", example("vectors train --data lines.txt --out vectors.txt --dimensions 100"))
  .action(async (options) => (await import("./commands/tools.ts")).vectorsTrain(options));
vectors
  .command("inspect")
  .description("counts and size of a vectors file")
  .argument("<file>")
  .addHelpText("after", example("vectors inspect vectors.txt"))
  .action(async (file) => (await import("./commands/tools.ts")).vectorsInspect(file));

program
  .command("bench")
  .description("speed against the machine's own matrix-product peak: op, flow-step")
  .argument("<what>", "op or flow-step")
  .option("--json", "one JSON line (always so)")
  .option("--layout <name>", "paper or wide", "wide")
  .option("--steps <n>", "K", integer(1), 8)
  .option("--levels <n>", "L", integer(1), 3)
  .option("--batch <n>", "texts", integer(1), 32)
  .option("--positions <n>", "T", integer(2), 64)
  .option("--channels <n>", "D", integer(2), 300)
  .addHelpText("after", example("bench flow-step --json"))
  .action(async (what, { json: _, ...options }) => (await import("./commands/tools.ts")).bench(what, options));

program
  .command("doctor")
  .description("the installation, with a self-test")
  .option("--json", "one JSON line")
  .addHelpText("after", example("doctor"))
  .action(async (options) => (await import("./commands/tools.ts")).doctor(options));

program
  .command("setup")
  .description("fetches libtorch and builds the addon")
  .addHelpText("after", example("setup"))
  .action(() => {
    process.exitCode =
      spawnSync(process.execPath, [join(root, "scripts", "setup.mjs")], { stdio: "inherit" }).status ?? 1;
  });

program
  .command("quickstart")
  .description("learns a flow from the built-in corpus and shows what it can do")
  .option("--steps <n>", "training steps", integer(1), 500)
  .addHelpText("after", example("quickstart"))
  .action(async (options) => (await import("./commands/quickstart.ts")).quickstart(options));

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
  else {
    process.stderr.write(`riverrun: ${messageOf(error)}\n`);
    if (process.env.RIVERRUN_DEBUG === "1" && error instanceof Error) process.stderr.write(`${error.stack ?? ""}\n`);
    process.exitCode = error instanceof RiverrunError ? error.exitCode : 1;
  }
}
