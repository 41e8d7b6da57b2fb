import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, it, test, vi } from "vitest";
import { commandAgain, launchedAsVariable, nameOf, quote } from "../../src/base/invocation.ts";
import { root } from "../../src/cli/program.ts";

const source = join(root, "src", "cli", "main.ts");
const folder = mkdtempSync(join(tmpdir(), "riverrun-invocation-"));
const bin = join(folder, "node_modules", ".bin");
mkdirSync(bin, { recursive: true });
const link = join(bin, "riverrun");
symlinkSync(source, link);
afterAll(() => {
  rmSync(folder, { recursive: true });
});

describe("the program is called", () => {
  const fromNpm = { npm_command: "exec", PATH: `${bin}:/usr/bin` };
  it.each([
    ["by npx", { script: link, env: fromNpm, folder: root }, "npx riverrun"],
    ["from the path", { script: link, env: { PATH: `/bin:${bin}` }, folder: root }, "riverrun"],
    ["by the link's path", { script: link, env: { PATH: "/bin" }, folder }, "node_modules/.bin/riverrun"],
    ["by the link beside it", { script: link, env: { PATH: "/bin" }, folder: bin }, "./riverrun"],
    ["from source", { script: source, env: fromNpm, folder: root }, "npx tsx src/cli/main.ts"],
    ["from source elsewhere", { script: source, env: {}, folder: bin }, `npx tsx ${quote(source)}`],
    ["by a program that imports it", { script: "/x/main.js", env: fromNpm, folder: root }, "npx riverrun"],
    ["by nobody", { script: undefined, env: {}, folder: root }, "npx riverrun"],
    ["by a script", { script: source, env: { RIVERRUN_CALLED_AS: "npm run it --" }, folder: root }, "npm run it --"],
  ])("%s", (_, call, expected) => {
    expect(nameOf(call)).toBe(expected);
  });
});

describe("a command", () => {
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  it("is printed as one can type it", () => {
    vi.stubEnv("RIVERRUN_CALLED_AS", "riverrun");
    expect(commandAgain(["train", "--out", "a b"], "--resume")).toBe("riverrun train --out 'a b' --resume");
    expect(commandAgain(["train", "--resume"], "--resume")).toBe("riverrun train --resume");
    expect(commandAgain(["quickstart"])).toBe("riverrun quickstart");
  });

  it("of one of several processes is the command that started all", () => {
    vi.stubEnv("RIVERRUN_CALLED_AS", "riverrun");
    vi.stubEnv(launchedAsVariable, "launch --nproc 2 --");
    expect(commandAgain(["train"], "--resume")).toBe("riverrun launch --nproc 2 -- train --resume");
  });
});

test("words are quoted as a shell needs it", () => {
  expect(quote("runs/a-1.txt")).toBe("runs/a-1.txt");
  expect(quote("it's two words")).toBe("'it'\\''s two words'");
});
