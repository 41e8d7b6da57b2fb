/** Unpacks an archive into a folder: first beside it, then file by file into place. */
import { spawn } from "node:child_process";
import { lstatSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { messageOf, RiverrunError } from "../../base/errors.ts";
import { extractZip, listZip } from "../../base/zip.ts";
import { demandSpace } from "./download.ts";

/** A name inside the folder: no empty, `..` or absolute parts. */
function safeParts(name: string): string[] | undefined {
  const parts = name.replaceAll("\\", "/").split("/");
  const isSafe = !parts.some(
    (part) => part === "" || part === "." || part === ".." || part.includes("\0") || /^[a-z]:$/i.test(part),
  );
  return isSafe ? parts : undefined;
}

async function unpackZip(archive: string, folder: string): Promise<void> {
  const entries = listZip(archive);
  await demandSpace(
    folder,
    entries.reduce((sum, entry) => sum + entry.bytes, 0),
    `unpacking ${archive}`,
  );
  for (const entry of entries) {
    const parts = safeParts(entry.name);
    if (!parts) throw new RiverrunError(`${archive}: holds the unsafe name ${JSON.stringify(entry.name)}`);
    const target = join(folder, ...parts);
    mkdirSync(dirname(target), { recursive: true });
    await extractZip(archive, entry, target);
  }
}

/** The system's tar, which Linux and macOS have, keeps names inside the folder and sees damaged archives. */
async function unpackTar(archive: string, folder: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const child = spawn("tar", ["-xzf", archive, "-C", folder, "--no-same-owner"], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    let said = "";
    child.stderr.on("data", (text: Buffer) => {
      said = (said + text.toString()).slice(-2000);
    });
    child.on("error", (error) =>
      reject(new RiverrunError(`tar could not be started: ${messageOf(error)}`, { cause: error })),
    );
    child.on("close", (code) => {
      if (code === 0) resolve();
      else reject(new RiverrunError(`${archive}: tar cannot unpack it: ${said.trim().split("\n")[0]}`));
    });
  });
}

/** Moves files into place, folder by folder; links and what else an archive may hold stay behind. */
function moveInto(from: string, to: string): void {
  for (const name of readdirSync(from)) {
    const [source, target] = [join(from, name), join(to, name)];
    const status = lstatSync(source);
    if (status.isDirectory()) {
      mkdirSync(target, { recursive: true });
      moveInto(source, target);
    } else if (status.isFile()) renameSync(source, target);
  }
}

/** @throws RiverrunError where the archive is damaged, or holds names that lead out of the folder. */
export async function unpack(archive: string, kind: "tar.gz" | "zip", folder: string): Promise<void> {
  const work = join(folder, ".unpacking");
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  try {
    if (kind === "zip") await unpackZip(archive, work);
    else await unpackTar(archive, work);
    moveInto(work, folder);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
