/** Whether the native addon can be loaded, asked where a damaged one does no harm. */
import { spawnSync } from "node:child_process";

/**
 * Loads an addon in a process of its own: a file that was cut short ends the process by a signal.
 *
 * @returns what is wrong; undefined where it can be loaded
 */
export function addonFault(path: string): string | undefined {
  const program = `try { require(${JSON.stringify(path)}) } catch (error) { console.error(error.message); process.exit(1) }`;
  const { status, signal, stderr, error } = spawnSync(process.execPath, ["-e", program], { encoding: "utf8" });
  if (error) return error.message;
  if (status === 0) return undefined;
  return signal ? `the process that loads it ends by ${signal}` : stderr.trim().split("\n")[0];
}
