/** Running programs of the tests in processes of their own. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/** How a process ended. */
export interface Ended {
  readonly status: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs test/torch/children/`name`.ts under Node with the given flags. */
export function runChild(
  name: string,
  options: { flags?: readonly string[]; env?: Readonly<Record<string, string>>; args?: readonly string[] } = {},
): Ended {
  const file = fileURLToPath(new URL(`./children/${name}.ts`, import.meta.url));
  const { status, signal, stdout, stderr } = spawnSync(
    process.execPath,
    [...(options.flags ?? []), "--import", "tsx", file, ...(options.args ?? [])],
    { encoding: "utf8", env: { ...process.env, ...options.env }, timeout: 110_000 },
  );
  return { status, signal, stdout, stderr };
}

/** The JSON that a child wrote on its last line. @throws Error with all that it wrote where it failed. */
export function resultOf(ended: Ended): unknown {
  if (ended.status !== 0) {
    throw new Error(`the child ended with ${ended.status ?? ended.signal}:\n${ended.stdout}\n${ended.stderr}`);
  }
  return JSON.parse(ended.stdout.trim().split("\n").at(-1) ?? "");
}

/** The error that a function throws. @throws Error where it throws none. */
export function errorOf(body: () => unknown): Error & { code?: string; operator?: string } {
  try {
    body();
  } catch (error) {
    if (error instanceof Error) return error;
    throw error;
  }
  throw new Error("expected an error, but none was thrown");
}
