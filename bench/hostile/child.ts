/**
 * Runs command lines one after the other in one process: each loads dist/cli/main.js anew (the libraries below it stay
 * loaded), with its own arguments, input and captured output. Started by bench/hostile.ts with an IPC channel.
 */
import { createReadStream } from "node:fs";
import { Readable } from "node:stream";

interface Request {
  readonly main: string;
  readonly args: readonly string[];
  readonly input: string | undefined;
}

const output = { stdout: "", stderr: "" };
for (const name of ["stdout", "stderr"] as const) {
  process[name].write = (piece: string | Uint8Array): boolean => {
    output[name] += typeof piece === "string" ? piece : Buffer.from(piece).toString();
    return true;
  };
}
process.setMaxListeners(0);
process.stdout.setMaxListeners(0);

/** What a call of process.exit throws here, since the process goes on. */
class Exit extends Error {}
process.exit = (code) => {
  process.exitCode = code ?? process.exitCode ?? 0;
  throw new Exit();
};

let runs = 0;
async function answer({ main, args, input }: Request): Promise<void> {
  output.stdout = "";
  output.stderr = "";
  process.exitCode = undefined;
  process.argv = [process.execPath, main, ...args];
  const stdin = input === undefined ? Readable.from([]) : createReadStream(input);
  Object.defineProperty(process, "stdin", { value: stdin, configurable: true });
  try {
    await import(`${main}?run=${runs++}`);
  } catch (error) {
    if (!(error instanceof Exit)) {
      process.exitCode = 1;
      output.stderr += `${error instanceof Error ? error.stack : String(error)}\n`;
    }
  }
  process.send?.({ code: process.exitCode ?? 0, ...output });
  process.exitCode = undefined;
}

process.on("message", (request: Request) => void answer(request));
process.send?.("ready");
