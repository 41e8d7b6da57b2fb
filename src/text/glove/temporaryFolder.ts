/** Folders for intermediate files that are gone afterwards, however the process ends short of being killed outright. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { messageOf, RiverrunError } from "../../base/errors.ts";

const endingSignals: readonly NodeJS.Signals[] = ["SIGINT", "SIGTERM", "SIGHUP"];
const present = new Set<string>();

function removeAll(): void {
  for (const path of present) rmSync(path, { recursive: true, force: true });
  present.clear();
}

/** A signal that nobody else listens to would have ended the process: clean up, then let it. */
function onSignal(signal: NodeJS.Signals): void {
  if (process.listenerCount(signal) > 1) return;
  removeAll();
  process.off(signal, onSignal);
  process.kill(process.pid, signal);
}

function watch(): void {
  process.on("exit", removeAll);
  for (const signal of endingSignals) process.on(signal, onSignal);
}

function unwatch(): void {
  process.off("exit", removeAll);
  for (const signal of endingSignals) process.off(signal, onSignal);
}

/** A folder that is made when it is first asked for, in the system's place for temporary files (TMPDIR). */
export class TemporaryFolder {
  #path: string | undefined;

  /** The folder. @throws RiverrunError where it cannot be made */
  get path(): string {
    if (this.#path === undefined) {
      try {
        this.#path = mkdtempSync(join(tmpdir(), "riverrun-glove-"));
      } catch (error) {
        throw new RiverrunError(
          `cannot make a folder in ${tmpdir()}: ${messageOf(error)}; TMPDIR names another place`,
          {
            cause: error,
          },
        );
      }
      if (present.size === 0) watch();
      present.add(this.#path);
    }
    return this.#path;
  }

  remove(): void {
    if (this.#path === undefined) return;
    rmSync(this.#path, { recursive: true, force: true });
    present.delete(this.#path);
    this.#path = undefined;
    if (present.size === 0) unwatch();
  }
}
