/** Takes every lock of a folder that it can get, beginning at a given time, and prints their names. */
import { join } from "node:path";
import { UsageError } from "../../../src/base/errors.ts";
import { FolderLock } from "../../../src/base/folderLock.ts";

const [folder, count, start] = process.argv.slice(2);
while (Date.now() < Number(start)) {
  // All begin at once.
}
const taken: string[] = [];
for (let number = 0; number < Number(count); number++) {
  const name = `lock-${number}`;
  try {
    FolderLock.take(join(folder, name), { doing: "working here" });
    taken.push(name);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
  }
}
process.stdout.write(JSON.stringify(taken), () => {
  // Until all have tried: a lock of a process that has ended may be taken over.
  process.stdin.resume().once("end", () => process.exit());
});
