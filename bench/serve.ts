/**
 * A server under many clients at once, beside the command `score` on the same texts in the same run:
 *
 *     npx tsx bench/serve.ts --clients 200 --seconds 20
 *
 * Starts `riverrun serve` as a process of its own, lets every client send one request after the other on its own
 * connection, and compares what comes back with what the command says of the same texts. Prints one JSON line: requests,
 * lost ones (no answer, an answer other than 200 after the retries that a 503 asks for, or a wrong record), latencies, tokens
 * per second of the server and of the command, and the resident memory of server and engine; exit code 1 where a request was lost.
 * Without `--model` it trains preset `tiny` on the built-in corpus for a few steps. `--mixed` adds the other operations.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { messageOf } from "../src/base/errors.ts";
import { builtinCorpus } from "../src/corpora/index.ts";
import { presetConfig } from "../src/flow/index.ts";
import { train } from "../src/train/index.ts";
import { programOptions, wholeNumbers } from "./options.ts";

const program = fileURLToPath(new URL("../src/cli/main.ts", import.meta.url));

function riverrun(...args: string[]): ChildProcess {
  return spawn(process.execPath, ["--import", "tsx", program, ...args], { stdio: ["ignore", "pipe", "inherit"] });
}

/** A tiny model, trained just enough to be one. */
async function trainTiny(folder: string): Promise<string> {
  const config = presetConfig("tiny");
  config.train.maxSteps = 50;
  const { sentences } = builtinCorpus({ sentences: 2000 });
  const out = join(folder, "model");
  const { model } = await train({ config, texts: sentences, out, threads: 1 });
  model.dispose();
  return out;
}

/** What the command says of a text. */
interface Score {
  readonly tokens: number;
  readonly nelbo: number;
}

/**
 * The command over `rounds` copies of the texts: what it says of each, and tokens per second from its first batch of records
 * to its last, so that starting it and reading the model do not count.
 */
async function byCommand(
  model: string,
  texts: readonly string[],
  rounds: number,
  folder: string,
): Promise<{ readonly scores: readonly Score[]; readonly tokensPerSecond: number }> {
  const file = join(folder, "texts.txt");
  writeFileSync(file, `${Array.from({ length: rounds }, () => texts.join("\n")).join("\n")}\n`);
  const child = riverrun("score", "--model", model, file);
  if (!child.stdout) throw new Error("stdout is a pipe");
  const scores: Score[] = [];
  let [first, last] = [0, 0];
  let [before, tokens, lines] = [0, 0, 0];
  for await (const line of createInterface(child.stdout)) {
    const record = JSON.parse(line) as Score;
    if (scores.length < texts.length) scores.push(record);
    tokens += record.tokens;
    last = performance.now();
    // A batch is 64 texts.
    if (++lines === 64) [first, before] = [last, tokens];
  }
  return { scores, tokensPerSecond: (1000 * (tokens - before)) / (last - first) };
}

/** Resident memory of a process, MB; undefined where the system does not say. */
function residentMb(pid: number): number | undefined {
  try {
    const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    return kilobytes === undefined ? undefined : Math.round(Number(kilobytes) / 1024);
  } catch {
    return undefined;
  }
}

interface Answer {
  readonly status: number;
  readonly retryAfter: number;
  readonly text: string;
}

function post(port: number, agent: Agent, path: string, body: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
    const sent = request({ host: "127.0.0.1", port, agent, method: "POST", path, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.once("error", reject);
      response.once("end", () =>
        resolve({
          status: response.statusCode ?? 0,
          retryAfter: Number(response.headers["retry-after"] ?? 1),
          text: Buffer.concat(chunks).toString(),
        }),
      );
    });
    sent.once("error", reject);
    sent.end(body);
  });
}

/** What all clients counted together. */
class Counts {
  requests = 0;
  lost = 0;
  turnedAway = 0;
  tokens = 0;
  readonly milliseconds: number[] = [];
  readonly faults = new Map<string, number>();

  lose(why: string): void {
    this.lost++;
    this.faults.set(why, (this.faults.get(why) ?? 0) + 1);
  }

  /** Milliseconds that this share of the requests did not exceed. */
  quantile(share: number): number {
    const sorted = Float64Array.from(this.milliseconds).sort();
    return Number((sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0).toFixed(2));
  }
}

/** Other work between the scores, by turns. */
const others: readonly ((text: string, number: number) => { readonly path: string; readonly body: object })[] = [
  (_, number) => ({ path: "/sample", body: { count: 1, seed: number } }),
  (text) => ({ path: "/perturb", body: { text, variants: 2 } }),
  (text) => ({ path: "/reconstruct", body: { text } }),
  (text) => ({ path: "/encode", body: { text } }),
  (text) => ({ path: "/interpolate", body: { first: text, second: text } }),
];

interface Load {
  readonly port: number;
  readonly texts: readonly string[];
  readonly scores: readonly Score[];
  readonly mixed: boolean;
  /** performance.now() after which no request is sent. */
  readonly end: number;
}

/** Sends requests until the end; the first and every retry count as one request. */
async function client(number: number, { port, texts, scores, mixed, end }: Load, counts: Counts): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  for (let turn = 0; performance.now() < end; turn++) {
    const place = (number * 131 + turn * 17) % texts.length;
    const other = mixed && turn % 2 === 1 ? others[(number + turn) % others.length] : undefined;
    const { path, body } = other?.(texts[place], number * 1000 + turn) ?? {
      path: "/score",
      body: { text: texts[place], id: place },
    };
    counts.requests++;
    const start = performance.now();
    try {
      let answer = await post(port, agent, path, JSON.stringify(body));
      while (answer.status === 503) {
        counts.turnedAway++;
        await new Promise((resolve) => setTimeout(resolve, 1000 * answer.retryAfter));
        answer = await post(port, agent, path, JSON.stringify(body));
      }
      counts.milliseconds.push(performance.now() - start);
      if (answer.status !== 200) {
        counts.lose(`${path}: ${answer.status} ${answer.text.trim()}`);
        continue;
      }
      const { records } = JSON.parse(answer.text) as { records: (Score & { id?: number })[] };
      const expected = scores[place];
      if (other) continue;
      counts.tokens += records[0].tokens;
      const near = Math.abs(records[0].nelbo - expected.nelbo) <= 1e-4 * Math.max(1, Math.abs(expected.nelbo));
      if (records.length !== 1 || records[0].id !== place || records[0].tokens !== expected.tokens || !near) {
        counts.lose("a record is not what the command says");
      }
    } catch (error) {
      counts.lose(messageOf(error));
    }
  }
  agent.destroy();
}

async function main(): Promise<void> {
  const { values } = programOptions("[--model DIR] [--clients N] [--seconds S] [--rounds R] [--mixed]", {
    options: {
      model: { type: "string" },
      clients: { type: "string", default: "200" },
      seconds: { type: "string", default: "20" },
      rounds: { type: "string", default: "20" },
      mixed: { type: "boolean", default: false },
    },
  });
  const [clients, seconds, rounds] = wholeNumbers(values, ["clients", "seconds", "rounds"]);
  const folder = mkdtempSync(join(tmpdir(), "riverrun-serve-"));
  let server: ChildProcess | undefined;
  try {
    const model = values.model ?? (await trainTiny(folder));
    const texts = builtinCorpus({ sentences: 1000 }).sentences.slice(0, 1000);
    const { scores, tokensPerSecond } = await byCommand(model, texts, rounds, folder);
    server = riverrun("serve", model, "--port", "0");
    if (!server.stdout) throw new Error("stdout is a pipe");
    const [line] = (await once(createInterface(server.stdout), "line")) as [string];
    const { port, pid } = JSON.parse(line) as { port: number; pid: number };
    const counts = new Counts();
    const start = performance.now();
    const load = { port, texts, scores, mixed: values.mixed, end: start + 1000 * seconds };
    const working = Promise.all(Array.from({ length: clients }, (_, number) => client(number, load, counts)));
    // After the first seconds the memory of a server that leaks nothing is what it will be.
    await new Promise((resolve) => setTimeout(resolve, Math.min(10_000, 500 * seconds)));
    const { engine } = (await (await fetch(`http://127.0.0.1:${port}/health`)).json()) as { engine: { pid: number } };
    const resident = (): number | undefined => {
      const [own, its] = [residentMb(pid), residentMb(engine.pid)];
      return own === undefined || its === undefined ? undefined : own + its;
    };
    const [earlySeconds, early] = [Math.round((performance.now() - start) / 1000), resident()];
    await working;
    const wall = (performance.now() - start) / 1000;
    const late = resident();
    server.kill("SIGTERM");
    const [exitCode] = (await once(server, "close")) as [number | null];
    const report = {
      clients,
      seconds: Number(wall.toFixed(1)),
      mixed: values.mixed,
      requests: counts.requests,
      lost: counts.lost,
      turnedAway: counts.turnedAway,
      requestsPerSecond: Math.round(counts.requests / wall),
      p50Ms: counts.quantile(0.5),
      p99Ms: counts.quantile(0.99),
      mostMs: counts.quantile(1),
      serveTokensPerSecond: Math.round(counts.tokens / wall),
      scoreTokensPerSecond: Math.round(tokensPerSecond),
      ratio: Number((counts.tokens / wall / tokensPerSecond).toFixed(3)),
      [`rssMbAfter${earlySeconds}s`]: early,
      rssMbAtEnd: late,
      exitCode,
      cores: cpus().length,
      ...(counts.faults.size > 0 ? { faults: Object.fromEntries(counts.faults) } : {}),
    };
    process.stdout.write(`${JSON.stringify(report)}\n`);
    if (counts.lost > 0) process.exitCode = 1;
  } finally {
    server?.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  }
}

await main();
