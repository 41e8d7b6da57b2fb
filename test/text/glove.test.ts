import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { RiverrunError, UsageError } from "../../src/base/errors.ts";
import { hashSeed, RandomStream } from "../../src/base/random.ts";
import { builtinCorpus } from "../../src/corpora/index.ts";
import { cooccurrences, distanceWeights } from "../../src/text/glove/cooccurrence.ts";
import { gloveKernel, type Precision, RowLayout, recordBytes } from "../../src/text/glove/kernel.ts";
import { mergePairs, type PairList, pairsInMemory, writePairs } from "../../src/text/glove/pairs.ts";
import { arrangeRecords, balancedParts } from "../../src/text/glove/records.ts";
import { resumeGlove, roundsOf, runGlove, trainGlove } from "../../src/text/glove/train.ts";
import { UnfinishedGlove } from "../../src/text/glove/unfinished.ts";
import { sharedMemory } from "../../src/text/glove/wasm.ts";
import { nearestWords } from "../../src/text/neighbours.ts";
import { Vocabulary } from "../../src/text/vocabulary.ts";

const folder = mkdtempSync(join(tmpdir(), "riverrun-test-glove-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Record {
  readonly word: number;
  readonly context: number;
  readonly log: number;
  readonly weight: number;
}

/** GloVe in float64, one record after another, as the paper and the reference program's update state it. */
class PlainGlove {
  readonly w: number[][];
  readonly c: number[][];
  readonly #aw: number[][];
  readonly #ac: number[][];
  readonly b: number[];
  readonly d: number[];
  readonly #ab: number[];
  readonly #ad: number[];
  readonly #rate: number;

  constructor(words: number[][], contexts: number[][], rate: number) {
    this.w = words.map((row) => [...row]);
    this.c = contexts.map((row) => [...row]);
    this.#aw = words.map((row) => row.map(() => 1));
    this.#ac = contexts.map((row) => row.map(() => 1));
    this.b = words.map(() => 0);
    this.d = contexts.map(() => 0);
    this.#ab = words.map(() => 1);
    this.#ad = contexts.map(() => 1);
    this.#rate = rate;
  }

  step({ word: i, context: j, log, weight }: Record): number {
    const e = this.w[i].reduce((sum, x, k) => sum + x * this.c[j][k], 0) + this.b[i] + this.d[j] - log;
    const clip = (x: number): number => Math.max(-100, Math.min(100, x));
    const before = [...this.w[i]];
    for (const k of before.keys()) {
      const gw = clip(weight * e * this.c[j][k]) * this.#rate;
      const gc = clip(weight * e * before[k]) * this.#rate;
      this.w[i][k] -= gw / Math.sqrt(this.#aw[i][k]);
      this.c[j][k] -= gc / Math.sqrt(this.#ac[j][k]);
      this.#aw[i][k] += gw ** 2;
      this.#ac[j][k] += gc ** 2;
    }
    this.b[i] -= (weight * e) / Math.sqrt(this.#ab[i]);
    this.d[j] -= (weight * e) / Math.sqrt(this.#ad[j]);
    this.#ab[i] += (weight * e) ** 2;
    this.#ad[j] += (weight * e) ** 2;
    return 0.5 * weight * e ** 2;
  }
}

/** X by the definition: every pair of positions of every text. */
function plainCooccurrences(texts: readonly (readonly number[])[], window: number): Map<string, number> {
  const counts = new Map<string, number>();
  for (const ids of texts) {
    for (let i = 0; i < ids.length; i++) {
      for (let j = 0; j < ids.length; j++) {
        if (i === j || Math.abs(i - j) > window) continue;
        const key = `${ids[i]} ${ids[j]}`;
        counts.set(key, (counts.get(key) ?? 0) + 1 / Math.abs(i - j));
      }
    }
  }
  return counts;
}

function readRecords(store: SharedArrayBuffer, first: number, count: number): Record[] {
  const integers = new Uint32Array(store, first * recordBytes, count * 4);
  const singles = new Float32Array(store, first * recordBytes, count * 4);
  return Array.from({ length: count }, (_, n) => ({
    word: integers[4 * n],
    context: integers[4 * n + 1],
    log: singles[4 * n + 2],
    weight: singles[4 * n + 3],
  }));
}

function randomTexts(seed: number, texts: number, words: number): number[][] {
  const random = new RandomStream(seed);
  return Array.from({ length: texts }, () =>
    Array.from({ length: 1 + random.integer(20) }, () => Math.floor(words * random.uniform() ** 2)),
  );
}

test.each<[Precision, number, number]>([
  ["float64", 7, 1e-12],
  ["float64", 16, 1e-12],
  ["float32", 7, 2e-5],
  ["float32", 50, 2e-5],
])("the kernel's steps are the plain ones: %s, %i dimensions", (precision, dimensions, tolerance) => {
  const random = new RandomStream(3);
  const [words, contexts] = [5, 4].map((rows) =>
    Array.from({ length: rows }, () => Array.from({ length: dimensions }, () => Math.fround(random.normal() / 3))),
  );
  const layout = new RowLayout(dimensions, precision);
  const count = 300;
  const rowsBytes = 9 * layout.stride;
  const memory = sharedMemory(rowsBytes + count * recordBytes);
  const rows = layout.view(memory.buffer, 0, 9);
  for (const [r, row] of [...words, ...contexts].entries()) {
    rows.fill(1, r * layout.entries, (r + 1) * layout.entries);
    for (let place = 0; place < layout.bias; place++) {
      if (place % (2 * layout.lanes) < layout.lanes) rows[r * layout.entries + place] = 0;
    }
    row.forEach((value, d) => {
      rows[r * layout.entries + layout.place(d)] = value;
    });
    rows[r * layout.entries + layout.bias] = 0;
  }
  // Some records so far off that their gradients are cut at 100.
  const integers = new Uint32Array(memory.buffer, rowsBytes);
  const singles = new Float32Array(memory.buffer, rowsBytes);
  for (let n = 0; n < count; n++) {
    integers[4 * n] = random.integer(5);
    integers[4 * n + 1] = random.integer(4);
    singles[4 * n + 2] = n % 50 === 49 ? -2000 : random.normal();
    singles[4 * n + 3] = random.uniform();
  }
  const plain = new PlainGlove(words, contexts, Math.fround(0.05));
  const expected = readRecords(memory.buffer, rowsBytes / recordBytes, count).reduce(
    (sum, r) => sum + plain.step(r),
    0,
  );
  const kernel = gloveKernel(memory, layout, Math.fround(0.05));
  const loss = kernel({ records: rowsBytes, count, words: 0, contexts: 5 * layout.stride });
  expect(Math.abs(loss / expected - 1)).toBeLessThan(tolerance);
  const rowOf = (r: number): number[] => words[0].map((_, d) => rows[r * layout.entries + layout.place(d)]);
  const differences = [...plain.w, ...plain.c].flatMap((row, r) => {
    const mine = rowOf(r);
    return row.map((value, d) => Math.abs(mine[d] - value) / (1 + Math.abs(value)));
  });
  const biases = [...plain.b, ...plain.d].map(
    (value, r) => Math.abs(rows[r * layout.entries + layout.bias] - value) / (1 + Math.abs(value)),
  );
  expect(Math.max(...differences, ...biases)).toBeLessThan(10 * tolerance);
  expect(kernel({ records: rowsBytes, count: 0, words: 0, contexts: 0 })).toBe(0);
});

test("a whole training in float64 is the plain loop over the same order of records", async () => {
  const texts = randomTexts(5, 60, 23);
  const options = { dimensions: 6, window: 4, iterations: 3, xMax: 5, learningRate: 0.05, seed: 9 };
  const values = await trainGlove(texts, 23, { ...options, precision: "float64", threads: 1 });

  const counted = await cooccurrences(texts, { vocabularySize: 23, window: 4, memory: 1 << 20, folder: () => folder });
  if (!counted) throw new Error("interrupted");
  const records = arrangeRecords(counted.pairs, { vocabularySize: 23, unit: counted.unit, xMax: 5 });
  const all = readRecords(records.store as SharedArrayBuffer, 0, records.count);
  // The records are those of the definition.
  const plainCounts = plainCooccurrences(texts, 4);
  expect(all).toHaveLength(plainCounts.size);
  for (const { word, context, log, weight } of all) {
    const x = plainCounts.get(`${word} ${context}`) ?? Number.NaN;
    expect(log).toBeCloseTo(Math.log(x), 6);
    expect(weight).toBeCloseTo(Math.min(1, (x / 5) ** 0.75), 6);
  }
  const random = new RandomStream(9);
  const draw = (): number[][] =>
    Array.from({ length: 23 }, () => Array.from({ length: 6 }, () => (random.uniform() - 0.5) / 6));
  const plain = new PlainGlove(draw(), draw(), 0.05);
  for (let iteration = 0; iteration < 3; iteration++) {
    const seen = new Set<Record>();
    for (const blocks of roundsOf(records, 9, iteration)) {
      for (const block of blocks) {
        const part = all.slice(records.starts[block], records.starts[block + 1]);
        const order = new RandomStream(hashSeed(9, "glove block", iteration, block));
        for (let last = part.length - 1; last > 0; last--) {
          const other = Math.floor((order.nextUint32() / 2 ** 32) * (last + 1));
          [part[last], part[other]] = [part[other], part[last]];
        }
        for (const record of part) {
          plain.step(record);
          seen.add(record);
        }
      }
    }
    expect(seen.size).toBe(records.count);
  }
  const expected = plain.w.flatMap((row, i) => row.map((value, d) => value + plain.c[i][d]));
  expect(Math.max(...expected.map((value, at) => Math.abs(values[at] - value)))).toBeLessThan(1e-7);
});

test("blocks of one round share no part of the vocabulary, and a pass has every block once", () => {
  const parts = 6;
  const starts = Array.from({ length: parts * parts + 1 }, (_, n) => n * 3);
  const rounds = roundsOf({ count: parts * parts * 3, parts, starts, store: "" }, 1, 4);
  expect(rounds).toHaveLength(parts);
  for (const blocks of rounds) {
    expect(new Set(blocks.map((block) => Math.floor(block / parts))).size).toBe(parts);
    expect(new Set(blocks.map((block) => block % parts)).size).toBe(parts);
  }
  expect(new Set(rounds.flat()).size).toBe(parts * parts);
  expect(rounds).not.toEqual(roundsOf({ count: 108, parts, starts, store: "" }, 1, 5));
});

test("parts of the vocabulary have about as many records each", () => {
  const zipf = Float64Array.from({ length: 2000 }, (_, word) => Math.ceil(2000 / (word + 1)));
  const totals = new Float64Array(8);
  balancedParts(zipf, 8).forEach((part, word) => {
    totals[part] += zipf[word];
  });
  expect(Math.min(...totals) / Math.max(...totals)).toBeGreaterThan(0.998);
});

const collect = (pairs: PairList): Map<number, number> => {
  const all = new Map<number, number>();
  let last = -1;
  for (const part of pairs.parts()) {
    for (let n = 0; n < part.count; n++) {
      expect(part.keys[n]).toBeGreaterThan(last);
      last = part.keys[n];
      all.set(last, part.values[n]);
    }
  }
  expect(all.size).toBe(pairs.count);
  return all;
};

test("co-occurrences are those of the definition, and the same when they go through many runs on disk", async () => {
  const words = 300;
  const texts = randomTexts(1, 400, words);
  const expected = plainCooccurrences(texts, 6);
  let runs = 0;
  const made = mkdtempSync(join(folder, "runs-"));
  // Room for about 50 pairs: more than 32 runs, so that they are merged in two levels.
  const options = { vocabularySize: words, window: 6, onProgress: (at: { runs: number }) => (runs = at.runs) };
  const spilled = await cooccurrences(texts, { ...options, memory: 3000, folder: () => made });
  const held = await cooccurrences(texts, { ...options, memory: 1 << 24, folder: () => made });
  if (!spilled || !held) throw new Error("interrupted");
  expect(runs).toBe(0);
  expect(readdirSync(made)).toHaveLength(1);
  const pairs = collect(spilled.pairs);
  expect(pairs).toEqual(collect(held.pairs));
  let directions = 0;
  for (const [key, value] of pairs) {
    const [low, high] = [Math.floor(key / words), key % words];
    directions += low === high ? 1 : 2;
    const x = value * spilled.unit * (low === high ? 2 : 1);
    expect(Math.abs((expected.get(`${low} ${high}`) ?? Number.NaN) - x)).toBeLessThan(1e-9);
  }
  expect(directions).toBe(expected.size);
});

test("weights of distances are whole multiples of their unit up to a window of 20", () => {
  for (const window of [1, 2, 10, 15, 20]) {
    const { weights, unit } = distanceWeights(window);
    for (let distance = 1; distance <= window; distance++) {
      expect(Number.isInteger(weights[distance])).toBe(true);
      expect(weights[distance] * distance).toBe(Math.round(1 / unit));
    }
  }
  const { weights, unit } = distanceWeights(30);
  expect(weights[7] * unit).toBe(1 / 7);
});

test("merging adds up equal pairs of any lists", () => {
  const entry = fc.tuple(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 1, max: 9 }));
  let file = 0;
  fc.assert(
    fc.property(fc.array(fc.array(entry), { maxLength: 6 }), (lists) => {
      const expected = new Map<number, number>();
      const sorted = lists.map((list, index) => {
        const sums = new Map<number, number>();
        for (const [key, value] of list) sums.set(key, (sums.get(key) ?? 0) + value);
        for (const [key, value] of sums) expected.set(key, (expected.get(key) ?? 0) + value);
        const keys = Float64Array.from([...sums.keys()].sort((a, b) => a - b));
        const values = keys.map((key) => sums.get(key) ?? Number.NaN);
        const parts = [{ keys, values, count: keys.length }];
        return index % 2 ? pairsInMemory(parts, keys.length) : writePairs(join(folder, `merge-${file++}`), parts);
      });
      const merged = collect(pairsInMemory(mergePairs(sorted), expected.size));
      expect(merged).toEqual(new Map([...expected].sort(([a], [b]) => a - b)));
    }),
    { seed: 1, numRuns: 50 },
  );
});

const small = { dimensions: 10, window: 5, iterations: 6, xMax: 10, learningRate: 0.05, seed: 2 };

test("neither threads nor memory nor a stop change a bit; another seed does", async () => {
  const texts = randomTexts(8, 1500, 200);
  const before = readdirSync(tmpdir()).filter((name) => name.startsWith("riverrun-glove-"));
  const one = await trainGlove(texts, 200, { ...small, threads: 1 });
  expect(await trainGlove(texts, 200, { ...small, threads: 3 })).toEqual(one);
  expect(await trainGlove(texts, 200, { ...small, threads: 1, memory: 100_000 })).toEqual(one);
  expect(await trainGlove(texts, 200, { ...small, threads: 1, seed: 3 })).not.toEqual(one);
  expect(readdirSync(tmpdir()).filter((name) => name.startsWith("riverrun-glove-"))).toEqual(before);

  const unfinished = new UnfinishedGlove(join(folder, "stopped.unfinished"));
  let looks = 0;
  const losses: number[] = [];
  const onProgress = ({ loss }: { loss: number }): number => losses.push(loss);
  let outcome = await runGlove(texts, 200, {
    ...{ ...small, memory: 100_000, unfinished, onProgress, threads: 2, about: { mine: 1 } },
    interrupted: () => ++looks === 7,
  });
  let refusals = 0;
  for (let times = 0; !outcome.finished; times++) {
    expect(outcome.resumable).toBe(true);
    expect(times).toBeLessThan(20);
    const setup = unfinished.setup();
    if (!setup) throw new Error("no set-up");
    expect(setup.about).toEqual({ mine: 1 });
    if (times === 2) {
      refusals++;
      await expect(resumeGlove(unfinished, setup, { iterations: 1 })).rejects.toThrow(
        /^iterations 1: .* is in pass (\d) already: expected at least \1$/,
      );
    }
    looks = 0;
    const interrupted = (): boolean => ++looks === 6;
    outcome = await resumeGlove(unfinished, setup, {
      iterations: 6,
      threads: 1 + (times % 2),
      interrupted,
      onProgress,
    });
  }
  expect(refusals).toBe(1);
  expect(outcome.values).toEqual(one);
  expect(losses).toHaveLength(6);
  expect(losses[5]).toBeLessThan(losses[0]);
  const again: number[] = [];
  await trainGlove(texts, 200, { ...small, onProgress: ({ loss }) => again.push(loss) });
  expect(losses).toEqual(again);
  expect(readdirSync(unfinished.path).sort()).toEqual(["parameters.bin", "records.bin", "setup.json"]);
});

test("the built-in corpus: as low a loss as the plain loop reaches, and places near places", async () => {
  const tokens = builtinCorpus().sentences.map((text) => text.toLowerCase().match(/[a-z]+|[^a-z\s]/g) ?? []);
  const vocabulary = Vocabulary.build(tokens, { minCount: 2 });
  const ids = tokens.map((words) => [...vocabulary.encode(words), Vocabulary.eos]);
  let last = Number.NaN;
  const values = await trainGlove(ids, vocabulary.size, {
    ...{ dimensions: 32, window: 10, iterations: 30, xMax: 10, learningRate: 0.05, seed: 1 },
    onProgress: ({ loss }) => {
      last = loss;
    },
  });
  expect(last).toBeLessThan(0.01);
  const vectors = { words: vocabulary.tokens, dimensions: 32, values };
  const near = (word: string): string[] => nearestWords(vectors, word, 3).map((neighbour) => neighbour.word);
  expect(near("kitchen")).toEqual(expect.arrayContaining(["workshop", "garden"]));
  expect(near("yesterday")).toContain("week");
}, 60_000);

test("refusals name the option and what was expected", async () => {
  const texts = [[0, 1, 2]];
  await expect(trainGlove(texts, 3, { ...small, window: 0 })).rejects.toThrow(/window must be a positive integer/);
  await expect(trainGlove(texts, 3, { ...small, window: 1e9 })).rejects.toThrow(
    /window must be at most 10000, got 1000000000/,
  );
  await expect(trainGlove(texts, 3, { ...small, xMax: -1 })).rejects.toThrow(/xMax must be a positive number/);
  await expect(trainGlove(texts, 2, small)).rejects.toThrow(/2 is no id of a vocabulary of 2 words/);
  await expect(trainGlove([[0], [1]], 2, small)).rejects.toThrow(/no two words stand near each other/);
  await expect(trainGlove(texts, 3e6, { ...small, dimensions: 300 })).rejects.toThrow(/GiB, at most 4/);
  await expect(trainGlove(texts, 3, { ...small, window: 0 })).rejects.toBeInstanceOf(UsageError);
  const unfinished = new UnfinishedGlove(join(folder, "diverged.unfinished"));
  const hot = { ...small, learningRate: 1e30, iterations: 20, unfinished };
  await expect(runGlove(randomTexts(1, 50, 9), 9, hot)).rejects.toThrow(/lower learning rate/);
  await expect(runGlove(randomTexts(1, 50, 9), 9, hot)).rejects.toBeInstanceOf(RiverrunError);
  expect(existsSync(unfinished.path)).toBe(false);
});

test("a text that fails leaves nothing behind", async () => {
  const unfinished = new UnfinishedGlove(join(folder, "failed.unfinished"));
  const list = (): string[] => readdirSync(tmpdir()).filter((name) => name.startsWith("riverrun-glove-"));
  const before = list();
  function* texts(): Generator<number[]> {
    yield* randomTexts(1, 300, 100);
    throw new UsageError("the disk of the texts is gone");
  }
  for (const where of [unfinished, undefined]) {
    const run = runGlove(texts(), 100, { ...small, memory: 3000, unfinished: where });
    await expect(run).rejects.toThrow("the disk of the texts is gone");
  }
  expect(existsSync(unfinished.path)).toBe(false);
  expect(list()).toEqual(before);
});

test("a damaged unfinished training is refused, not used", async () => {
  const unfinished = new UnfinishedGlove(join(folder, "damaged.unfinished"));
  let looks = 0;
  await runGlove(randomTexts(1, 200, 50), 50, { ...small, unfinished, interrupted: () => ++looks === 4 });
  const setup = unfinished.setup();
  if (!setup) throw new Error("no set-up");
  const go = (): Promise<unknown> => resumeGlove(unfinished, setup, { iterations: 6 });
  const parameters = join(unfinished.path, "parameters.bin");
  writeFileSync(parameters, Buffer.from("nonsense"));
  await expect(go()).rejects.toThrow(/parameters\.bin is damaged/);
  writeFileSync(parameters, Buffer.concat([Buffer.from([64, 0, 0, 0]), Buffer.alloc(60, " ")]));
  await expect(go()).rejects.toThrow(/remove .*damaged\.unfinished and start without --resume/);
  writeFileSync(unfinished.recordsFile, Buffer.alloc(16));
  expect(() => unfinished.setup()).toThrow(/does not hold the \d+ records/);
  writeFileSync(join(unfinished.path, "setup.json"), '{"version":1}');
  expect(() => unfinished.setup()).toThrow(/setup\.json is damaged \(vocabularySize/);
});
