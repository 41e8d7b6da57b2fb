import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { piecesOf } from "../../src/experiments/pieces.ts";
import { chooseRows } from "../../src/experiments/rows.ts";
import { scaleNamed } from "../../src/experiments/scales.ts";
import { runTable4, type Table4Options } from "../../src/experiments/table4/table4.ts";
import { TextFlow } from "../../src/flow/index.ts";
import { linesFile, quickScale, scratch, squadFile } from "./support.ts";

const folder = scratch();
const lines: string[] = [];
const options: Table4Options = {
  files: [linesFile(folder)],
  scale: quickScale(),
  seeds: 2,
  out: join(folder, "out"),
  models: ["riverrun-ar", "transformer-lm", "bigram"],
  device: "cpu",
  log: (message) => lines.push(message),
  stopRequested: () => undefined,
};
const page = (out: string): string => readFileSync(join(out, "table4.md"), "utf8");

afterEach(() => {
  vi.restoreAllMocks();
});

test("trains the rows, writes one page three times, and trains nothing again", async () => {
  const { rows, files, failures } = await runTable4(options);
  expect(failures).toEqual([]);
  expect(rows.map(({ model }) => model)).toEqual(options.models);
  const [flow, language, bigram] = rows;
  expect(flow.seeds).toEqual([1, 2]);
  expect(flow.nelboPerToken.sd).toBeGreaterThan(0);
  expect(flow.deviations.bitsPerDim).toBeGreaterThan(0);
  expect(flow.bitsPerDim).toBeGreaterThan(flow.floorBitsPerDim ?? Number.POSITIVE_INFINITY);
  for (const row of [language, bigram]) {
    expect(row.bitsPerDim).toBeNull();
    expect(row.nelboPerToken.mean).toBeGreaterThan(0);
  }
  expect(bigram.nelboPerToken.sd).toBe(0);
  for (const path of files) expect(existsSync(path)).toBe(true);
  const record = JSON.parse(readFileSync(join(options.out, "table4.json"), "utf8")) as { rows: unknown };
  expect(record.rows).toEqual(rows);
  expect(page(options.out)).toContain("| riverrun-ar |");
  // Of more rows and seeds, what is finished can be had without any training.
  const more = { ...options, seeds: 3, models: [...(options.models ?? []), "lstm-lm"], finishedOnly: true };
  expect((await runTable4(more)).rows).toEqual(rows);
  expect(page(options.out)).toContain(
    "missing from it: lstm-lm on lines, seed 1; lstm-lm on lines, seed 2; riverrun-ar",
  );
  await expect(runTable4({ ...more, out: join(folder, "nothing") })).rejects.toThrow("nothing is finished yet");
  lines.length = 0;
  expect((await runTable4(options)).rows).toEqual(rows);
  expect(lines.join("\n")).not.toMatch(/parameters;/);
});

test("the figures of a row are sums over all reported texts by sums of tokens, then a mean over seeds", async () => {
  const { rows } = await runTable4(options);
  const results = [1, 2].map((seed) => {
    const path = join(options.out, "runs", "lines", "riverrun-ar", `seed-${seed}`, "result.json");
    return JSON.parse(readFileSync(path, "utf8")) as {
      nats: number[];
      tokens: number[];
      density: Record<"excess" | "length" | "decoding" | "negLogDensity" | "dimensions", number>;
    };
  });
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
  const perToken = results.map(({ nats, tokens }) => sum(nats) / sum(tokens));
  const excess = results.map(({ density, tokens }) => density.excess / sum(tokens));
  const bits = results.map(({ density }) => density.negLogDensity / density.dimensions / Math.LN2);
  const [row] = rows;
  expect(row.nelboPerToken.mean).toBeCloseTo(sum(perToken) / 2, 12);
  expect(row.nelboPerToken.sd).toBeCloseTo(Math.abs(perToken[0] - perToken[1]) / Math.SQRT2, 12);
  expect(row.excessOverFloorNatsPerToken).toBeCloseTo(sum(excess) / 2, 12);
  expect(row.deviations.excessOverFloorNatsPerToken).toBeCloseTo(Math.abs(excess[0] - excess[1]) / Math.SQRT2, 12);
  expect(row.bitsPerDim).toBeCloseTo(sum(bits) / 2, 9);
  // The bound is the sum of its parts.
  const parts =
    (row.excessOverFloorNatsPerToken ?? 0) + (row.lengthNatsPerToken ?? 0) + (row.decodingNatsPerToken ?? 0);
  expect(row.nelboPerToken.mean).toBeCloseTo(parts, 6);
});

test("a training that explodes is marked, the others end, and the same command tries it again", async () => {
  const out = join(folder, "exploding");
  const exploding = { ...options, out, seeds: 1, scale: quickScale({ learningRate: 1e30, clipNorm: 1e30 }) };
  const { rows, failures } = await runTable4({ ...exploding, models: ["bilstm-density", "bigram"] });
  expect(failures).toHaveLength(1);
  expect(failures[0]).toMatch(/^bilstm-density on lines, seed 1: /);
  const [flow, bigram] = rows;
  expect(flow).toMatchObject({ model: "bilstm-density", seeds: [], parameters: null });
  expect(flow.nelboPerToken).toEqual({ mean: null, sd: null });
  expect(flow.failures).toMatchObject([{ seed: 1, belowFloor: false }]);
  expect(bigram.nelboPerToken.mean).toBeGreaterThan(0);
  expect(page(out)).toContain("| bilstm-density | failed |");
  expect(page(out)).toContain("## Failed");
  lines.length = 0;
  await runTable4({ ...exploding, models: ["bilstm-density", "bigram"] });
  expect(lines).toContain("bigram on lines, seed 1: finished before");
  expect(lines.join("\n")).toMatch(/bilstm-density on lines, seed 1: FAILED/);
});

test("a density below the entropy of its noise is marked as none, and the others end", async () => {
  const { likelihood } = TextFlow.prototype;
  vi.spyOn(TextFlow.prototype, "likelihood").mockImplementation(function (this: TextFlow, ...args) {
    const whole = likelihood.apply(this, args);
    return { ...whole, negLogDensity: whole.negLogDensity.sub(1e5) };
  });
  const out = join(folder, "below");
  const { rows } = await runTable4({ ...options, out, seeds: 1, models: ["riverrun-nar", "bigram"] });
  expect(rows[0].failures).toMatchObject([{ seed: 1, belowFloor: true }]);
  expect(rows[0].failures[0].message).toContain("below the entropy of the noise");
  expect(rows[1].seeds).toEqual([1]);
  expect(page(out)).toContain("| riverrun-nar | below the floor: no density |");
});

test("the whole first seed, with the released code's rows, comes before the second", () => {
  const pieces = piecesOf(chooseRows(["paper-att-c", "bigram"], ["paper-att-c", "bigram"]), ["a", "b"], 2);
  expect(pieces.map(({ kind, row, data, seed }) => `${seed} ${data} ${row} ${kind}`)).toEqual([
    "1 a paper-att-c row",
    "1 a bigram row",
    "1 a paper-att-c released",
    "1 b paper-att-c row",
    "1 b bigram row",
    "1 b paper-att-c released",
    "2 a paper-att-c row",
    "2 a bigram row",
    "2 b paper-att-c row",
    "2 b bigram row",
  ]);
});

test("what the released code counts is on the page, and said to be no density", async () => {
  const out = join(folder, "released");
  const models = ["paper-att-c", "paper-att-s", "bilstm-density"];
  const files = [squadFile(folder)];
  await runTable4({ ...options, files, out, seeds: 1, models });
  const record = JSON.parse(readFileSync(join(out, "table4.json"), "utf8")) as {
    notADensity: { model: string; releasedCode: number; countedOnce: number; doubleCount: number }[];
    orderings: { lower: string; higher: string; verdict: string }[];
    rows: { model: string; paper: number; bitsPerDimPaper: number; bitsPerDim: number }[];
  };
  expect(record.notADensity.map(({ model }) => model).sort()).toEqual(["paper-att-c", "paper-att-s"]);
  for (const one of record.notADensity) expect(one.releasedCode).toBeCloseTo(one.countedOnce + one.doubleCount, 9);
  expect(record.rows.find(({ model }) => model === "paper-att-s")?.paper).toBe(-17.12);
  // At a fixed length T the paper's convention only takes off log2 64.
  for (const row of record.rows) expect(row.bitsPerDimPaper).toBeCloseTo(row.bitsPerDim - 6, 9);
  expect(
    record.orderings.find(({ lower, higher }) => `${lower} ${higher}` === "paper-att-s paper-att-c")?.verdict,
  ).toMatch(/holds|does not hold|undecided/);
  expect(page(out)).toContain("## Not a density");
});

test("refuses rows and scales that there are not, counts that are none, and a folder of other texts", async () => {
  await expect(runTable4({ ...options, models: ["nope"] })).rejects.toThrow(/nope/);
  await expect(runTable4({ ...options, seeds: 0 })).rejects.toThrow("positive integer");
  await expect(runTable4({ ...options, jobs: 0 })).rejects.toThrow("jobs: expected a positive integer");
  expect(() => scaleNamed("huge")).toThrow(/huge/);
  for (const scale of [
    scaleNamed("small"),
    { ...options.scale, minCount: 3 },
    { ...options.scale, vectorIterations: 3 },
  ]) {
    await expect(runTable4({ ...options, scale })).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringContaining("give another --out") as string,
    });
  }
});

test("says what is wrong with data", async () => {
  const run = (...files: string[]): Promise<unknown> => runTable4({ ...options, files });
  const file = (name: string, text: string): string => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  };
  await expect(run(join(folder, "missing.txt"))).rejects.toMatchObject({ exitCode: 3 });
  await expect(run(file("empty.txt", ""))).rejects.toThrow("the file is empty");
  await expect(run(file("line.srt", "1\n00:00:01,000 --> 00:00:02,000\nhello\n"))).rejects.toThrow(
    /expected|give more/,
  );
  await expect(run(folder)).rejects.toMatchObject({ exitCode: 2 });
  await expect(run(file("other.json", '{"a": [1]}'))).rejects.toThrow(/JSON of no known kind/);
  await expect(run(file("few.txt", "one line only\n"))).rejects.toThrow(/give more data/);
  await expect(run(options.files[0], options.files[0])).rejects.toThrow(/would both be called "lines"/);
});
