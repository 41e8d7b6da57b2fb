/** riverrun serve */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { UsageError } from "../../base/errors.ts";
import { programName } from "../../base/invocation.ts";
import { atLeast, collect, integer, type Precision } from "../options.ts";
import { emit, say } from "../output.ts";
import { engineOptions, example, root } from "../program.ts";

interface ServeCommandOptions {
  readonly model?: string;
  readonly device: string;
  readonly threads?: number;
  readonly precision?: Precision;
  readonly host: string;
  readonly port: number;
  readonly timeout: number;
  readonly maxBatch: number;
  readonly batchWait: number;
  readonly maxQueue: number;
  readonly maxBody: number;
  readonly allowHost?: string[];
  readonly stopWithStdin?: boolean;
}

/** Adds `riverrun serve`. */
export function addServe(program: Command): void {
  const command = program
    .command("serve")
    .description("a warm model over HTTP: JSON in, the commands' records out (docs/serve.md)")
    .argument("[model]", "folder of a trained model")
    .option("--model <dir>", "the same, as the other commands take it")
    .option(
      "--host <address>",
      "address to listen on; anything but loopback is open to all who can reach it",
      "127.0.0.1",
    )
    .option("--port <n>", "0: any that is free", integer(0, 65_535), 8080)
    .option("--allow-host <name>", "another name that clients may use on loopback (repeatable)", collect)
    .option("--timeout <seconds>", "a request that takes longer is given up", atLeast(0.1), 30)
    .option("--max-batch <n>", "texts computed together", integer(1), 64)
    .option("--batch-wait <ms>", "how long an idle engine waits for company", atLeast(0), 2)
    .option("--max-queue <n>", "texts that may wait; more are turned away with 503", integer(1), 2048)
    .option("--max-body <bytes>", "size of a request", integer(1), 4 << 20)
    .option("--stop-with-stdin", "stop when stdin ends, as when the program that started it dies");
  engineOptions(command)
    .addHelpText(
      "after",
      `\nRoutes: POST /score /sample /perturb /reconstruct /interpolate /encode /decode, GET /health /metrics.\n${example("serve runs/lines --port 8080")}`,
    )
    .action(serve);
}

/** Signals that stop the server, with the exit codes that shells report for them. */
const exitCodes = { SIGINT: 130, SIGTERM: 143 } as const;

/** The first wish to stop; the second signal ends the process at once. */
function stopWish(withStdin: boolean): Promise<{ readonly why: string; readonly exitCode: number }> {
  return new Promise((resolve) => {
    let asked = false;
    for (const [signal, exitCode] of Object.entries(exitCodes)) {
      process.on(signal, () => {
        if (asked) process.exit(exitCode);
        asked = true;
        resolve({ why: signal, exitCode });
      });
    }
    if (!withStdin) return;
    // A pipe closes behind its end; a file and /dev/null only end.
    for (const event of ["end", "close"]) {
      process.stdin.once(event, () => resolve({ why: "stdin has ended", exitCode: 0 }));
    }
    process.stdin.resume();
  });
}

async function serve(argument: string | undefined, options: ServeCommandOptions): Promise<void> {
  const { model: named, allowHost, stopWithStdin, ...rest } = options;
  if ((argument === undefined) === (named === undefined)) {
    throw new UsageError(`serve needs one folder of a trained model: ${programName()} serve DIR, or --model DIR`);
  }
  const model = argument ?? named ?? "";
  const { isLoopback, ModelServer } = await import("../../serve/index.ts");
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
  const wish = stopWish(stopWithStdin === true);
  const server = await ModelServer.start({ ...rest, model, allowedHosts: allowHost, version, say });
  const { address } = server;
  if (!isLoopback(address.host)) {
    say(`warning: everyone who can reach ${address.url} may use the model; there is no password`);
  }
  await emit({ listening: address.url, host: address.host, port: address.port, pid: process.pid, model });
  const { why, exitCode } = await wish;
  say(`${why}: finishing what has been asked for (a second signal ends at once)`);
  await server.stop();
  say(`stopped after ${server.answers} answers`);
  process.exitCode = exitCode;
  // Nothing listens for signals any more; a stdin that stays open would keep the process.
  process.stdin.destroy();
}
