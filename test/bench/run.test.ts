/** Figures as they are printed, recorded and compared; the command line around them. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { benchAll } from "../../src/bench/all.ts";
import { compared, type Figure, isWorse, readRecorded, writeRecorded } from "../../src/bench/figures.ts";
import { type RunOptions, runAll } from "../../src/bench/run.ts";
import { addBench } from "../../src/cli/commands/bench.ts";
import { records, run, scratch } from "../cli/support.ts";
import { missing } from "../distributed/support.ts";

const about = { machine: "a machine", versions: { libtorch: "2" } };
const step: Figure = { figure: "flow-step", of: "PyTorch", better: "higher", ratio: 1.2 };
const memory: Figure = { figure: "memory", of: "state", better: "lower", ratio: 2 };
const absent: Figure = { figure: "inverse", of: "PyTorch", skipped: "no PyTorch" };

describe("recorded ratios", () => {
  it("are absent where there is no file, and refused where it is something else", () => {
    const file = join(scratch(), "recorded.json");
    expect(readRecorded(file)).toBeUndefined();
    writeFileSync(file, "{");
    expect(() => readRecorded(file)).toThrow(/recorded.json is no JSON.*--record/);
    writeFileSync(file, '{"full": {"a": "b"}}');
    expect(() => readRecorded(file)).toThrow(/recorded.json: .*--record/);
  });

  it("keep quick and whole runs apart, and what a run did not measure", () => {
    const file = join(scratch(), "recorded.json");
    writeRecorded(file, [step, absent], { ...about, quick: true });
    writeRecorded(file, [{ ...step, ratio: 1.4 }], { ...about, quick: false });
    writeRecorded(file, [memory], { ...about, quick: true });
    expect(readRecorded(file)).toMatchObject({
      ...about,
      quick: { "flow-step / PyTorch": 1.2, "memory / state": 2 },
      full: { "flow-step / PyTorch": 1.4 },
    });
  });

  it("tell what is worse by more than a tenth, whichever way is better", () => {
    const before = { "flow-step / PyTorch": 1.5, "memory / state": 1.9 };
    const [slow, same, none] = [step, memory, absent].map((figure) => compared(figure, before));
    expect(slow).toMatchObject({ recorded: 1.5, change: 1.2 / 1.5 });
    expect([slow, same, none].map(isWorse)).toEqual([true, false, false]);
    expect(isWorse(compared({ ...memory, ratio: 2.2 }, before))).toBe(true);
    expect(compared(step, undefined)).toEqual(step);
  });
});

describe("a whole run", () => {
  const optionsFor = (folder: string, figures: readonly Figure[], record = false): RunOptions & { lines: Figure[] } => {
    const lines: Figure[] = [];
    return {
      lines,
      quick: true,
      out: join(folder, "page"),
      recordedFile: join(folder, "recorded.json"),
      record,
      self: [],
      onFigure: (figure) => void lines.push(figure),
      say: () => undefined,
      measure: async function* ({ onGrowth }) {
        const points = [10, 20].map((value) => ({ value, stepMs: value, inverseMs: value / 2 }));
        onGrowth?.({ size: "T", name: "positions T", points, exponent: 1 });
        yield* figures;
      },
    };
  };

  it("writes a page and skips the comparison where nothing was recorded", async () => {
    const folder = scratch();
    const options = optionsFor(folder, [step, memory, absent, { figure: "x", of: "y", failed: "it broke" }], true);
    const { failed, pages } = await runAll(options);
    expect(failed).toBe(1);
    expect(options.lines.at(-1)).toMatchObject({ figure: "comparison", skipped: expect.stringContaining("--record") });
    expect(pages.every((page) => existsSync(page))).toBe(true);
    const page = readFileSync(join(folder, "page", "bench.html"), "utf8");
    for (const word of ["skipped: no PyTorch", "failed: it broke", "1.20", "<svg", "positions T"])
      expect(page).toContain(word);
  });

  it("compares with what an earlier run recorded", async () => {
    const folder = scratch();
    await runAll(optionsFor(folder, [step], true));
    const later = optionsFor(folder, [{ ...step, ratio: 0.6 }]);
    await runAll(later);
    expect(later.lines).toEqual([{ ...step, ratio: 0.6, recorded: 1.2, change: 0.5 }]);
    expect(readFileSync(join(folder, "page", "bench.md"), "utf8")).toContain("1 of 1 figures are worse");
  });
});

describe("the parts", () => {
  const partsOf = async (only: readonly string[], program: string, quick = true): Promise<Figure[]> => {
    const folder = scratch();
    const self = join(folder, "self.mjs");
    writeFileSync(self, program);
    const figures: Figure[] = [];
    for await (const figure of benchAll({ quick, self: [self], only, clone: folder })) figures.push(figure);
    return figures;
  };
  const prints = (row: object): string => `console.log(${JSON.stringify(JSON.stringify(row))});`;

  it("skip what the peer would have told, with its word", async () => {
    const row = { fractionOfPeak: 0.6, inverseFractionOfPeak: 0.5, peakRssMb: 100, peerSkipped: "no PyTorch here" };
    const figures = await partsOf(["flow-step"], prints(row));
    expect(figures.map(({ figure, of, ratio, skipped }) => [figure, of, ratio ?? skipped])).toEqual([
      ["flow-step", "GEMM peak", 0.6],
      ["flow-step inverse", "GEMM peak", 0.5],
      ["flow-step", "PyTorch", "no PyTorch here"],
      ["flow-step inverse", "PyTorch", "no PyTorch here"],
      ["flow-step memory", "PyTorch", "no PyTorch here"],
    ]);
  });

  it("divide our memory by the peer's", async () => {
    const figures = await partsOf(["causal"], prints({ speedup: 2, peakRssMb: 100, peerPeakRssMb: 400 }));
    expect(figures.at(0)).toMatchObject({ figure: "causal step", ratio: 2, better: "higher" });
    expect(figures.at(-1)).toMatchObject({ figure: "causal memory", ratio: 0.25, better: "lower" });
  });

  it("compare the gain of two processes with the peer's", async () => {
    if (missing !== undefined) return;
    const figures = await partsOf(["data-parallel"], prints({ scaling: 1.6, scalingRatio: 0.97 }));
    expect(figures.map(({ figure, of, ratio }) => [figure, of, ratio])).toEqual([
      ["two processes", "one process", 1.6],
      ["scaling of two processes", "PyTorch", 0.97],
    ]);
    const [, alone] = await partsOf(["data-parallel"], prints({ scaling: 1.6, peerSkipped: "no PyTorch here" }));
    expect(alone).toMatchObject({ skipped: "no PyTorch here" });
  });

  it("skip scripts that the package does not have and presets that a quick run leaves out", async () => {
    const figures = await partsOf(["tokenizers", "metrics", "glove", "memory"], prints({ peakOverState: 3 }));
    const skipped = figures.filter((figure) => figure.skipped !== undefined);
    expect(skipped.map(({ figure }) => figure)).toEqual(
      expect.arrayContaining(["tokenizers", "GloVe records", "metrics"]),
    );
    for (const name of ["tokenizers", "metrics"]) {
      // A quick run of everything leaves metrics out; one that names them does not.
      expect(skipped.find(({ figure }) => figure === name)?.skipped).toContain("part of a clone");
    }
    expect(figures.find(({ figure }) => figure === "memory of small")).toMatchObject({ ratio: 3, better: "lower" });
    expect(skipped.map(({ figure }) => figure)).toContain("memory of paper-nar");
  });

  it("go on where one of them fails", async () => {
    const figures = await partsOf(["operator", "ar"], 'throw new TypeError("no such kernel");');
    expect(figures).toEqual([
      { figure: "operator", of: "the run", failed: "TypeError: no such kernel" },
      { figure: "ar", of: "the run", failed: "TypeError: no such kernel" },
    ]);
  });
});

describe("riverrun bench", () => {
  it("prints one JSON line a measurement", async () => {
    const sizes = ["--steps", "1", "--levels", "1", "--batch", "1", "--positions", "4", "--channels", "12"];
    const { code, out } = await run(addBench, ["bench", "flow-step", ...sizes, "--repeats", "1", "--json"]);
    expect(code).toBe(0);
    expect(records(out)).toEqual([expect.objectContaining({ preset: "paper-nar", precision: "float32" })]);
  });

  it("refuses what a kind does not take, and unknown parts and precisions", async () => {
    const refused = async (...args: string[]): Promise<string> => {
      const { code, out, err } = await run(addBench, ["bench", ...args]);
      expect([code, out]).toEqual([2, ""]);
      return err;
    };
    expect(await refused("op", "--steps", "3")).toContain("bench op takes no --steps: it belongs to flow-step, ar");
    expect(await refused("all", "--peer")).toContain("bench all takes no --peer");
    expect(await refused("op", "--quick")).toContain("bench --quick --only operator");
    expect(await refused("flow-step", "--quick")).toContain("bench --quick --only flow-step");
    expect(await refused("--only", "flow-step,nothing")).toContain('unknown part "nothing"');
    expect(await refused("flow-step", "--precision", "float16")).toContain("precision float16");
    expect(await refused("flow-step", "--layout", "tall")).toContain("tall");
  });
});
