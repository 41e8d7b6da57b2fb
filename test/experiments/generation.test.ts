/** Tables 1 to 3, on the same trainings. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { runTable1 } from "../../src/experiments/table1.ts";
import { runTable2 } from "../../src/experiments/table2.ts";
import { runTable3 } from "../../src/experiments/table3.ts";
import { runTable4 } from "../../src/experiments/table4/table4.ts";
import { linesFile, quickScale, scratch, squadFile } from "./support.ts";

const folder = scratch();
const lines: string[] = [];
const options = {
  files: [linesFile(folder)],
  scale: quickScale(),
  out: join(folder, "out"),
  seed: 1,
  device: "cpu",
  log: (message: string) => lines.push(message),
  stopRequested: () => undefined,
};
const rows = ["paper-att-ar", "riverrun-ar", "riverrun-nar"];
const read = (name: string, out = options.out): string => readFileSync(join(out, name), "utf8");

describe("Table 1", () => {
  it("shows every sample of every model at every temperature, and the same ones again", async () => {
    const models = ["riverrun-nar", "riverrun-ar"];
    const run = () => runTable1({ ...options, models, count: 4, temperatures: [1, 1.15], unknown: true });
    const { record, files } = await run();
    expect(record.sets.map(({ model, temperature, topK, topP }) => [model, temperature, topK, topP])).toEqual([
      ["riverrun-nar", 1, null, null],
      ["riverrun-nar", 1.15, null, null],
      ["riverrun-ar", 1, 0, 1],
      ["riverrun-ar", 1.15, 0, 1],
    ]);
    for (const path of files) expect(existsSync(path)).toBe(true);
    for (const { samples, distinct1, bigramNatsPerToken } of record.sets) {
      expect(samples.map(({ seed }) => seed)).toEqual([1, 2, 3, 4]);
      expect(distinct1).toBeGreaterThan(0);
      expect(bigramNatsPerToken).toBeGreaterThan(0);
    }
    const listed = read("table1.md")
      .split("\n")
      .filter((line) => line.startsWith("- ")).length;
    expect(listed).toBe(16);
    lines.length = 0;
    expect((await run()).record.sets).toEqual(record.sets);
    expect(lines.filter((line) => line.includes("finished before"))).toHaveLength(2);
  });

  it("takes given models instead, and refuses what makes no sense", async () => {
    const folders = [join(options.out, "runs", "lines", "riverrun-ar", "seed-1")];
    const given = { ...options, files: [], modelFolders: folders, out: join(folder, "given"), count: 2, unknown: true };
    const { record } = await runTable1({ ...given, temperatures: [1] });
    expect(record.data).toBeNull();
    expect(record.sets).toMatchObject([{ model: "riverrun-ar", inTrainingShare: null, bigramNatsPerToken: null }]);
    const truncated = await runTable1({ ...given, temperatures: [1], topP: [1, 0.5] });
    expect(truncated.record.sets.map(({ topP }) => topP)).toEqual([1, 0.5]);
    expect(truncated.record.sets[0]).toEqual(record.sets[0]);
    expect(truncated.record.command).toContain("--top-p 1,0.5");
    const rules = await runTable1({ ...given, temperatures: [1], topK: [0, 1], minP: [0, 0.1] });
    expect(rules.record.sets.map(({ topK, topP, minP }) => [topK, topP, minP])).toEqual([
      [0, 1, 0],
      [0, 1, 0.1],
      [1, 1, 0],
      [1, 1, 0.1],
    ]);
    expect(rules.record.command).toContain("--top-k 0,1 --min-p 0,0.1");
    // Where one word is left, min-p leaves it.
    expect(rules.record.sets[3].samples).toEqual(rules.record.sets[2].samples);
    const page = read("table1.md", given.out);
    expect(page).toContain("| model | temperature | top-k | min-p | words |");
    expect(page).toContain("## riverrun-ar, temperature 1, top-k 1, min-p 0.1");
    const refused = async (over: object, message: RegExp): Promise<void> => {
      await expect(runTable1({ ...given, temperatures: [1], ...over })).rejects.toThrow(message);
    };
    await refused({ temperatures: [0] }, /temperatures: expected numbers above 0, got 0/);
    await refused({ topP: [0] }, /top-p: expected a number above 0, at most 1, got 0/);
    await refused({ topK: [3, 0.5] }, /top-k: expected a whole number of at least 0, got 0.5/);
    await refused({ minP: [2] }, /min-p: expected a number from 0 to 1, got 2/);
    await refused({ count: 0 }, /count: expected a positive integer/);
    await refused({ models: ["riverrun-ar"] }, /either --model DIR... or --models/);
    await refused({ modelFolders: undefined }, /expected --data FILE... to train on/);
    await refused({ ...options, modelFolders: undefined, models: ["bigram"] }, /no model "bigram"/);
  });
});

describe("Table 2", () => {
  it("goes from one end to the other and says what the ends come back as", async () => {
    const { record } = await runTable2({ ...options, models: ["riverrun-ar"], ratios: [0.6, 0.5, 0.4], pairs: 2 });
    expect(record.ways).toHaveLength(2);
    for (const { first, second, between } of record.ways) {
      expect(between.map(({ ratio }) => ratio)).toEqual([1, 0.6, 0.5, 0.4, 0]);
      // Its latents decode to the text that they came from.
      const words = (text: string): string => text.replaceAll(/\s+(?=[.,?])/g, "");
      expect(words(between[0].text)).toBe(words(first));
      expect(words(between[4].text)).toBe(words(second));
    }
    expect(read("table2.md")).toContain("## Pair 2");
  });

  it("takes pairs of the caller and refuses what is no pair or no weight", async () => {
    const model = [join(options.out, "runs", "lines", "riverrun-ar", "seed-1")];
    const given = { ...options, files: [], modelFolders: model, out: join(folder, "pairs"), pairs: 5, ratios: [0.5] };
    const texts = options.files.flatMap((path) => readFileSync(path, "utf8").split("\n").slice(0, 2));
    const { record } = await runTable2({ ...given, texts });
    expect(record.ways.map(({ first, second }) => [first, second])).toEqual([texts]);
    expect(record.command).toBe(
      `riverrun experiment table2 --model riverrun-ar --scale tiny --seed 1 --ratios 0.5 --texts '${texts[0]}' '${texts[1]}' --out DIR`,
    );
    await expect(runTable2({ ...given, texts: texts.slice(1) })).rejects.toMatchObject({ exitCode: 2 });
    await expect(runTable2({ ...given, texts, ratios: [2] })).rejects.toThrow(/ratios: expected numbers from 0 to 1/);
    await expect(runTable2({ ...given })).rejects.toMatchObject({ exitCode: 2 });
  });
});

describe("Table 3", () => {
  const sweep = { variances: [0, 1], contexts: 3, variants: 2 };

  it("rewrites chunks without an answer, keeps every word that it knows at variance 0, and shows all", async () => {
    const squad = { ...options, files: [squadFile(folder)], out: join(folder, "squad") };
    const { record } = await runTable3({ ...squad, ...sweep, models: ["riverrun-ar"] });
    expect(record.contexts).toContain("hold no answer of a question");
    expect(record.filter).toBeNull();
    expect(record.command).toBe(
      "riverrun experiment table3 --data dev-own.json --models riverrun-ar --scale tiny --seed 1 --variances 0,1 --contexts 3 --variants 2 --out DIR",
    );
    expect(record.points.map(({ variance }) => variance)).toEqual([0, 1]);
    const [still, moved] = record.points;
    expect(still.emptyShare).toBe(0);
    expect(still.selfBleu).toBeCloseTo(100, 9);
    for (const { source, text } of still.rewrites) {
      const known = (words: string): string[] => words.toLowerCase().match(/[a-z]+/g) ?? [];
      expect(known(source)).toEqual(expect.arrayContaining(known(text.replaceAll("<unk>", ""))));
    }
    expect(moved.keptShare).toBeLessThan(still.keptShare);
    expect(moved.selfBleu).toBeLessThan(100);
    for (const { rewrites } of record.points) expect(rewrites).toHaveLength(6);
    expect(read("table3.md", squad.out)).toContain("No filter has run");
    expect(read("table3-kept.svg", squad.out)).toMatch(/^<svg /);
    // One rewrite has no other to be compared with. (The training of above is not done again.)
    const alone = await runTable3({ ...squad, ...sweep, variants: 1, models: ["riverrun-ar"] });
    expect(alone.record.points.map(({ selfBleu, rewrites }) => [selfBleu, rewrites.length])).toEqual([
      [null, 3],
      [null, 3],
    ]);
  });

  it("needs data, and refuses variances that perturb does not take", async () => {
    await expect(runTable3({ ...options, ...sweep, files: [] })).rejects.toThrow(/expected --data FILE/);
    for (const bad of [-1, 1e6]) {
      await expect(runTable3({ ...options, ...sweep, variances: [0, bad] })).rejects.toThrow(
        new RegExp(`^variances: expected a number from 0 to 10000 .*, got ${bad}$`),
      );
    }
    await expect(runTable3({ ...options, ...sweep, variants: 0 })).rejects.toThrow(/variants/);
    const two = [options.files[0], squadFile(folder)];
    await expect(runTable3({ ...options, ...sweep, files: two })).rejects.toThrow(/made from one data set/);
  });
});

it("the tables share their trainings with Table 4", async () => {
  lines.length = 0;
  await runTable4({ ...options, seeds: 1, models: rows.slice(1) });
  expect(lines.filter((line) => line.includes("finished before"))).toHaveLength(2);
});
