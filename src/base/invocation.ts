/** How this program was called, so that its hints can be typed as they stand. */
import { realpathSync } from "node:fs";
import { basename, delimiter, dirname, isAbsolute, join, relative } from "node:path";

/** Set by whoever starts a program of ours for somebody: how that person calls it. */
export const calledAsVariable = "RIVERRUN_CALLED_AS";

/** Set by `riverrun launch` for its processes: what stands before their arguments in the command that started them. */
export const launchedAsVariable = "RIVERRUN_LAUNCHED_AS";

/** What a call is told by. */
export interface Call {
  /** The script that Node.js runs. */
  readonly script: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly folder: string;
}

/** Quotes a word for a POSIX shell where it needs it. */
export function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** Which of the program's files a script is: "js" as built, "ts" from source; undefined for other programs. */
function ownFile(script: string): "js" | "ts" | undefined {
  try {
    const file = realpathSync(script);
    return (["js", "ts"] as const).find((end) => file === join(import.meta.dirname, "..", "cli", `main.${end}`));
  } catch {
    return undefined;
  }
}

/**
 * The words that start riverrun as a call did: `riverrun`, `npx riverrun`, or Node.js with a path. In other programs, which
 * import the library, it is `npx riverrun`, which works wherever the package is installed and in a clone.
 */
export function nameOf({ script, env, folder }: Call): string {
  const given = env[calledAsVariable];
  if (given !== undefined && given !== "") return given;
  const own = script === undefined ? undefined : ownFile(script);
  if (script === undefined || own === undefined) return "npx riverrun";
  const inside = relative(folder, script);
  const path = quote(inside.startsWith("..") || isAbsolute(inside) ? script : inside);
  if (basename(script).startsWith("main.")) return `${own === "js" ? "node" : "npx tsx"} ${path}`;
  // npm has put the folder of the link on the path, where the caller's shell does not look.
  if (env.npm_command !== undefined) return "npx riverrun";
  const onPath = (env.PATH ?? "").split(delimiter).includes(dirname(script));
  return onPath ? basename(script) : path.includes("/") ? path : `./${path}`;
}

/** {@link nameOf} this process. */
export function programName(): string {
  return nameOf({ script: process.argv[1], env: process.env, folder: process.cwd() });
}

/** The command that this process runs, and one more option unless it is there already, as one would type it. */
export function commandAgain(args: readonly string[], option?: string): string {
  const all = option === undefined || args.includes(option) ? args : [...args, option];
  const launched = process.env[launchedAsVariable];
  return [programName(), ...(launched ? [launched] : []), ...all.map(quote)].join(" ");
}
