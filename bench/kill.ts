/**
 * Kills a small training with SIGKILL at random instants, loads and resumes it each time, and compares everything that
 * comes out with an uninterrupted run:
 *
 *     npx tsx bench/kill.ts --kills 50
 *
 * Prints one JSON line; exit code 1 where a number differs or a folder could not be loaded.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { RandomStream } from "../src/base/random.ts";
import { builtinCorpus } from "../src/corpora/index.ts";
import { type Config, loadModel, presetConfig } from "../src/flow/index.ts";
import { findCheckpoint, train } from "../src/train/index.ts";
import { programOptions, wholeNumbers } from "./options.ts";

/** A flow of 8 channels with everything that a resume could lose: dropout, averages, accumulation, buckets, vectors. */
function configOf(steps: number): Config {
  const tiny = presetConfig("tiny");
  return {
    ...tiny,
    data: { ...tiny.data, dimensions: 8, positions: 8 },
    vectors: { ...tiny.vectors, iterations: 5 },
    flow: { ...tiny.flow, steps: 1, hidden: 8, dropout: 0.1 },
    train: {
      ...tiny.train,
      maxSteps: steps,
      batchSize: 8,
      accumulate: 2,
      warmupSteps: 5,
      ema: 0.9,
      validateEvery: 7,
      checkpointEvery: 3,
      logEvery: 2,
      validationTexts: 20,
    },
  };
}

/** The process that is killed: starts or resumes, whatever the folder holds. */
async function child(out: string, steps: number): Promise<void> {
  const { sentences } = builtinCorpus({ sentences: 200 });
  const { model, exitCode } = await train({
    config: configOf(steps),
    texts: sentences,
    out,
    resume: true,
    threads: 1,
    signals: true,
  });
  model.dispose();
  process.exitCode = exitCode;
}

interface Sitting {
  readonly killed: boolean;
  /** Since the process had taken the folder. */
  readonly seconds: number;
}

/** The process that has taken a folder, also where it has been killed since. */
function ownerOf(out: string): number | undefined {
  try {
    return (JSON.parse(readFileSync(join(out, "training", "lock"), "utf8")) as { readonly pid: number }).pid;
  } catch {
    return undefined; // Not there, or half written.
  }
}

/**
 * Runs the child, killing it `delay` seconds after it has taken the folder: what comes before that, loading the program,
 * has nothing to lose. @throws Error where it fails by itself.
 */
async function sitting(out: string, steps: number, delay: number): Promise<Sitting> {
  const args = ["--import", "tsx", fileURLToPath(import.meta.url), "--child", out, "--steps", String(steps)];
  const running: ChildProcess = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "pipe"] });
  let complaint = "";
  running.stderr?.on("data", (chunk: Buffer) => {
    complaint += chunk.toString();
  });
  let began = performance.now();
  let timer: NodeJS.Timeout | undefined;
  const look = setInterval(() => {
    if (ownerOf(out) !== running.pid) return;
    clearInterval(look);
    began = performance.now();
    if (Number.isFinite(delay)) timer = setTimeout(() => running.kill("SIGKILL"), delay * 1000);
  }, 2);
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
    running.once("error", reject);
    running.once("close", (...end) => resolve(end));
  });
  clearInterval(look);
  clearTimeout(timer);
  if (signal !== "SIGKILL" && code !== 0) throw new Error(`the training ended with ${code ?? signal}: ${complaint}`);
  return { killed: signal === "SIGKILL", seconds: (performance.now() - began) / 1000 };
}

/** Everything that a folder holds, by name, without what clocks and memory say. */
function contentsOf(out: string): Map<string, string> {
  const contents = new Map<string, string>();
  for (const entry of readdirSync(out, { recursive: true, withFileTypes: true })) {
    // TensorBoard's files are one a sitting; metrics.jsonl holds the same figures.
    if (!entry.isFile() || entry.name.startsWith("events.out.tfevents.")) continue;
    const path = join(entry.parentPath, entry.name);
    const drop = (line: string): string => {
      const { wall: _, tokensPerSecond: __, rssMb: ___, seconds: ____, ...rest } = JSON.parse(line);
      return JSON.stringify(rest);
    };
    let text = readFileSync(path, "latin1");
    if (entry.name === "metrics.jsonl") text = text.trim().split("\n").map(drop).join("\n");
    if (entry.name === "state.json") text = drop(text);
    contents.set(path.slice(out.length + 1), text);
  }
  return contents;
}

function differences(one: ReadonlyMap<string, string>, other: ReadonlyMap<string, string>): string[] {
  return [...new Set([...one.keys(), ...other.keys()])].filter((name) => one.get(name) !== other.get(name));
}

/** Loads what a killed training left: the last checkpoint, and the model where there is one. */
function load(out: string): number {
  if (!existsSync(join(out, "training"))) return 0;
  const checkpoint = findCheckpoint(out);
  if (!checkpoint) return 0;
  loadModel(checkpoint.folder).dispose();
  if (existsSync(join(out, "model.safetensors"))) loadModel(out).dispose();
  return 1;
}

async function main(): Promise<void> {
  const { values } = programOptions("[--kills N] [--steps N] [--seed N]", {
    options: {
      kills: { type: "string", default: "50" },
      steps: { type: "string", default: "200" },
      seed: { type: "string", default: "1" },
      child: { type: "string" },
    },
  });
  const [kills, steps, seed] = wholeNumbers(values, ["kills", "steps", "seed"]);
  if (values.child !== undefined) return child(values.child, steps);

  const scratch = mkdtempSync(join(tmpdir(), "riverrun-kill-"));
  try {
    const random = new RandomStream(seed);
    const whole = join(scratch, "whole");
    const { seconds } = await sitting(whole, steps, Number.POSITIVE_INFINITY);
    const expected = contentsOf(whole);
    const wrong: string[] = [];
    let killed = 0;
    let loads = 0;
    let trainings = 0;
    let early = 0;
    while (killed < kills || trainings === 0) {
      const out = join(scratch, `training-${trainings}`);
      for (let running = true; running; ) {
        const left = killed < kills;
        const end = await sitting(out, steps, left ? random.uniform() * seconds : Number.POSITIVE_INFINITY);
        if (end.killed) {
          killed++;
          const found = load(out);
          loads += found;
          if (found === 0) early++;
          process.stderr.write(
            `kill ${killed} of ${kills}: ${found ? `step ${findCheckpoint(out)?.state.step}` : "nothing saved yet"}\n`,
          );
        } else running = false;
      }
      wrong.push(...differences(expected, contentsOf(out)).map((name) => `${name} of training ${trainings}`));
      trainings++;
    }
    const report = {
      kills: killed,
      loads,
      beforeFirstCheckpoint: early,
      trainings,
      steps,
      identical: wrong.length === 0,
      differences: wrong,
    };
    process.stdout.write(`${JSON.stringify(report)}\n`);
    if (wrong.length > 0) process.exitCode = 1;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

await main();
