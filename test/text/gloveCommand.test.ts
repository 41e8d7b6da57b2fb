import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, expect, test } from "vitest";
import { RandomStream } from "../../src/base/random.ts";
import { addVectors } from "../../src/cli/commands/vectors.ts";
import { readVectors } from "../../src/text/vectors.ts";
import { run } from "../cli/support.ts";

const folder = mkdtempSync(join(tmpdir(), "riverrun-test-vectors-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const main = new URL("../../src/cli/main.ts", import.meta.url).pathname;
const data = join(folder, "lines.txt");
const random = new RandomStream(1);
writeFileSync(
  data,
  Array.from({ length: 2000 }, () =>
    Array.from({ length: 12 }, () => `w${Math.floor(1500 * random.uniform() ** 2)}`).join(" "),
  ).join("\n"),
);

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** The command in this process, which is quick. */
const vectors = (...args: readonly string[]): Promise<Ended> => run(addVectors, ["vectors", ...args]);

/** The command as a process, to be stopped and killed. */
function start(...args: readonly string[]): { readonly child: ChildProcess; readonly ended: Promise<Ended> } {
  const child = spawn(process.execPath, ["--import", "tsx", main, "vectors", ...args]);
  let [out, err] = ["", ""];
  child.stdout.on("data", (part: Buffer) => {
    out += part.toString();
  });
  child.stderr.on("data", (part: Buffer) => {
    err += part.toString();
  });
  return { child, ended: new Promise((done) => child.once("close", (code) => done({ code, out, err }))) };
}

/** Waits until parameters newer than `since` are saved; false where the process ends before. */
async function saved(out: string, since: number, child: ChildProcess): Promise<boolean> {
  const file = join(`${out}.unfinished`, "parameters.bin");
  for (;;) {
    if ((statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0) > since) return true;
    if (child.exitCode !== null) return false;
    await sleep(2);
  }
}

const options = ["--dimensions", "100", "--iterations", "40", "--min-count", "1", "--window", "5"];

test("a training that is stopped, killed and gone on with ends as an uninterrupted one", async () => {
  const reference = join(folder, "reference.txt");
  const whole = await vectors("train", "--data", data, "--out", reference, ...options, "--threads", "1");
  expect(whole.code, whole.err).toBe(0);
  const summary = JSON.parse(whole.out) as { words: number; iterations: number; loss: number };
  expect(summary).toMatchObject({ words: 1501, dimensions: 100, tokens: 24000, iterations: 40 });
  expect(whole.err).toMatch(/pass 40 of 40, loss [\d.]+, [\d.]+ M records\/s/);

  const out = join(folder, "vectors.txt");
  const first = start("train", "--data", data, "--out", out, ...options, "--threads", "2");
  expect(await saved(out, 0, first.child)).toBe(true);
  const other = await vectors("train", "--data", data, "--out", out, ...options);
  expect(other.code).toBe(2);
  expect(other.err).toMatch(/unfinished training: go on with --resume/);
  first.child.kill("SIGINT");
  const stopped = await first.ended;
  expect(stopped.code).toBe(130);
  expect(stopped.out).toBe("");
  expect(stopped.err).toContain(`vectors train --out ${out} --resume`);
  expect(existsSync(out)).toBe(false);

  const changed = await vectors("train", "--out", out, "--resume", "--window", "3");
  expect(changed.code).toBe(2);
  expect(changed.err).toMatch(/has window 5, not 3/);

  const file = join(`${out}.unfinished`, "parameters.bin");
  const second = start("train", "--out", out, "--resume", "--threads", "1");
  expect(await saved(out, statSync(file).mtimeMs, second.child)).toBe(true);
  second.child.kill("SIGKILL");
  expect((await second.ended).code).toBe(null);

  const last = await vectors("train", "--out", out, "--resume");
  expect(last.code, last.err).toBe(0);
  expect(JSON.parse(last.out)).toEqual({ ...summary, out });
  expect(readFileSync(out).equals(readFileSync(reference))).toBe(true);
  expect(readdirSync(folder).sort()).toEqual(["lines.txt", "reference.txt", "vectors.txt"]);

  const again = await vectors("train", "--out", out, "--resume");
  const near = await vectors("inspect", out, "--neighbours", "w3", "--count", "2");
  expect([again.code, again.out]).toEqual([0, ""]);
  expect(again.err).toMatch(/nothing to do/);

  const lines = near.out.trim().split("\n");
  expect(lines).toHaveLength(2);
  expect(JSON.parse(lines[0])).toMatchObject({ word: "w3" });
  const { words, values } = await readVectors(out);
  expect(words[1500]).toBe("<unk>");
  const mean = Array.from({ length: 100 }, (_, row) => values[(1400 + row) * 100]).reduce((a, b) => a + b) / 100;
  expect(values[1500 * 100]).toBeCloseTo(mean, 6);
}, 120_000);

test("the paragraphs of a file in SQuAD's schema are texts", async () => {
  const paragraphs = ["the skiff left the pier", "a skiff at the pier", "nobody"].map((context) => ({
    context,
    qas: [],
  }));
  const squad = join(folder, "squad.json");
  writeFileSync(squad, JSON.stringify({ version: "1.1", data: [{ title: "t", paragraphs }] }));
  const out = join(folder, "squad.txt");
  const { code, out: record } = await vectors(
    ...["train", "--data", squad, "--out", out, "--dimensions", "4", "--iterations", "2", "--min-count", "1"],
  );
  expect(code).toBe(0);
  expect(JSON.parse(record)).toMatchObject({ words: 8, tokens: 11 });
  writeFileSync(squad, '{"data": [{"paragraphs": [{"qas": []}]}]}');
  const broken = await vectors("train", "--data", squad, "--out", join(folder, "none-squad.txt"));
  expect(broken).toMatchObject({ code: 2, err: expect.stringContaining(`${squad}:1:`) });
});

test("refusals: no data, a word that is not there, a bad size, a missing file", async () => {
  const out = (name: string): string => join(folder, `none-${name}.txt`);
  const runs = [
    await vectors("train", "--out", out("a")),
    await vectors("train", "--out", out("b"), "--data", data, "--min-count", "100000"),
    await vectors("train", "--out", out("c"), "--data", data, "--memory", "12"),
    await vectors("train", "--out", out("d"), "--data", join(folder, "absent.txt")),
  ];
  expect(runs.map(({ code }) => code)).toEqual([2, 2, 2, 3]);
  expect(runs[0].err).toMatch(/--data/);
  expect(runs[1].err).toMatch(/no word stands there 100000 times/);
  expect(readdirSync(folder).filter((name) => name.startsWith("none"))).toEqual([]);
}, 60_000);

test("a stop while co-occurrences are counted leaves nothing behind", async () => {
  const out = join(folder, "early.txt");
  const files = Array.from({ length: 45 }, () => data);
  const begun = start("train", "--out", out, "--memory", "1M", ...options, "--data", ...files);
  while (!existsSync(join(`${out}.unfinished`, "counting", "run-0")) && begun.child.exitCode === null) await sleep(2);
  begun.child.kill("SIGTERM");
  const { code, err } = await begun.ended;
  expect(code, err).toBe(143);
  expect(err).toMatch(/nothing to resume, nothing left behind/);
  expect(readdirSync(folder).filter((name) => name.startsWith("early"))).toEqual([]);
}, 60_000);

test("a signal that ends the process takes the folder for temporary files with it", async () => {
  const file = new URL("../../src/text/glove/temporaryFolder.ts", import.meta.url).href;
  const code = `
    const { TemporaryFolder } = await import(${JSON.stringify(file)});
    const [kept, removed] = [new TemporaryFolder(), new TemporaryFolder()];
    console.log(JSON.stringify([kept.path, removed.path]));
    removed.remove();
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "--eval", code], {
    env: { ...process.env, TMPDIR: folder },
  });
  const said = await new Promise<string>((done) => child.stdout.once("data", (part: Buffer) => done(part.toString())));
  const [kept, removed] = JSON.parse(said) as string[];
  while (existsSync(removed)) await sleep(2);
  expect(existsSync(kept)).toBe(true);
  child.kill("SIGTERM");
  const signal = await new Promise((done) => child.once("exit", (_, name) => done(name)));
  expect(signal).toBe("SIGTERM");
  expect(existsSync(kept)).toBe(false);
}, 60_000);
