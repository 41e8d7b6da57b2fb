import { existsSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { builtinCorpus } from "../../src/corpora/index.ts";
import { scaleNamed } from "../../src/experiments/scales.ts";
import { runTable4, type Table4Options } from "../../src/experiments/table4/table4.ts";

const folder = mkdtempSync(join(tmpdir(), "riverrun-table4-"));
const file = join(folder, "lines.txt");
writeFileSync(file, `${builtinCorpus({ sentences: 300 }).sentences.join("\n")}\n`);
const tiny = scaleNamed("tiny");
const lines: string[] = [];
const options: Table4Options = {
  files: [file],
  scale: { ...tiny, vectorIterations: 2, train: { ...tiny.train, maxSteps: 6, validateEvery: 3, checkpointEvery: 3 } },
  seeds: 2,
  out: join(folder, "out"),
  models: ["riverrun-ar", "transformer-lm", "bigram"],
  device: "cpu",
  log: (message) => lines.push(message),
  stopRequested: () => undefined,
};

test("trains the rows, writes one page three times, and trains nothing again", async () => {
  const { rows, files } = await runTable4(options);
  expect(rows.map(({ model }) => model)).toEqual(options.models);
  const [flow, language, bigram] = rows;
  expect(flow.seeds).toEqual([1, 2]);
  expect(flow.nelboPerToken.sd).toBeGreaterThan(0);
  expect(flow.bitsPerDim).toBeGreaterThan(flow.floorBitsPerDim ?? Number.POSITIVE_INFINITY);
  for (const row of [language, bigram]) {
    expect(row.bitsPerDim).toBeNull();
    expect(row.nelboPerToken.mean).toBeGreaterThan(0);
  }
  expect(bigram.nelboPerToken.sd).toBe(0);
  for (const path of files) expect(existsSync(path)).toBe(true);
  const record = JSON.parse(readFileSync(join(options.out, "table4.json"), "utf8")) as { rows: unknown };
  expect(record.rows).toEqual(rows);
  expect(readFileSync(join(options.out, "table4.md"), "utf8")).toContain("| riverrun-ar |");
  lines.length = 0;
  expect((await runTable4(options)).rows).toEqual(rows);
  expect(lines.join("\n")).not.toMatch(/parameters;/);
});

test("refuses rows and scales that there are not, and counts that are none", async () => {
  await expect(runTable4({ ...options, models: ["nope"] })).rejects.toThrow(/nope/);
  await expect(runTable4({ ...options, seeds: 0 })).rejects.toThrow("positive integer");
  expect(() => scaleNamed("huge")).toThrow(/huge/);
});
