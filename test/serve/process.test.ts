/** The command as a process of its own: signals, SIGKILL, restarts, exit codes. */
import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, expect, it } from "vitest";
import { forkModule } from "../../src/base/forkModule.ts";
import { root } from "../../src/cli/program.ts";
import { ask, modelFolder, post } from "./support.ts";

const folder = modelFolder("tiny");
const running: ChildProcess[] = [];
afterAll(() => {
  for (const child of running) child.kill("SIGKILL");
});

interface Served {
  readonly child: ChildProcess;
  readonly url: string;
  readonly port: number;
  /** Exit code, and what came on stderr. */
  readonly end: Promise<{ readonly code: number | null; readonly err: string }>;
}

function spawnServe(...args: string[]): { readonly child: ChildProcess; readonly end: Served["end"] } {
  const program = join(root, "src", "cli", "main.ts");
  const child = spawn(process.execPath, ["--import", "tsx", program, "serve", ...args], { cwd: root });
  running.push(child);
  let err = "";
  child.stderr.on("data", (chunk: Buffer) => {
    err += chunk.toString();
  });
  return { child, end: once(child, "close").then(([code]) => ({ code: code as number | null, err })) };
}

/** Starts the command and waits for its line. */
async function serve(...args: string[]): Promise<Served> {
  const { child, end } = spawnServe(folder, "--threads", "1", ...args);
  if (!child.stdout) throw new Error("stdout is a pipe");
  const [line] = (await once(createInterface(child.stdout), "line")) as [string];
  const { listening, port, pid } = JSON.parse(line) as { listening: string; port: number; pid: number };
  expect(pid).toBe(child.pid);
  return { child, url: listening, port, end };
}

/** Every file of the model's folder with its hash. */
const contents = (): string[] =>
  readdirSync(folder)
    .sort()
    .map(
      (name) =>
        `${name} ${createHash("sha256")
          .update(readFileSync(join(folder, name)))
          .digest("hex")}`,
    );

it("ends on SIGTERM when it has answered what it had, with 143", async () => {
  const { child, url, end } = await serve("--port", "0", "--batch-wait", "2000");
  const held = post(url, "/score", { text: "a warm pie" });
  while ((await ask(url, "GET", "/health")).json.queue?.queued !== 1) await new Promise(setImmediate);
  child.kill("SIGTERM");
  expect((await held).status).toBe(200);
  const { code, err } = await end;
  expect(code).toBe(143);
  expect(err).toMatch(/SIGTERM: finishing.*\nstopped after \d+ answers\n$/);
});

it("killed and started again has lost nothing but its open requests, and left nothing behind", async () => {
  const before = contents();
  const { child, url, port, end } = await serve("--port", "0", "--batch-wait", "60000");
  const held = post(url, "/score", { text: "a warm pie" });
  held.catch(() => undefined);
  while ((await ask(url, "GET", "/health")).json.queue?.queued !== 1) await new Promise(setImmediate);
  child.kill("SIGKILL");
  await expect(held).rejects.toThrow();
  await end;
  expect(contents()).toEqual(before);
  const again = await serve("--port", String(port), "--stop-with-stdin");
  expect(again.port).toBe(port);
  expect((await post(again.url, "/score", { text: "a warm pie" })).status).toBe(200);
  // The parent's end of stdin closes, as when it dies.
  again.child.stdin?.end();
  expect(await again.end).toMatchObject({ code: 0, err: expect.stringContaining("stdin has ended") });
  expect(contents()).toEqual(before);
});

it("has an engine that says what is wrong with a model, and nothing else, in the words of the command", async () => {
  const { child, end } = spawnServe("/nowhere");
  child.stdout?.resume();
  const { code, err } = await end;
  expect([code, err]).toEqual([
    3,
    "riverrun: /nowhere/config.json does not exist: expected the folder of a trained model (npx tsx src/cli/main.ts train --out)\n",
  ]);
});

it("has an engine that ends by itself where it cannot read the model", async () => {
  const engine = forkModule(new URL("../../src/serve/engineProcess.ts", import.meta.url), {
    serialization: "advanced",
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  let err = "";
  engine.stderr?.on("data", (chunk: Buffer) => {
    err += chunk.toString();
  });
  const answer = once(engine, "message");
  engine.send({ settings: { model: "/nowhere", device: "cpu" } });
  expect(await answer).toMatchObject([{ kind: "refused", exitCode: 3 }, undefined]);
  expect([...(await once(engine, "close")), err]).toEqual([0, null, ""]);
});

it("says what is wrong with its arguments", async () => {
  const [none, both, missing, port] = await Promise.all(
    [[], [folder, "--model", folder], ["/nowhere"], [folder, "--port", "70000"]].map((args) => spawnServe(...args).end),
  );
  expect(none).toMatchObject({ code: 2, err: expect.stringContaining(" serve DIR") });
  expect(both).toMatchObject({ code: 2, err: expect.stringContaining("one folder") });
  expect(missing).toMatchObject({ code: 3, err: expect.stringContaining("/nowhere/config.json does not exist") });
  expect(port).toMatchObject({ code: 2, err: expect.stringContaining("65535") });
});
