/** What a failed build of the addon leaves, with programs in the place of CMake and the compiler. */
import fs from "node:fs";
import path from "node:path";
import { afterEach, expect, it, vi } from "vitest";
import { buildAddon } from "../../scripts/setup/addon.mjs";
import { Reporter } from "../../scripts/setup/reporter.mjs";
import { packageRoot } from "../../src/torch/native.ts";
import { temporaryFolder, writeTree } from "./temporary.ts";

afterEach(() => vi.unstubAllEnvs());

/** A clone whose CMake runs `build` with the folder to write to in $out. */
function clone(build: string): {
  readonly root: string;
  readonly file: (name: string) => string;
  setBuild(text: string): void;
} {
  const root = temporaryFolder();
  writeTree(root, {
    "native/addon.cc": "one",
    "package.json": "{}",
    "node_modules/node-api-headers/package.json": '{"version": "1.0.0"}',
    "build/riverrun.node": "the old addon",
    "build/addon-stamp.json": "{}",
    "programs/g++": "#!/bin/sh\necho 'g++ (GCC) 13.2.0'; echo 'Free Software Foundation'\n",
    "programs/make": "#!/bin/sh\n",
  });
  const programs = path.join(root, "programs");
  const setBuild = (text: string): void =>
    fs.writeFileSync(
      path.join(programs, "cmake"),
      `#!/bin/sh
case "$1" in --version) echo "cmake version 3.25.1"; exit;; esac
out=${root}/out.txt
for argument in "$@"; do case "$argument" in -DRIVERRUN_OUTPUT=*) echo "\${argument#*=}" > $out; exit;; esac; done
out=$(cat $out); mkdir -p $out
${text}
`,
    );
  setBuild(build);
  for (const name of ["g++", "make", "cmake"]) fs.chmodSync(path.join(programs, name), 0o755);
  vi.stubEnv("PATH", `${programs}:${process.env.PATH}`);
  vi.stubEnv("CXX", path.join(programs, "g++"));
  return { root, file: (name) => fs.readFileSync(path.join(root, "build", name), "latin1"), setBuild };
}

const libtorch = { path: "/nowhere", version: "2.15.0", source: "LIBTORCH" } as unknown as Parameters<
  typeof buildAddon
>[2];

function quiet(): Reporter {
  const reporter = new Reporter();
  vi.spyOn(process.stderr, "write").mockReturnValue(true);
  return reporter;
}

it("leaves the addon of before with its stamp where a build fails or cannot be loaded, else replaces it", async () => {
  const broken = "echo half > $out/riverrun.node; echo 'error: no such type'; exit 1";
  const { root, file, setBuild } = clone(broken);
  await expect(buildAddon(quiet(), root, libtorch)).rejects.toThrow("could not be compiled");
  expect([file("riverrun.node"), file("addon-stamp.json")]).toEqual(["the old addon", "{}"]);
  setBuild("echo nothing > $out/riverrun.node");
  await expect(buildAddon(quiet(), root, libtorch)).rejects.toThrow("cannot be loaded");
  expect([file("riverrun.node"), file("addon-stamp.json")]).toEqual(["the old addon", "{}"]);
  // One that can be loaded: this clone's own.
  setBuild(`cp ${path.join(packageRoot, "build", "riverrun.node")} $out/riverrun.node`);
  await buildAddon(quiet(), root, libtorch);
  expect(file("riverrun.node").length).toBeGreaterThan(10_000);
  expect(file("addon-stamp.json")).toContain("gcc 13.2.0");
  expect(fs.existsSync(path.join(root, "build", "new"))).toBe(false);
  // Nothing is to be done now: CMake is not asked.
  setBuild("exit 1");
  await buildAddon(quiet(), root, libtorch);
});

it("builds without collectives only where a build fails for what they need", async () => {
  const { root, file, setBuild } = clone("echo 'error: Killed (program cc1plus)'; exit 1");
  const whole = path.join(packageRoot, "build", "riverrun.node");
  const said = vi.spyOn(process.stderr, "write").mockReturnValue(true);
  await expect(buildAddon(new Reporter(), root, libtorch)).rejects.toThrow("could not be compiled");
  // Good from the second attempt on.
  const once = (error: string): string =>
    `test -e ${root}/tried && cp ${whole} $out/riverrun.node && exit; touch ${root}/tried; echo "error: ${error}"; exit 1`;
  setBuild(once("no space left on device"));
  await expect(buildAddon(new Reporter(), root, libtorch)).rejects.toThrow("could not be compiled");
  expect(file("riverrun.node")).toBe("the old addon");
  fs.rmSync(path.join(root, "tried"));
  setBuild(once("torch/csrc/distributed/c10d/Store.hpp: No such file"));
  await buildAddon(new Reporter(), root, libtorch);
  expect(file("riverrun.node").length).toBeGreaterThan(10_000);
  expect(said.mock.calls.join("")).toContain("built without collectives");
});

// The messages are those of Linux's loader.
it.skipIf(process.platform !== "linux")(
  "builds an addon that was damaged again, and says where its libtorch is damaged instead",
  async () => {
    const whole = path.join(packageRoot, "build", "riverrun.node");
    const { root, file, setBuild } = clone(`cp ${whole} $out/riverrun.node`);
    await buildAddon(quiet(), root, libtorch);
    const addon = path.join(root, "build", "riverrun.node");
    const { size } = fs.statSync(addon);
    // Cut in the middle the loader dies of it, cut to nothing it says so; either way the stamp is right.
    for (const length of [Math.floor(size / 2), 10]) {
      fs.truncateSync(addon, length);
      await buildAddon(quiet(), root, libtorch);
      expect(file("riverrun.node").length).toBe(size);
    }
    setBuild("exit 1");
    fs.truncateSync(addon, 10);
    await expect(buildAddon(quiet(), root, libtorch)).rejects.toThrow("could not be compiled");
    // A file that the loader names and that lies in libtorch's folder is libtorch's.
    const own = { path: root, version: "2.15.0" };
    const damaged = async (source: "cache" | "python" | "LIBTORCH"): Promise<void> => {
      fs.writeFileSync(addon, fs.readFileSync(whole));
      setBuild(`cp ${whole} $out/riverrun.node`);
      await buildAddon(quiet(), root, { ...own, source });
      fs.truncateSync(addon, 10);
      setBuild("exit 1");
      await buildAddon(quiet(), root, { ...own, source });
    };
    await expect(damaged("cache")).rejects.toThrow(
      `libtorch is damaged (${addon}: file too short): remove ${path.dirname(root)} and run the same command again`,
    );
    await expect(damaged("python")).rejects.toThrow("install python3's torch again");
    await expect(damaged("LIBTORCH")).rejects.toThrow("unset it to have one downloaded");
  },
);
