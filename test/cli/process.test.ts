/** What only a process of its own shows: pipes, signals, a broken installation. It runs the built program. */
import { spawn } from "node:child_process";
import { closeSync, cpSync, existsSync, mkdirSync, openSync, readdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { root } from "../../src/cli/program.ts";
import { program, records, runProcess, scratch, sentencesFile, tinyTraining } from "./support.ts";

const folder = scratch();
const data = sentencesFile(folder);
const model = join(folder, "model");

beforeAll(() => {
  expect(runProcess(tinyTraining(data, model, 5)).code).toBe(0);
});

describe("the program", () => {
  it("explains itself", () => {
    const help = runProcess(["--help"]);
    expect(help.code).toBe(0);
    for (const name of ["train", "score", "sample", "interpolate", "quickstart"])
      expect(help.out).toContain(`\n  ${name}`);
    expect(runProcess(["train", "--help"]).out).toContain("Example:\n  $ node dist/cli/main.js train");
    expect(runProcess(["--version"]).out).toMatch(/^riverrun \d+\.\d+\.\d+ \(libtorch .*\)\n$/);
    const wrong = (...args: string[]): string => {
      const { code, out, err } = runProcess(args);
      expect({ code, out }).toEqual({ code: 2, out: "" });
      return err;
    };
    expect(wrong("nonsense")).toBe("error: unknown command 'nonsense'\nsee: node dist/cli/main.js --help\n");
    expect(wrong("trian")).toContain("(Did you mean train?)\nsee: node dist/cli/main.js --help\n");
    expect(wrong("vectors", "nonsense")).toContain("\nsee: node dist/cli/main.js vectors --help\n");
    expect(wrong("sample")).toContain("'--model <dir>' not specified\nsee: node dist/cli/main.js sample --help\n");
  });

  it("helps without the addon, and says how to get it", () => {
    const bare = join(scratch(), "bare");
    mkdirSync(bare);
    cpSync(join(root, "dist"), join(bare, "dist"), { recursive: true });
    cpSync(join(root, "package.json"), join(bare, "package.json"));
    symlinkSync(join(root, "node_modules"), join(bare, "node_modules"));
    const elsewhere = (...args: string[]): Promise<{ code: number | null; text: string }> =>
      new Promise((resolve) => {
        const child = spawn(process.execPath, [join(bare, "dist", "cli", "main.js"), ...args], {
          stdio: ["ignore", "pipe", "pipe"],
        });
        let text = "";
        for (const stream of [child.stdout, child.stderr])
          stream.on("data", (chunk: Buffer) => (text += chunk.toString()));
        child.once("close", (code) => resolve({ code, text }));
      });
    return Promise.all([elsewhere("--help"), elsewhere("--version"), elsewhere("score", "--model", model)]).then(
      ([help, version, score]) => {
        expect(help.code).toBe(0);
        expect(help.text).toContain("reconstruct");
        expect(version.text).toContain("not set up");
        expect(score.code).toBe(1);
        expect(score.text).toContain("npx riverrun setup");
      },
    );
  });
});

describe.skipIf(process.platform === "win32")("pipes", () => {
  it("a reader that has seen enough ends the command quietly", async () => {
    const child = spawn(process.execPath, [
      program,
      "sample",
      "--model",
      model,
      "--count",
      "1000000",
      "--threads",
      "1",
    ]);
    let err = "";
    child.stderr.on("data", (chunk: Buffer) => (err += chunk.toString()));
    child.stdout.once("data", () => child.stdout.destroy());
    const code = await new Promise((resolve) => child.once("close", resolve));
    expect(err).toBe("");
    expect(code).toBe(0);
  });

  it.skipIf(!existsSync("/dev/full"))("a full disk behind stdout is said in a line", async () => {
    const full = openSync("/dev/full", "w");
    try {
      const child = spawn(process.execPath, [program, "data", "list", "--json"], { stdio: ["ignore", full, "pipe"] });
      let err = "";
      child.stderr?.on("data", (chunk: Buffer) => (err += chunk.toString()));
      expect(await new Promise((resolve) => child.once("close", resolve))).toBe(1);
      expect(err).toMatch(/^riverrun: stdout: ENOSPC[^\n]*not written\n$/);
    } finally {
      closeSync(full);
    }
  });

  it("a training goes on when nobody reads its progress any more", async () => {
    const out = join(folder, "unread");
    const child = spawn(process.execPath, [program, ...tinyTraining(data, out)]);
    child.stderr.once("data", () => child.stderr.destroy());
    let text = "";
    child.stdout.on("data", (chunk: Buffer) => (text += chunk.toString()));
    const code = await new Promise((resolve) => child.once("close", resolve));
    expect(code).toBe(0);
    expect(records(text)).toMatchObject([{ step: 20 }]);
  });

  it("an empty stdin is no error", () => {
    expect(runProcess(["score", "--model", model])).toEqual({ code: 0, out: "", err: "no text came in\n" });
  });
});

describe.skipIf(process.platform === "win32")("signals", () => {
  it.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)(
    "%s ends a training with a checkpoint, a report, %i and the command to go on",
    async (signal, expected) => {
      const out = join(folder, signal);
      const args = tinyTraining(data, out, 1_000_000);
      const child = spawn(process.execPath, [program, ...args], { stdio: ["ignore", "ignore", "pipe"] });
      let err = "";
      let sent = false;
      child.stderr.on("data", (chunk: Buffer) => {
        err += chunk.toString();
        if (!sent && err.includes("step 5 of")) sent = child.kill(signal);
      });
      const code = await new Promise((resolve) => child.once("close", resolve));
      expect(code).toBe(expected);
      expect(err).toContain(`${signal}: finishing this step`);
      expect(err).toMatch(/a checkpoint is written/);
      expect(err).toContain(`go on with: node dist/cli/main.js train --preset tiny --data ${data}`);
      expect(existsSync(join(out, "report.html"))).toBe(true);
      expect(existsSync(join(out, "training", "last.json"))).toBe(true);
      expect(existsSync(join(out, "training", "lock"))).toBe(false);
    },
  );

  it("an interrupted quickstart goes on when it is run again, a finished one is replaced", async () => {
    const out = join(folder, "quickstart");
    const args = ["quickstart", "--steps", "8", "--out", out];
    const child = spawn(process.execPath, [program, ...args], { stdio: ["ignore", "ignore", "pipe"] });
    let err = "";
    let sent = false;
    child.stderr.on("data", (chunk: Buffer) => {
      err += chunk.toString();
      if (!sent && err.includes("step 1 of 8")) sent = child.kill("SIGINT");
    });
    expect(await new Promise((resolve) => child.once("close", resolve)), err).toBe(130);
    expect(err.endsWith(`go on with: node dist/cli/main.js ${args.join(" ")}\n`), err).toBe(true);
    expect(err).not.toContain("--resume");
    expect(existsSync(join(out, "report.html"))).toBe(true);
    const rest = runProcess(args);
    expect(rest.err).toMatch(/going on after step [1-7] of 8/);
    expect(rest).toMatchObject({ code: 0, out: expect.stringContaining("Trained 8 steps") });
    expect(runProcess(["quickstart", "--steps", "1", "--out", out])).toMatchObject({
      code: 0,
      out: expect.stringContaining("Trained 1 step,"),
    });
  });
});

it("a quickstart leaves alone what it did not make", () => {
  const before = readdirSync(model);
  const refused = runProcess(["quickstart", "--steps", "1", "--out", model]);
  expect(refused).toMatchObject({ code: 2, err: expect.stringContaining("did not make") });
  expect(readdirSync(model)).toEqual(before);
  expect(runProcess(["quickstart", "--out", ""])).toMatchObject({
    code: 2,
    err: 'riverrun: --out "": expected a folder\n',
  });
});
