/**
 * How fast GloVe counts and trains: `npx tsx bench/glove.ts [FILE.txt ...]` prints one JSON object. Without files the text
 * is made up: 4 million words drawn from Zipf's law over 50,000, which has more distinct pairs than real text of its
 * length. Options: --tokens N (of made-up text), --dimensions D, --window N, --words V, --memory MIB.
 */
import { availableParallelism, loadavg } from "node:os";
import { RandomStream } from "../src/base/random.ts";
import { readTexts } from "../src/corpora/index.ts";
import { runGlove } from "../src/text/glove/train.ts";
import { tokenizerByName } from "../src/text/tokenizer-names.ts";
import { Vocabulary } from "../src/text/vocabulary.ts";
import { programOptions, wholeNumbers } from "./options.ts";

/** What the projection is for. */
const target = { tokens: 20e6, iterations: 50 };

const { values: options, positionals: files } = programOptions(
  "[FILE.txt ...] [--tokens N] [--dimensions D] [--window N] [--words V] [--memory MIB]",
  {
    allowPositionals: true,
    options: {
      tokens: { type: "string", default: "4000000" },
      dimensions: { type: "string", default: "300" },
      window: { type: "string", default: "10" },
      words: { type: "string", default: "50000" },
      memory: { type: "string", default: "1024" },
    },
  },
);
const [tokens, dimensions, window, words, memory] = wholeNumbers(options, [
  "tokens",
  "dimensions",
  "window",
  "words",
  "memory",
]);

/** Lines of 25 words from p(rank r) ~ 1 / (r + 2.7). */
function* madeUp(count: number): Generator<Int32Array> {
  const cumulative = new Float64Array(words);
  let total = 0;
  for (let rank = 0; rank < words; rank++) {
    total += 1 / (rank + 2.7);
    cumulative[rank] = total;
  }
  const random = new RandomStream(1);
  const draw = (): number => {
    const at = random.uniform() * total;
    let [low, high] = [0, words - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (cumulative[middle] <= at) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  for (let made = 0; made < count; made += 25) yield Int32Array.from({ length: 25 }, draw);
}

interface Source {
  readonly vocabularySize: number;
  readonly tokens: number;
  readonly texts: (share: number) => Iterable<Int32Array>;
}

async function source(): Promise<Source> {
  if (files.length === 0) {
    return { vocabularySize: words, tokens, texts: (share) => madeUp(tokens * share) };
  }
  const tokenizer = tokenizerByName("riverrun-words");
  const texts = (await readTexts(files)).map((text) => tokenizer.tokenize(text));
  const vocabulary = Vocabulary.build(texts, { minCount: 2, maxSize: words });
  const ids = texts.map((text) => Int32Array.from(vocabulary.encode(text)));
  const count = ids.reduce((sum, text) => sum + text.length, 0);
  // Every n-th text, so that a share of a file is like the whole.
  const part = (share: number): Int32Array[] =>
    ids.filter((_, n) => Math.floor((n + 1) * share) > Math.floor(n * share));
  return { vocabularySize: vocabulary.size, tokens: count, texts: part };
}

interface Measured {
  readonly records: number;
  readonly countingSeconds: number;
  readonly recordsPerSecond: number;
  /** Processor time of all threads a record, which other work on the machine changes less than the rate. */
  readonly cpuNanoseconds: number;
  readonly threads: number;
}

/** Counts, then times passes, of which the fastest after the first counts; with `threads` 0 it only counts. */
async function measure(from: Source, share: number, threads: number): Promise<Measured> {
  const started = performance.now();
  let counted = 0;
  let records = 0;
  let last = 0;
  let fastest = Number.POSITIVE_INFINITY;
  let cheapest = Number.POSITIVE_INFINITY;
  let lastCpu = 0;
  let used = 0;
  await runGlove(from.texts(share), from.vocabularySize, {
    ...{ dimensions, window, xMax: 10, learningRate: 0.05, seed: 1, memory: memory * 2 ** 20 },
    iterations: 4,
    threads: Math.max(1, threads),
    interrupted: () => threads === 0 && records > 0,
    onRecords: (made) => {
      records = made.records;
      used = made.threads;
      counted = performance.now();
    },
    onProgress: ({ iteration }) => {
      const now = performance.now();
      const { user, system } = process.cpuUsage();
      if (iteration > 1) {
        fastest = Math.min(fastest, now - last);
        cheapest = Math.min(cheapest, user + system - lastCpu);
      }
      last = now;
      lastCpu = user + system;
    },
  });
  return {
    records,
    countingSeconds: (counted - started) / 1000,
    recordsPerSecond: threads === 0 ? 0 : records / (fastest / 1000),
    cpuNanoseconds: (1000 * cheapest) / records,
    threads: used,
  };
}

const from = await source();
const half = await measure(from, 0.5, 0);
const runs = [await measure(from, 1, 1)];
const cores = availableParallelism();
if (cores > 1) runs.push(await measure(from, 1, cores));
const [single] = runs;
const fastest = runs[runs.length - 1];
// Distinct pairs grow as a power of the text's length.
const exponent = Math.log2(single.records / half.records);
const projectedRecords = single.records * (target.tokens / from.tokens) ** exponent;
const perPass = projectedRecords / fastest.recordsPerSecond;
process.stdout.write(
  `${JSON.stringify({
    tokens: from.tokens,
    words: from.vocabularySize,
    dimensions,
    window,
    records: single.records,
    countingTokensPerSecond: Math.round(from.tokens / single.countingSeconds),
    recordsPerSecond: Object.fromEntries(runs.map((run) => [run.threads, Math.round(run.recordsPerSecond)])),
    cpuNanosecondsPerRecord: Object.fromEntries(runs.map((run) => [run.threads, Math.round(run.cpuNanoseconds)])),
    projection: {
      ...target,
      exponent: Number(exponent.toFixed(3)),
      records: Math.round(projectedRecords),
      secondsPerPass: Number(perPass.toFixed(1)),
      minutes: Number(
        ((perPass * target.iterations + (single.countingSeconds * target.tokens) / from.tokens) / 60).toFixed(1),
      ),
    },
    // Above the number of processors, the rates are lower than the machine's own.
    loadAverage: Number(loadavg()[0].toFixed(1)),
    // resourceUsage gives kibibytes.
    peakMebibytes: Math.round(process.resourceUsage().maxRSS / 1024),
  })}\n`,
);
