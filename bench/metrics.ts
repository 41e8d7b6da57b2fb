/**
 * How fast the metrics are: METEOR of 10,000 pairs on one thread, a paired bootstrap of 10,000 examples and 100,000
 * resamples on two.
 *
 *   npx tsx bench/metrics.ts [HYPOTHESES REFERENCES]
 *
 * Without files it scores made-up pairs of 5 to 25 words. METEOR's tables are used where `riverrun data fetch meteor`
 * has put them.
 */
import { readFileSync } from "node:fs";
import { UsageError } from "../src/base/errors.ts";
import { RandomStream } from "../src/base/random.ts";
import { bleu, corpusScore, meteor, meteorFolder, pairedBootstrap } from "../src/metrics/index.ts";
import { programOptions } from "./options.ts";

const examples = 10_000;
const resamples = 100_000;
const random = new RandomStream(1);

/** Zipf-like words, so that texts share frequent ones. */
function madeUp(): string {
  const length = 5 + random.integer(21);
  return Array.from({ length }, () => `w${Math.floor(3000 ** random.uniform())}`).join(" ");
}

function disturb(text: string, share: number): string {
  return text
    .split(" ")
    .map((word) => (random.uniform() < share ? "other" : word))
    .join(" ");
}

function repeatTo(lines: readonly string[]): string[] {
  return Array.from({ length: examples }, (_, i) => lines[i % lines.length]);
}

function linesOf(path: string): string[] {
  return repeatTo(readFileSync(path, "utf8").trimEnd().split("\n"));
}

async function timed<T>(what: string, work: () => T | Promise<T>): Promise<T> {
  const start = performance.now();
  const before = process.cpuUsage();
  const result = await work();
  const { user, system } = process.cpuUsage(before);
  const seconds = (performance.now() - start) / 1000;
  process.stdout.write(
    `${what}: ${seconds.toFixed(1)} s (processor ${((user + system) / 1e6).toFixed(1)} s), peak ${(process.resourceUsage().maxRSS / 1024).toFixed(0)} MB\n`,
  );
  return result;
}

const { positionals } = programOptions("[HYPOTHESES REFERENCES]", { allowPositionals: true, options: {} });
if (positionals.length !== 0 && positionals.length !== 2) throw new UsageError("expected two files, or none");
const [hypothesesPath, referencesPath] = positionals;
const references = referencesPath === undefined ? Array.from({ length: examples }, madeUp) : linesOf(referencesPath);
const hypotheses =
  hypothesesPath === undefined ? references.map((text) => disturb(text, 0.3)) : linesOf(hypothesesPath);
const baseline = references.map((text) => disturb(text, 0.32));
const listed = references.map((text) => [text]);

const scored = await timed(`METEOR of ${examples} pairs, tables read`, () =>
  meteor(hypotheses, listed, meteorFolder()),
);
process.stdout.write(`  ${scored.name} ${corpusScore(scored).toFixed(4)}\n`);
const a = await timed(`BLEU-4 (13a) of ${examples} pairs`, () => bleu(hypotheses, listed));
const b = bleu(baseline, listed);
const compared = await timed(
  `paired bootstrap of BLEU-4, ${examples} examples x ${resamples} resamples, 2 workers`,
  () => pairedBootstrap(a, b, { resamples, workers: 2 }),
);
process.stdout.write(`  delta ${compared.delta.toFixed(4)}, p ${compared.pValue.toPrecision(3)}\n`);
