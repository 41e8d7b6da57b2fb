/** riverrun experiment: its help, what it refuses, what it prints. */
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { addExperiment } from "../../src/cli/commands/experiment.ts";
import { linesFile } from "../experiments/support.ts";
import { type Ended, records, run, scratch } from "./support.ts";

const folder = scratch();
const data = linesFile(folder);
const experiment = (...args: string[]): Promise<Ended> => run(addExperiment, ["experiment", ...args]);

describe("riverrun experiment", () => {
  it("says in its help what a table makes, with an example", async () => {
    for (const table of ["table1", "table2", "table3", "table4"]) {
      const { code, out } = await experiment(table, "--help");
      expect(code).toBe(0);
      expect(out).toContain(`${table}.json, .md, .html`);
      expect(out).toMatch(new RegExp(`Example:\\n {2}\\$ npx riverrun experiment ${table} `));
    }
    expect((await experiment("table4", "--help")).out).toContain("--jobs");
  });

  it("ends with 2 for wrong usage and 3 for missing data", async () => {
    const out = ["--out", join(folder, "refused")];
    const table4 = (...args: string[]): Promise<Ended> => experiment("table4", ...args, ...out);
    expect((await table4()).code).toBe(2);
    expect((await table4("--data", data, "--jobs", "0")).code).toBe(2);
    expect((await table4("--data", data, "--scale", "huge")).err).toContain("expected one of tiny, small, paper");
    const unknown = await table4("--data", data, "--models", "bigram,nope");
    expect(unknown.code).toBe(2);
    expect(unknown.err).toContain('unknown model "nope"');
    const missing = await table4("--data", join(folder, "none.txt"));
    expect(missing.code).toBe(3);
    expect(missing.err).toContain("none.txt does not exist");
    expect((await experiment("table2", "--ratios", "0.5,much", ...out)).code).toBe(2);
    expect((await experiment("table1", ...out)).err).toContain(
      "expected --data FILE... to train on, or --model DIR...",
    );
  });

  it("prints a row a line and names the files", async () => {
    const out = join(folder, "bigram");
    const { code, out: printed, err } = await experiment("table4", "--data", data, "--models", "bigram", "--out", out);
    expect(err).toContain(`written: ${join(out, "table4-nats.svg")}`);
    expect(code).toBe(0);
    expect(records(printed)).toMatchObject([{ model: "bigram", data: "lines", seeds: [1], bitsPerDim: null }]);
  });
});
